-- The number of a clean symbol: section (5 bits), class + 1 (7), subclass (5), main group (14) and subgroup
-- with a 1 before its digits (21); 0 stands for none. So code >> 47 is the section, >> 40 the class, >> 35 the
-- subclass, >> 21 the main group, and what two patents have in common is found by comparing numbers. NULL for
-- what is no symbol.
CREATE OR REPLACE TEMP MACRO code_of(symbol) AS
CASE WHEN regexp_full_match(symbol, '[A-HY](\d\d([A-Z]([1-9]\d{0,3}/\d{2,6})?)?)?') THEN
    ((ascii(symbol) - 64)::BIGINT << 47)
    | (CASE WHEN length(symbol) >= 3 THEN 1 + TRY_CAST(symbol[2:3] AS BIGINT) ELSE 0 END << 40)
    | (CASE WHEN length(symbol) >= 4 THEN ascii(symbol[4]) - 64 ELSE 0 END::BIGINT << 35)
    | (CASE WHEN contains(symbol, '/') THEN TRY_CAST(split_part(symbol[5:], '/', 1) AS BIGINT) ELSE 0 END << 21)
    | CASE WHEN NOT contains(symbol, '/') OR ends_with(symbol, '/00') THEN 0
           ELSE TRY_CAST('1' || split_part(symbol, '/', 2) AS BIGINT) END
END
