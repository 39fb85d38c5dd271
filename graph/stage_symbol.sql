-- Some symbols, for a server.
-- parameters: $from, $upto numbers of symbols, the last left out
-- columns: symbol, level, title
SELECT symbol, level, title FROM stage_cpc WHERE n >= $from AND n < $upto ORDER BY n
