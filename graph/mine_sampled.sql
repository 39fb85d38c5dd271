-- The patents that may be in a triplet, each with a random key rk that depends on seed and id alone, so
-- that every engine and every version samples the same.
-- parameters: $seed text; $before date or NULL, later ones are left out
-- needs: allowed (p), coded (p, codes)
-- table: sampled (p, rk)
CREATE OR REPLACE TEMP TABLE sampled AS
SELECT p, (md5_number($seed || ':' || patent_id) >> 65)::BIGINT AS rk
FROM patent
SEMI JOIN allowed USING (p)
SEMI JOIN coded USING (p)
WHERE $before IS NULL OR date IS NULL OR date < $before
