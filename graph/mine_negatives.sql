-- What may be the negative of each open triplet, best first: the nearest in the row that are not too alike
-- (hard: no shared group; medium: no shared class; easy: no shared section), neither cite the anchor nor are
-- cited by it, are no relative or near-copy of anchor or positive, and not a positive of the anchor in another
-- triplet. Whether it is coupled with the anchor takes longer to see, and is looked at when it is selected.
-- parameters: $kind hard | medium | easy; $steps how far along the row to look, ahead and (negative) back;
--             $years, or -1 for any time
-- needs: open (triplet, anchor, positive, year, duplicate_group, duplicate_group_of_positive),
--        slot (symbol, slot, p)
-- table: choice (triplet, anchor, negative, symbol, gap in years or NULL, place)
CREATE OR REPLACE TEMP TABLE choice AS
WITH step AS MATERIALIZED (SELECT unnest($steps::INTEGER[]) AS step),
place AS (
    SELECT o.triplet, o.anchor, o.positive, s.symbol, s.slot + step AS slot,
           2 * abs(step) - (step > 0)::INTEGER AS rank
    FROM slot s
    JOIN open o ON o.anchor = s.p
    CROSS JOIN step),
near AS MATERIALIZED (
    SELECT triplet, anchor, t.p AS negative, min(rank) AS rank,
           arg_min(t.symbol, rank::BIGINT << 32 | t.symbol) AS symbol  -- of several as near, the first
    FROM slot t
    JOIN place ON place.slot = t.slot AND place.symbol = t.symbol
    WHERE t.p <> anchor AND t.p <> positive
    GROUP BY triplet, anchor, t.p)
SELECT near.triplet, near.anchor, negative, symbol, abs(o.year - n.year) AS gap,
       row_number() OVER (PARTITION BY near.triplet ORDER BY rank, negative) AS place
FROM near
JOIN open o ON o.triplet = near.triplet
JOIN (FROM scope SEMI JOIN open ON anchor = p) a ON a.p = near.anchor
JOIN (FROM scope SEMI JOIN near ON negative = p) n ON n.p = negative
ANTI JOIN triplet x ON x.anchor = near.anchor AND x.positive = near.negative
WHERE n.duplicate_group <> o.duplicate_group AND n.duplicate_group <> o.duplicate_group_of_positive
  AND ($years < 0 OR o.year IS NULL OR n.year IS NULL OR abs(o.year - n.year) <= $years)
  AND NOT CASE $kind WHEN 'hard' THEN list_has_any(a."group", n."group")
                     WHEN 'medium' THEN list_has_any(a."class", n."class")
                     ELSE a.sections & n.sections > 0 END
  AND NOT list_contains(a.refs, n.p) AND NOT list_contains(n.refs, a.p)
