-- Some symbols, each with the one above it, for a server.
-- parameters: $from, $upto numbers of symbols, the last left out
-- columns: symbol, above
SELECT symbol, above FROM stage_cpc WHERE n >= $from AND n < $upto AND above IS NOT NULL ORDER BY n
