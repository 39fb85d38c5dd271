-- Citations inside the pool, both ways round: what must never be a negative.
-- table: edge (a, b)
CREATE OR REPLACE TEMP TABLE edge AS
SELECT citing AS a, cited AS b FROM cites SEMI JOIN pool ON p = citing
UNION
SELECT cited AS a, citing AS b FROM cites SEMI JOIN pool ON p = cited
