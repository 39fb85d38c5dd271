// The symbols with level and title, all in one record: as records of their own they would take longer than all
// patents of a chunk.
// columns: symbols [[node, symbol, level or null, title], ...]
MATCH (c:Cpc)
RETURN collect([id(c), c.symbol, c.level, c.title]) AS symbols
