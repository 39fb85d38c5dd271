-- The patents that may be in a triplet, with their symbols at each level and a random key rk that
-- depends on seed and id alone, so that every engine and every version draws the same.
-- parameters: $seed text
-- needs: table allowed (patent_id)
-- table: pool (p, patent_id, year, text_key, rk, section, class, subclass, group, subgroup)
CREATE OR REPLACE TEMP TABLE pool AS
SELECT p, patent_id, any_value(year) AS year, any_value(text_key) AS text_key,
       (md5_number_lower($seed || ':' || patent_id) >> 1)::BIGINT AS rk,
       list_sort(list_distinct(list(symbol[1]))) AS "section",
       list_sort(list_distinct(list(symbol[1:3]) FILTER (length(symbol) >= 3))) AS "class",
       list_sort(list_distinct(list(symbol[1:4]) FILTER (length(symbol) >= 4))) AS subclass,
       list_sort(list_distinct(list(split_part(symbol, '/', 1) || '/00') FILTER (contains(symbol, '/'))))
           AS "group",
       list_sort(list_distinct(list(symbol) FILTER (contains(symbol, '/') AND NOT ends_with(symbol, '/00'))))
           AS subgroup
FROM patent
SEMI JOIN allowed USING (patent_id)
JOIN classified USING (p)
GROUP BY p, patent_id
