-- The symbols of each patent as numbers. A code holds section (5 bits), class + 1 (7), subclass (5), main
-- group (14) and subgroup with a 1 before its digits (21); 0 stands for none. So code >> 47 is the section,
-- >> 40 the class, >> 35 the subclass, >> 21 the main group, and sets of them are compared as numbers.
-- columns: p, codes (ascending, each once)
SELECT p, list_sort(list_distinct(list(code))) AS codes
FROM classified
JOIN (SELECT symbol,
             ((ascii(symbol) - 64)::BIGINT << 47)
             | (CASE WHEN length(symbol) >= 3 THEN 1 + TRY_CAST(symbol[2:3] AS BIGINT) ELSE 0 END << 40)
             | (CASE WHEN length(symbol) >= 4 THEN ascii(symbol[4]) - 64 ELSE 0 END::BIGINT << 35)
             | (CASE WHEN contains(symbol, '/') THEN TRY_CAST(split_part(symbol[5:], '/', 1) AS BIGINT)
                     ELSE 0 END << 21)
             | CASE WHEN NOT contains(symbol, '/') OR ends_with(symbol, '/00') THEN 0
                    ELSE TRY_CAST('1' || split_part(symbol, '/', 2) AS BIGINT) END AS code
      FROM (SELECT DISTINCT symbol FROM classified)
      WHERE regexp_full_match(symbol, '[A-HY](\d\d([A-Z]([1-9]\d{0,3}/\d{2,6})?)?)?')) number USING (symbol)
GROUP BY p
