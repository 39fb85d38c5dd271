-- The triplets with ids, and in words why each was chosen.
-- columns: anchor_id, positive_id, negative_id, relation, level, hardness, rule
WITH common AS (
    SELECT triplet, triplet.anchor, positive, negative, relation, shared, kind, gap, symbol,
           -- the first symbol in common at their deepest level, as a code of full length
           CASE shared
               WHEN 'section' THEN list_min(list_intersect(a."section", b."section"))::BIGINT << 47
               WHEN 'class' THEN list_min(list_intersect(a."class", b."class"))::BIGINT << 40
               WHEN 'subclass' THEN list_min(list_intersect(a.subclass, b.subclass))::BIGINT << 35
               WHEN 'group' THEN list_min(list_intersect(a."group", b."group"))::BIGINT << 21
               ELSE list_min(list_intersect(a.subgroup, b.subgroup)) END AS code
    FROM triplet
    JOIN filled USING (triplet)
    JOIN scope a ON a.p = triplet.anchor
    JOIN scope b ON b.p = positive)
SELECT a.patent_id AS anchor_id, b.patent_id AS positive_id, n.patent_id AS negative_id,
       relation, shared AS level, kind AS hardness,
       CASE relation WHEN 'cites' THEN 'anchor cites positive' WHEN 'coupled' THEN 'cite the same'
                     ELSE 'same class' END
           || ', both ' || chr((64 + (code >> 47))::INTEGER)
           || CASE WHEN shared = 'section' THEN ''
                   ELSE lpad((((code >> 40) & 127) - 1)::VARCHAR, 2, '0') END
           || CASE WHEN shared IN ('section', 'class') THEN ''
                   ELSE chr((64 + ((code >> 35) & 31))::INTEGER) END
           || CASE shared WHEN 'group' THEN ((code >> 21) & 16383) || '/00'
                          WHEN 'subgroup' THEN ((code >> 21) & 16383) || '/' || substr((code & 2097151)::VARCHAR, 2)
                          ELSE '' END
           || '; negative '
           || CASE kind WHEN 'hard' THEN 'in ' || chr((64 + (symbol >> 12))::INTEGER)
                            || lpad((((symbol >> 5) & 127) - 1)::VARCHAR, 2, '0')
                            || chr((64 + (symbol & 31))::INTEGER) || ', no group in common'
                        WHEN 'medium' THEN 'in section ' || chr((64 + symbol)::INTEGER) || ', another class'
                        ELSE 'in another section' END
           || CASE WHEN gap IS NULL THEN '' WHEN gap = 0 THEN ', same year'
                   WHEN gap = 1 THEN ', 1 year apart' ELSE ', ' || gap || ' years apart' END AS rule
FROM common
JOIN patent a ON a.p = anchor
JOIN patent b ON b.p = positive
JOIN patent n ON n.p = negative
ORDER BY triplet
