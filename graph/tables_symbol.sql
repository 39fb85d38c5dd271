-- Symbols as the tables spell them, cleaned where need be, and as numbers (see code_of.sql).
-- needs: raw_symbol (raw)
-- adds to: symbol_number (raw, symbol, code)
INSERT INTO symbol_number
SELECT raw, symbol, code_of(symbol)
FROM (SELECT raw, raw AS symbol FROM raw_symbol WHERE code_of(raw) IS NOT NULL
      UNION ALL
      SELECT raw, clean_symbol(raw) FROM raw_symbol WHERE code_of(raw) IS NULL)
WHERE symbol IS NOT NULL
