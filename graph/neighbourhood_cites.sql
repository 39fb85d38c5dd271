-- What one patent cites and what cites it, inside the corpus.
-- parameters: $patent_id
-- columns: direction (cites | cited_by), patent_id, date
SELECT 'cites' AS direction, b.patent_id, b.date
FROM patent a JOIN cites c ON c.citing = a.p JOIN patent b ON b.p = c.cited
WHERE a.patent_id = $patent_id
UNION ALL
SELECT 'cited_by', a.patent_id, a.date
FROM patent b JOIN cites c ON c.cited = b.p JOIN patent a ON a.p = c.citing
WHERE b.patent_id = $patent_id
ORDER BY direction, patent_id
