// Patents that cite what one patent cites, those with most references in common first.
// parameters: $patent_id; $limit
// columns: patent_id, date, shared (references in common)
MATCH (p:Patent {patent_id: $patent_id})-[:CITES]->(r:Patent)<-[:CITES]-(q:Patent)
WHERE q <> p
WITH q, count(r) AS shared
ORDER BY shared DESC, q.patent_id
LIMIT $limit
RETURN q.patent_id AS patent_id, toString(q.date) AS date, shared
ORDER BY shared DESC, patent_id
