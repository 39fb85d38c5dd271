// The rows $from to $upto of part cpc, exactly once: the record of the load is locked before it is read, and
// changes in the same transaction, so that a batch that is sent again finds its work done.
// parameters: $fingerprint; $from; $upto; $rows [[symbol, level, title], ...]
MATCH (l:GraphLoad {id: 'patentcl'})
SET l.locked = true
WITH l WHERE l.fingerprint = $fingerprint AND l.part = 'cpc' AND l.rows = $from
SET l.rows = $upto
REMOVE l.locked
WITH l
UNWIND $rows AS row
CREATE (c:Cpc {symbol: row[0], level: row[1], title: row[2]})
