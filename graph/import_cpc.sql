-- Symbols for an import file.
-- needs: table stage_cpc
-- columns: number, symbol, level, title
SELECT n, symbol, level, title FROM stage_cpc ORDER BY n
