-- The symbols of each patent as numbers (see code_of.sql).
-- columns: p, codes (ascending, each once)
SELECT p, list_sort(list_distinct(list(code))) AS codes
FROM classified
JOIN (SELECT symbol, code_of(symbol) AS code FROM (SELECT DISTINCT symbol FROM classified)) numbers
    USING (symbol)
WHERE code IS NOT NULL
GROUP BY p
