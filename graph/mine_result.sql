-- The triplets with ids, and in words why each was chosen.
-- columns: anchor_id, positive_id, negative_id, relation, level, hardness, rule
SELECT a.patent_id AS anchor_id, b.patent_id AS positive_id, n.patent_id AS negative_id,
       relation, shared AS level, kind AS hardness,
       CASE relation WHEN 'cites' THEN 'anchor cites positive' ELSE 'same class' END
           || ', both ' || list_sort(list_intersect(
               CASE shared WHEN 'section' THEN a."section" WHEN 'class' THEN a."class"
                           WHEN 'subclass' THEN a.subclass WHEN 'group' THEN a."group"
                           ELSE a.subgroup END,
               CASE shared WHEN 'section' THEN b."section" WHEN 'class' THEN b."class"
                           WHEN 'subclass' THEN b.subclass WHEN 'group' THEN b."group"
                           ELSE b.subgroup END))[1]
           || '; negative '
           || CASE kind WHEN 'hard' THEN 'in ' || symbol || ', no group in common'
                        WHEN 'medium' THEN 'in section ' || symbol || ', another class'
                        ELSE 'in another section' END
           || CASE WHEN gap IS NULL THEN '' WHEN gap = 0 THEN ', same year'
                   WHEN gap = 1 THEN ', 1 year apart' ELSE ', ' || gap || ' years apart' END AS rule
FROM triplet
JOIN filled USING (triplet)
JOIN pool a ON a.p = triplet.anchor
JOIN pool b ON b.p = positive
JOIN pool n ON n.p = negative
ORDER BY triplet
