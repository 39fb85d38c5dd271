// The codes of one patent with their titles.
// parameters: $patent_id
// columns: symbol, level, title, in the order of the source
MATCH (:Patent {patent_id: $patent_id})-[r:CLASSIFIED_AS]->(c:Cpc)
RETURN c.symbol AS symbol, c.level AS level, c.title AS title
ORDER BY r.sequence, symbol
