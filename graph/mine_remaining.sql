-- What remains to choose from: without triplets that are filled, negatives that are taken, by anyone or, with
-- $share, by the same anchor, and those that were refused.
-- parameters: $share
-- table: choice
CREATE OR REPLACE TEMP TABLE choice AS
SELECT choice.* FROM choice
ANTI JOIN filled f ON f.triplet = choice.triplet
ANTI JOIN filled u ON u.negative = choice.negative AND (NOT $share OR u.anchor = choice.anchor)
ANTI JOIN refused r ON r.triplet = choice.triplet AND r.negative = choice.negative
