-- Some patents, for a server.
-- parameters: $from, $upto numbers of patents, the last left out
-- columns: patent_id, date, year, type, text_key
SELECT patent_id, date, year, type, text_key
FROM patent WHERE p >= $from AND p < $upto
ORDER BY p
