-- Symbols and those above them by number, for an import file.
-- needs: table stage_cpc
-- columns: number, number of the one above
SELECT a.n, b.n FROM stage_cpc a JOIN stage_cpc b ON b.symbol = a.above ORDER BY a.n
