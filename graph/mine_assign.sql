-- One round of giving negatives to open triplets: each proposes its best that nobody has yet, and of
-- those that propose the same the first gets it.
-- parameters: $kind
-- adds to: filled (triplet, anchor, negative, symbol, gap, kind)
INSERT INTO filled
SELECT triplet, anchor, negative, symbol, gap, $kind
FROM (SELECT * FROM choice
      ANTI JOIN filled f ON f.triplet = choice.triplet
      ANTI JOIN filled u ON u.negative = choice.negative
      QUALIFY row_number() OVER (PARTITION BY triplet ORDER BY place) = 1)
QUALIFY row_number() OVER (PARTITION BY negative ORDER BY triplet) = 1
