// What one patent cites and what cites it, inside the corpus.
// parameters: $patent_id
// columns: direction (cites | cited_by), patent_id, date
MATCH (:Patent {patent_id: $patent_id})-[:CITES]->(b:Patent)
RETURN 'cites' AS direction, b.patent_id AS patent_id, toString(b.date) AS date
ORDER BY patent_id
UNION ALL
MATCH (:Patent {patent_id: $patent_id})<-[:CITES]-(a:Patent)
RETURN 'cited_by' AS direction, a.patent_id AS patent_id, toString(a.date) AS date
ORDER BY patent_id
