// The symbols with level and title.
// columns: symbol, level, title
MATCH (c:Cpc) WHERE c.level IS NOT NULL
RETURN c.symbol AS symbol, c.level AS level, c.title AS title
