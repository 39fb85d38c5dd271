// The rows $from to $upto of part cites, exactly once: the record of the load is locked before it is read, and
// changes in the same transaction, so that a batch that is sent again finds its work done.
// parameters: $fingerprint; $from; $upto; $rows [[patent_id, [id of what it cites, ...]], ...]
MATCH (l:GraphLoad {id: 'patentcl'})
SET l.locked = true
WITH l WHERE l.fingerprint = $fingerprint AND l.part = 'cites' AND l.rows = $from
SET l.rows = $upto
REMOVE l.locked
WITH l
UNWIND $rows AS row
MATCH (a:Patent {patent_id: row[0]})
UNWIND row[1] AS cited
MATCH (b:Patent {patent_id: cited})
CREATE (a)-[:CITES]->(b)
