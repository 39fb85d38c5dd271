// The id that lies $count patents behind $after in the order of ids: the end of a chunk.
// parameters: $after; $count
// columns: patent_id, no row where fewer are left
MATCH (p:Patent) WHERE p.patent_id > $after
RETURN p.patent_id AS patent_id
ORDER BY patent_id SKIP $count LIMIT 1
