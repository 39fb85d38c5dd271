-- The patents that mining looks at: those first in random order. Sets of their symbols at each level as
-- numbers (see code_of.sql), sections also as bits; what they cite; and duplicate_group, equal within a family and among
-- near-copies.
-- parameters: $below of the random keys
-- needs: sampled (p, rk), coded (p, codes)
-- table: scope (p, rk, year, duplicate_group, sections, section, class, subclass, group, subgroup, refs)
CREATE OR REPLACE TEMP TABLE scope AS
WITH here AS (SELECT * FROM sampled WHERE rk < $below),
cited AS (SELECT citing AS p, list(cited) AS refs FROM cites WHERE citing IN (SELECT p FROM here) GROUP BY citing)
SELECT p, rk, year, text_key AS duplicate_group,
       list_bit_or(list_transform(codes, lambda x: 1::BIGINT << (x >> 47))) AS sections,
       list_distinct(list_transform(codes, lambda x: (x >> 47)::UTINYINT)) AS "section",
       list_distinct(list_transform(list_filter(codes, lambda x: (x >> 40) & 127 > 0),
                                    lambda x: (x >> 40)::USMALLINT)) AS "class",
       list_distinct(list_transform(list_filter(codes, lambda x: (x >> 35) & 31 > 0),
                                    lambda x: (x >> 35)::UINTEGER)) AS subclass,
       list_distinct(list_transform(list_filter(codes, lambda x: (x >> 21) & 16383 > 0),
                                    lambda x: (x >> 21)::UINTEGER)) AS "group",
       list_filter(codes, lambda x: x & 2097151 > 0) AS subgroup,
       coalesce(refs, []::INTEGER[]) AS refs
FROM here
JOIN patent USING (p)
JOIN coded USING (p)
LEFT JOIN cited USING (p)
