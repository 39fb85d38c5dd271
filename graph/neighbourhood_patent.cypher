// Whether a patent is there.
// parameters: $patent_id
// columns: patent_id
MATCH (p:Patent {patent_id: $patent_id})
RETURN p.patent_id AS patent_id
