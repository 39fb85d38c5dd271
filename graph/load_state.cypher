// What has been loaded, and how far: no row where nothing was.
// columns: fingerprint, part (being loaded; clear | patent | cpc | child_of | classified | cites | done), rows
//          (of the part, that are there)
MATCH (l:GraphLoad {id: 'patentcl'})
RETURN l.fingerprint AS fingerprint, l.part AS part, l.rows AS rows
