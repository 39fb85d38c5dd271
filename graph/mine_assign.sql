-- One round of giving negatives to open triplets: each proposes its best that nobody has yet, and of
-- those that propose the same the first gets it. With $share, nobody but the same anchor matters.
-- parameters: $kind; $share
-- needs: choice without triplets that are filled and negatives that are taken
-- adds to: filled (triplet, anchor, negative, symbol, gap, kind)
INSERT INTO filled
SELECT triplet, anchor, negative, symbol, gap, $kind
FROM (SELECT triplet, min(place) AS place FROM choice GROUP BY triplet)
JOIN choice USING (triplet, place)
QUALIFY row_number() OVER (PARTITION BY negative, CASE WHEN $share THEN anchor END ORDER BY triplet) = 1
