-- What may be the negative of each open triplet, best first: the nearest in the row that are not too alike
-- (hard: no shared group; medium: no shared class; easy: no shared section), neither cite the anchor nor are
-- cited by it, share fewer documents with it than coupled ones do, are no relative or near-copy of anchor or
-- positive, and not a positive of the anchor in another triplet.
-- parameters: $kind hard | medium | easy; $first, $last how far along the row, both ways; $years, or -1 for
--             any time; $shared documents, from which a pair counts as coupled
-- needs: open (triplet, anchor, positive), seat (symbol, seat, p)
-- table: choice (triplet, anchor, negative, symbol, gap in years or NULL, place)
CREATE OR REPLACE TEMP TABLE choice AS
WITH step AS MATERIALIZED (
    SELECT unnest(list_concat(range($first, $last + 1), range(-$last, 1 - $first))) AS step),
place AS (
    SELECT o.triplet, o.anchor, o.positive, s.symbol, s.seat + step AS seat,
           2 * abs(step) - (step > 0)::INTEGER AS rank
    FROM open o
    JOIN seat s ON s.p = o.anchor
    CROSS JOIN step),
near AS MATERIALIZED (
    SELECT triplet, anchor, positive, t.p AS negative, min(rank) AS rank,
           arg_min(t.symbol, rank) AS symbol
    FROM place
    JOIN seat t ON t.seat = place.seat AND t.symbol = place.symbol
    WHERE t.p <> anchor AND t.p <> positive
    GROUP BY triplet, anchor, positive, t.p)
SELECT triplet, anchor, negative, symbol, abs(a.year - n.year) AS gap,
       row_number() OVER (PARTITION BY triplet ORDER BY rank, negative) AS place
FROM near
JOIN scope a ON a.p = anchor
JOIN scope n ON n.p = negative
JOIN scope q ON q.p = positive
ANTI JOIN triplet x ON x.anchor = near.anchor AND x.positive = near.negative
WHERE n.text_key <> a.text_key AND n.text_key <> q.text_key
  AND ($years < 0 OR a.year IS NULL OR n.year IS NULL OR abs(a.year - n.year) <= $years)
  AND NOT CASE $kind WHEN 'hard' THEN list_has_any(a."group", n."group")
                     WHEN 'medium' THEN list_has_any(a."class", n."class")
                     ELSE a.sections & n.sections > 0 END
  AND NOT list_contains(a.refs, n.p) AND NOT list_contains(n.refs, a.p)
  AND len(list_intersect(a.refs, n.refs)) < $shared
