// What mining asks about each patent of a chunk: a list for each patent, and all lists in one record. The server
// does the collecting, and what a record costs on its way is paid once a chunk, not once a patent.
// parameters: $after (not itself); $upto (itself; null for no end)
// columns: patents [[patent_id, date, year, type, text_key, [code, ...], [patent_id of what it cites, ...]], ...]
MATCH (p:Patent) WHERE p.patent_id > $after AND ($upto IS NULL OR p.patent_id <= $upto)
RETURN collect([p.patent_id, toString(p.date), p.year, p.type, p.text_key,
                [(p)-[:CLASSIFIED_AS]->(c) | c.symbol], [(p)-[:CITES]->(q) | q.patent_id]]) AS patents
