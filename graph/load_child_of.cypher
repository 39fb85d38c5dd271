// The rows $from to $upto of part child_of, exactly once: the record of the load is locked before it is read, and
// changes in the same transaction, so that a batch that is sent again finds its work done.
// parameters: $fingerprint; $from; $upto; $rows [[symbol, symbol above it], ...]
MATCH (l:GraphLoad {id: 'patentcl'})
SET l.locked = true
WITH l WHERE l.fingerprint = $fingerprint AND l.part = 'child_of' AND l.rows = $from
SET l.rows = $upto
REMOVE l.locked
WITH l
UNWIND $rows AS row
MATCH (c:Cpc {symbol: row[0]}), (above:Cpc {symbol: row[1]})
CREATE (c)-[:CHILD_OF]->(above)
