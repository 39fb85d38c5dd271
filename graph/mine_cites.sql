-- Positives by citation: the anchor cites the positive, and both carry a symbol of the shared level.
-- parameters: $level name of the shared level; $per_anchor
-- adds to: candidate (anchor, positive, relation, shared, turn)
INSERT INTO candidate
SELECT anchor, positive, 'cites', shared, turn FROM (
    SELECT a.p AS anchor, b.p AS positive,
           CASE WHEN list_has_any(a.subgroup, b.subgroup) THEN 'subgroup'
                WHEN list_has_any(a."group", b."group") THEN 'group'
                WHEN list_has_any(a.subclass, b.subclass) THEN 'subclass'
                WHEN list_has_any(a."class", b."class") THEN 'class'
                ELSE 'section' END AS shared,
           row_number() OVER (PARTITION BY a.p ORDER BY b.rk, b.p) AS turn
    FROM cites c
    JOIN pool a ON a.p = c.citing
    JOIN pool b ON b.p = c.cited
    WHERE a.text_key <> b.text_key
      AND CASE $level WHEN 'section' THEN list_has_any(a."section", b."section")
                      WHEN 'class' THEN list_has_any(a."class", b."class")
                      WHEN 'subclass' THEN list_has_any(a.subclass, b.subclass)
                      WHEN 'group' THEN list_has_any(a."group", b."group")
                      ELSE list_has_any(a.subgroup, b.subgroup) END)
WHERE turn <= $per_anchor
