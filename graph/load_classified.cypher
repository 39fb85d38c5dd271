// The rows $from to $upto of part classified, exactly once: the record of the load is locked before it is read, and
// changes in the same transaction, so that a batch that is sent again finds its work done.
// parameters: $fingerprint; $from; $upto; $rows [[patent_id, [symbol, ...], [sequence, ...]], ...]
MATCH (l:GraphLoad {id: 'patentcl'})
SET l.locked = true
WITH l WHERE l.fingerprint = $fingerprint AND l.part = 'classified' AND l.rows = $from
SET l.rows = $upto
REMOVE l.locked
WITH l
UNWIND $rows AS row
MATCH (p:Patent {patent_id: row[0]})
UNWIND range(0, size(row[1]) - 1) AS i
MATCH (c:Cpc {symbol: row[1][i]})
CREATE (p)-[:CLASSIFIED_AS {sequence: row[2][i]}]->(c)
