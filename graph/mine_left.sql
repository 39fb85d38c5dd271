-- What is left to choose from: without triplets that are filled and negatives that are taken, by anyone or,
-- with $share, by the same anchor.
-- parameters: $share
-- table: choice
CREATE OR REPLACE TEMP TABLE choice AS
SELECT choice.* FROM choice
ANTI JOIN filled f ON f.triplet = choice.triplet
ANTI JOIN filled u ON u.negative = choice.negative AND (NOT $share OR u.anchor = choice.anchor)
