-- Positives by coupling: anchor and positive cite at least so many documents in common, neither cites the
-- other, and both carry a symbol of the shared level. Those that share most come first. Documents that a
-- crowd cites bring nobody together here: they say little, and would pair everyone with everyone.
-- parameters: $level name of the shared level; $per_anchor; $below of the anchors' random keys;
--             $shared documents at least; $crowd of citing patents at most
-- adds to: candidate (anchor, positive, relation, turn)
INSERT INTO candidate
WITH reference AS MATERIALIZED (SELECT p, rk, unnest(refs) AS document FROM scope),
telling AS MATERIALIZED (
    SELECT document FROM reference GROUP BY document HAVING count(*) BETWEEN 2 AND $crowd),
pair AS (
    SELECT x.p AS anchor, y.p AS positive, count(*) AS common
    FROM (SELECT * FROM reference SEMI JOIN telling USING (document) WHERE rk < $below) x
    JOIN (SELECT * FROM reference SEMI JOIN telling USING (document)) y
      ON y.document = x.document AND y.p <> x.p
    GROUP BY x.p, y.p
    HAVING count(*) >= $shared)
SELECT anchor, positive, 'coupled', turn FROM (
    SELECT anchor, positive,
           row_number() OVER (PARTITION BY anchor ORDER BY common DESC, b.rk, b.p) AS turn
    FROM pair
    JOIN scope a ON a.p = anchor
    JOIN scope b ON b.p = positive
    WHERE a.duplicate_group <> b.duplicate_group
      AND NOT list_contains(a.refs, b.p) AND NOT list_contains(b.refs, a.p)
      AND CASE $level WHEN 'section' THEN a.sections & b.sections > 0
                      WHEN 'class' THEN list_has_any(a."class", b."class")
                      WHEN 'subclass' THEN list_has_any(a.subclass, b.subclass)
                      WHEN 'group' THEN list_has_any(a."group", b."group")
                      ELSE list_has_any(a.subgroup, b.subgroup) END)
WHERE turn <= $per_anchor
