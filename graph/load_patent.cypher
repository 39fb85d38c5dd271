// The rows $from to $upto of part patent, exactly once: the record of the load is locked before it is read, and
// changes in the same transaction, so that a batch that is sent again finds its work done.
// parameters: $fingerprint; $from; $upto; $rows [[patent_id, date, year, type, text_key], ...]
MATCH (l:GraphLoad {id: 'patentcl'})
SET l.locked = true
WITH l WHERE l.fingerprint = $fingerprint AND l.part = 'patent' AND l.rows = $from
SET l.rows = $upto
REMOVE l.locked
WITH l
UNWIND $rows AS row
CREATE (p:Patent {patent_id: row[0], date: row[1], year: row[2], type: row[3], text_key: row[4]})
