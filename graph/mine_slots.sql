-- Where negatives of one kind are looked for. Patents of a subclass (for hard negatives), of a section
-- (medium) or all (easy) stand in a row by year and, within a year, at random: neighbours in the row are near
-- in time. All rows follow each other under one count of slots. The order within a year is by the lower half of the
-- random key: by all of it, anchors, whose keys are the lowest, would stand side by side and want the same negatives.
-- parameters: $kind hard | medium | easy
-- table: slot (symbol, slot, p)
CREATE OR REPLACE TEMP TABLE slot AS
SELECT symbol, row_number() OVER (ORDER BY symbol, coalesce(year, 0), rk & 4294967295, p) AS slot, p
FROM (SELECT p, year, rk, unnest(CASE $kind WHEN 'hard' THEN subclass::INTEGER[]
                                            WHEN 'medium' THEN "section"::INTEGER[] ELSE [0] END) AS symbol
      FROM scope)
