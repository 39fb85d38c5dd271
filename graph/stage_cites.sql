-- What some patents cite, for a server.
-- parameters: $from, $upto numbers of patents, the last left out
-- columns: patent_id, cited
SELECT a.patent_id, list(b.patent_id ORDER BY b.p) AS cited
FROM cites JOIN patent a ON a.p = citing JOIN patent b ON b.p = cited
WHERE citing >= $from AND citing < $upto
GROUP BY a.p, a.patent_id ORDER BY a.p
