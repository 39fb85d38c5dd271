-- Positives by class: those who carry a symbol sit in a ring in random order, and an anchor looks at the
-- next ones after it that are no near-copy of it and no citation (those belong to the other relation).
-- It takes those whose codes overlap most with its own: many patents share one code by the way.
-- parameters: $level name of the shared level; $per_anchor; $tries how far round the ring to look
-- adds to: candidate (anchor, positive, relation, shared, turn)
INSERT INTO candidate
WITH member AS MATERIALIZED (
    SELECT p, rk, text_key, unnest(CASE $level
        WHEN 'section' THEN "section" WHEN 'class' THEN "class" WHEN 'subclass' THEN subclass
        WHEN 'group' THEN "group" ELSE subgroup END) AS symbol
    FROM pool),
ring AS MATERIALIZED (
    SELECT symbol, p, text_key, row_number() OVER (PARTITION BY symbol ORDER BY rk, p) - 1 AS seat,
           count(*) OVER (PARTITION BY symbol) AS seats
    FROM member),
ahead AS MATERIALIZED (
    SELECT symbol, p, text_key, step, (seat + step) % seats AS seat
    FROM (SELECT *, unnest(range(1, least($tries + 1, seats))) AS step FROM ring)),
pair AS MATERIALIZED (  -- as written: joined by symbol alone, pairs would be countless
    SELECT a.p AS anchor, b.p AS positive, min(a.step) AS step
    FROM ahead a
    JOIN ring b ON b.symbol = a.symbol AND b.seat = a.seat
    WHERE a.text_key <> b.text_key
    GROUP BY a.p, b.p),
described AS (
    SELECT anchor, positive, step,
           -- codes in common, at three levels, out of those of either (Jaccard)
           list_concat(list_concat(a.subclass, a."group"), a.subgroup) AS of_a,
           list_concat(list_concat(b.subclass, b."group"), b.subgroup) AS of_b,
           coalesce(len(list_intersect(of_a, of_b)), 0) AS common,
           coalesce(common / nullif(len(of_a) + len(of_b) - common, 0), 0) AS overlap,
           CASE WHEN list_has_any(a.subgroup, b.subgroup) THEN 'subgroup'
                WHEN list_has_any(a."group", b."group") THEN 'group'
                WHEN list_has_any(a.subclass, b.subclass) THEN 'subclass'
                WHEN list_has_any(a."class", b."class") THEN 'class'
                ELSE 'section' END AS shared
    FROM pair
    JOIN pool a ON a.p = anchor
    JOIN pool b ON b.p = positive
    ANTI JOIN edge ON edge.a = anchor AND edge.b = positive)
SELECT anchor, positive, 'class', shared, turn FROM (
    SELECT *, row_number() OVER (PARTITION BY anchor ORDER BY overlap DESC, step, positive) AS turn
    FROM described)
WHERE turn <= $per_anchor
