-- The symbols of each patent as numbers (see code_of.sql).
-- columns: p, codes (ascending, each once)
WITH number AS MATERIALIZED (  -- else each row's symbol would be read anew
    SELECT symbol, code_of(symbol) AS code FROM (SELECT DISTINCT symbol FROM classified))
SELECT p, list_sort(list_distinct(list(code))) AS codes
FROM classified JOIN number USING (symbol)
WHERE code IS NOT NULL
GROUP BY p
