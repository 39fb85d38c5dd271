-- The wanted number of pairs of one relation: first every anchor's first, then the second ones, each in
-- random order; with the deepest level that the two share.
-- parameters: $relation; $count
-- adds to: chosen (anchor, positive, relation, shared, turn, random_key)
INSERT INTO chosen
SELECT anchor, positive, relation,
       CASE WHEN list_has_any(a.subgroup, b.subgroup) THEN 'subgroup'
            WHEN list_has_any(a."group", b."group") THEN 'group'
            WHEN list_has_any(a.subclass, b.subclass) THEN 'subclass'
            WHEN list_has_any(a."class", b."class") THEN 'class'
            ELSE 'section' END AS shared,
       turn, random_key
FROM (SELECT anchor, positive, relation, turn, rk AS random_key
      FROM candidate JOIN scope ON p = anchor
      WHERE relation = $relation
      ORDER BY turn, random_key, anchor, positive
      LIMIT $count)
JOIN scope a ON a.p = anchor
JOIN scope b ON b.p = positive
