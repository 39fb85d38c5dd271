-- What may be the negative of each open triplet, best first: the nearest in the row, those behind the
-- anchor before those in front, that are not too alike (hard: no shared group; medium: no shared class;
-- easy: no shared section), not related to the anchor by citation, not a positive of it in another
-- triplet, and no near-copies of anchor or positive.
-- parameters: $kind hard | medium | easy; $reach how far along the row; $years, or -1 for any time
-- needs: open (triplet, anchor, positive)
-- table: choice (triplet, anchor, negative, symbol, gap in years or NULL, place)
CREATE OR REPLACE TEMP TABLE choice AS
WITH seen AS (
    SELECT o.triplet, o.anchor, n.p AS negative, s.symbol, abs(a.year - n.year) AS gap,
           row_number() OVER (PARTITION BY o.triplet, n.p ORDER BY s.symbol) AS again,
           CASE WHEN step > 0 THEN step ELSE $reach - step END AS rank
    FROM open o
    JOIN pool a ON a.p = o.anchor
    JOIN pool q ON q.p = o.positive
    JOIN seat s ON s.p = o.anchor AND s.kind = $kind
    JOIN (SELECT unnest(range(-$reach, $reach + 1)) AS step) steps ON step <> 0
    JOIN seat t ON t.kind = $kind AND t.symbol = s.symbol AND t.seat = s.seat + step
    JOIN pool n ON n.p = t.p
    ANTI JOIN edge e ON e.a = o.anchor AND e.b = n.p
    ANTI JOIN triplet x ON x.anchor = o.anchor AND x.positive = n.p
    WHERE n.p <> o.anchor AND n.p <> o.positive
      AND n.text_key <> a.text_key AND n.text_key <> q.text_key
      AND NOT CASE $kind WHEN 'hard' THEN list_has_any(a."group", n."group")
                         WHEN 'medium' THEN list_has_any(a."class", n."class")
                         ELSE list_has_any(a."section", n."section") END
      AND ($years < 0 OR a.year IS NULL OR n.year IS NULL OR abs(a.year - n.year) <= $years))
SELECT triplet, anchor, negative, symbol, gap,
       row_number() OVER (PARTITION BY triplet ORDER BY rank, symbol, negative) AS place
FROM seen WHERE again = 1
