-- One round of giving negatives to open triplets: each proposes its best that nobody has yet, and of
-- those that propose the same the first is selected. With $share, nobody but the same anchor matters. Who is
-- coupled with the anchor is refused in the end.
-- parameters: $share; $shared documents, from which a pair counts as coupled
-- needs: choice without triplets that are filled, and negatives that are taken or refused
-- table: selected (triplet, anchor, negative, symbol, gap, coupled)
CREATE OR REPLACE TEMP TABLE selected AS
WITH best AS MATERIALIZED (
    SELECT triplet, choice.anchor, negative, symbol, gap
    FROM (SELECT triplet, min(place) AS place FROM choice GROUP BY triplet)
    JOIN choice USING (triplet, place)
    QUALIFY row_number() OVER (PARTITION BY negative, CASE WHEN $share THEN anchor END ORDER BY triplet) = 1),
met AS MATERIALIZED (  -- one look at the scope for both: it is large, and few of it are met
    SELECT p, refs FROM scope
    SEMI JOIN (SELECT anchor AS p FROM best UNION ALL SELECT negative FROM best) USING (p))
SELECT triplet, anchor, negative, symbol, gap, len(list_intersect(a.refs, n.refs)) >= $shared AS coupled
FROM best
JOIN met a ON a.p = anchor
JOIN met n ON n.p = negative
