-- Positives by citation: the anchor cites the positive, and both carry a symbol of the shared level.
-- parameters: $level name of the shared level; $per_anchor; $below of the anchors' random keys
-- adds to: candidate (anchor, positive, relation, turn)
INSERT INTO candidate
SELECT anchor, positive, 'cites', turn FROM (
    SELECT a.p AS anchor, b.p AS positive,
           row_number() OVER (PARTITION BY a.p ORDER BY b.rk, b.p) AS turn
    FROM (SELECT p, unnest(refs) AS cited FROM scope WHERE rk < $below) c
    JOIN scope a USING (p)
    JOIN scope b ON b.p = cited
    WHERE a.p <> b.p AND a.duplicate_group <> b.duplicate_group
      AND CASE $level WHEN 'section' THEN a.sections & b.sections > 0
                      WHEN 'class' THEN list_has_any(a."class", b."class")
                      WHEN 'subclass' THEN list_has_any(a.subclass, b.subclass)
                      WHEN 'group' THEN list_has_any(a."group", b."group")
                      ELSE list_has_any(a.subgroup, b.subgroup) END)
WHERE turn <= $per_anchor
