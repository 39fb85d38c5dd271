// What mining asks about each patent of a chunk: a list for each patent, and all lists in one record. The server
// does the collecting, and what a record costs on its way is paid once a chunk, not once a patent.
// Symbols and cited patents are named by the server's own numbers: it has these at hand, and their names not.
// parameters: $after (not itself); $upto (itself; null for no end)
// columns: patents [[node, patent_id, date, year, type, text_key, [node of a code, ...], [node of what it cites, ...]], ...]
MATCH (p:Patent) WHERE p.patent_id > $after AND ($upto IS NULL OR p.patent_id <= $upto)
RETURN collect([id(p), p.patent_id, toString(p.date), p.year, p.type, p.text_key,
                [(p)-[:CLASSIFIED_AS]->(c) | id(c)], [(p)-[:CITES]->(q) | id(q)]]) AS patents
