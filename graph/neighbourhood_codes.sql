-- The codes of one patent with their titles.
-- parameters: $patent_id
-- columns: symbol, level, title, in the order of the source
SELECT symbol, level, title
FROM patent JOIN classified USING (p) LEFT JOIN cpc USING (symbol)
WHERE patent_id = $patent_id
ORDER BY sequence, symbol
