-- Positives by class: those who carry a symbol stand in a ring in random order, and an anchor looks at the
-- next ones after it that are no near-copy or relative of it, and neither cited nor coupled (those belong to
-- the other relations). It takes those whose codes overlap most with its own: many patents share one code
-- by the way.
-- parameters: $level name of the shared level; $per_anchor; $tries how far round the ring to look;
--             $below of the anchors' random keys; $shared documents, from which a pair counts as coupled
-- adds to: candidate (anchor, positive, relation, turn)
INSERT INTO candidate
WITH member AS MATERIALIZED (
    SELECT p, rk, unnest(CASE $level
        WHEN 'section' THEN "section"::BIGINT[] WHEN 'class' THEN "class"::BIGINT[]
        WHEN 'subclass' THEN subclass::BIGINT[] WHEN 'group' THEN "group"::BIGINT[]
        ELSE subgroup END) AS symbol
    FROM scope),
ring AS MATERIALIZED (
    SELECT symbol, p, rk, row_number() OVER (PARTITION BY symbol ORDER BY rk, p) - 1 AS slot,
           count(*) OVER (PARTITION BY symbol) AS slots
    FROM member),
ahead AS MATERIALIZED (
    SELECT symbol, p, step, (slot + step) % slots AS slot
    FROM (SELECT *, unnest(range(1, least($tries + 1, slots))) AS step FROM ring WHERE rk < $below)),
pair AS MATERIALIZED (  -- as written: joined by symbol alone, pairs would be countless
    SELECT a.p AS anchor, b.p AS positive, min(a.step) AS step
    FROM ahead a
    JOIN ring b ON b.symbol = a.symbol AND b.slot = a.slot
    GROUP BY a.p, b.p
    QUALIFY row_number() OVER (PARTITION BY a.p ORDER BY min(a.step), b.p) <= $tries + 1),
described AS (
    SELECT anchor, positive, step,
           -- codes in common, at three levels, out of those of either (Jaccard)
           len(list_intersect(a.subclass, b.subclass)) + len(list_intersect(a."group", b."group"))
               + len(list_intersect(a.subgroup, b.subgroup)) AS common,
           len(a.subclass) + len(a."group") + len(a.subgroup)
               + len(b.subclass) + len(b."group") + len(b.subgroup) AS of_both,
           coalesce(common / nullif(of_both - common, 0), 0) AS overlap
    FROM pair
    JOIN scope a ON a.p = anchor
    JOIN scope b ON b.p = positive
    WHERE a.duplicate_group <> b.duplicate_group
      AND NOT list_contains(a.refs, b.p) AND NOT list_contains(b.refs, a.p)
      AND ($shared = 0 OR len(list_intersect(a.refs, b.refs)) < $shared))
SELECT anchor, positive, 'class', turn FROM (
    SELECT anchor, positive,
           row_number() OVER (PARTITION BY anchor ORDER BY overlap DESC, step, positive) AS turn
    FROM described)
WHERE turn <= $per_anchor
