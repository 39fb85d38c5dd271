// One part is complete and the next begins.
// parameters: $fingerprint of the data; $part; $next
MATCH (l:GraphLoad {id: 'patentcl', fingerprint: $fingerprint, part: $part})
SET l.part = $next, l.rows = 0
