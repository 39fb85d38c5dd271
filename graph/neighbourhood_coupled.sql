-- Patents that cite what one patent cites, those with most references in common first.
-- parameters: $patent_id; $limit
-- columns: patent_id, date, shared (references in common)
SELECT q.patent_id, q.date, count(*) AS shared
FROM patent p
JOIN cites c ON c.citing = p.p
JOIN cites d ON d.cited = c.cited AND d.citing <> p.p
JOIN patent q ON q.p = d.citing
WHERE p.patent_id = $patent_id
GROUP BY q.patent_id, q.date
ORDER BY shared DESC, q.patent_id
LIMIT $limit
