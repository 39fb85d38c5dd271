// The symbols with level and title, all in one record: as records of their own they would take longer than all
// patents of a chunk.
// columns: symbols [[symbol, level, title], ...]
MATCH (c:Cpc) WHERE c.level IS NOT NULL
RETURN collect([c.symbol, c.level, c.title]) AS symbols
