-- Symbols and their titles.
-- needs: table symbol_node
-- table: cpc (symbol, level, title)
CREATE TABLE cpc AS
SELECT symbol, level, title FROM symbol_node WHERE level IS NOT NULL
