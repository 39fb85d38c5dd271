-- The wanted number of pairs of one relation: first every anchor's first, then the second ones, each in
-- random order.
-- parameters: $relation; $count; $seed text
-- adds to: chosen (anchor, positive, relation, shared, turn, draw)
INSERT INTO chosen
SELECT anchor, positive, relation, shared, turn,
       md5_number_lower($seed || ':' || a.patent_id || ':' || b.patent_id) AS draw
FROM candidate
JOIN pool a ON a.p = anchor
JOIN pool b ON b.p = positive
WHERE relation = $relation
ORDER BY turn, draw, anchor, positive
LIMIT $count
