// Begin a load: from here on the graph is not complete until its last part is there.
// parameters: $fingerprint of the data; $part to begin with
MERGE (l:GraphLoad {id: 'patentcl'})
SET l.fingerprint = $fingerprint, l.part = $part, l.rows = 0
