-- Codes of patents by number, for an import file.
-- needs: table stage_cpc
-- columns: number of the patent, number of the symbol, sequence
SELECT p, n, sequence FROM classified JOIN stage_cpc USING (symbol)
