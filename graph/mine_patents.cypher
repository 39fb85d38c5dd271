// What mining asks about each patent of a chunk: one record a patent, so that the server does the collecting.
// parameters: $after (not itself); $upto (itself; null for no end)
// columns: patent_id, date, year, type, text_key, codes, cites
MATCH (p:Patent) WHERE p.patent_id > $after AND ($upto IS NULL OR p.patent_id <= $upto)
RETURN p.patent_id AS patent_id, toString(p.date) AS date, p.year AS year, p.type AS type,
       p.text_key AS text_key, [(p)-[:CLASSIFIED_AS]->(c) | c.symbol] AS codes,
       [(p)-[:CITES]->(q) | q.patent_id] AS cites
