-- Each code of a patent once, those of some patents at a time.
-- parameters: $from, $upto numbers of patents, the last left out
-- needs: codes (p, code, sequence, raw), symbol_number (raw, symbol, code)
-- adds to: labelled (p, code, sequence)
INSERT INTO labelled
SELECT p, coalesce(codes.code, late.code), min(sequence)
FROM codes LEFT JOIN symbol_number late ON late.raw = codes.raw
WHERE p >= $from AND p < $upto AND coalesce(codes.code, late.code) IS NOT NULL
GROUP BY 1, 2
