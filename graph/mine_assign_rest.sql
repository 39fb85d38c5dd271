-- Triplets whose every choice is taken share a negative with another anchor, never with their own.
-- parameters: $kind
-- adds to: filled (triplet, anchor, negative, symbol, gap, kind)
INSERT INTO filled
SELECT triplet, anchor, negative, symbol, gap, $kind
FROM (SELECT * FROM choice
      ANTI JOIN filled f ON f.triplet = choice.triplet
      ANTI JOIN filled u ON u.negative = choice.negative AND u.anchor = choice.anchor
      QUALIFY row_number() OVER (PARTITION BY triplet ORDER BY place) = 1)
QUALIFY row_number() OVER (PARTITION BY anchor, negative ORDER BY triplet) = 1
