-- Where negatives are looked for. Patents of a subclass (for hard negatives), of a section (medium) or
-- all (easy) sit in a row by year and, within a year, at random: neighbours in the row are near in time.
-- table: seat (kind, symbol, seat, p)
CREATE OR REPLACE TEMP TABLE seat AS
SELECT kind, symbol, row_number() OVER (PARTITION BY kind, symbol ORDER BY coalesce(year, 0), rk, p) AS seat, p
FROM (SELECT 'hard' AS kind, unnest(subclass) AS symbol, p, year, rk FROM pool
      UNION ALL
      SELECT 'medium', unnest("section"), p, year, rk FROM pool
      UNION ALL
      SELECT 'easy', '', p, year, rk FROM pool)
