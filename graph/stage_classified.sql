-- The codes of some patents, for a server.
-- parameters: $from, $upto numbers of patents, the last left out
-- columns: patent_id, codes, sequences
SELECT patent_id, list(symbol ORDER BY sequence, symbol) AS codes,
       list(sequence ORDER BY sequence, symbol) AS sequences
FROM classified JOIN patent USING (p)
WHERE p >= $from AND p < $upto
GROUP BY p, patent_id ORDER BY p
