-- Citations between patents of the tables as they stand there, some perhaps twice.
-- needs: raw_citation (citing, cited), patent
-- columns: citing, cited, numbers of patents
SELECT a.p AS citing, b.p AS cited
FROM raw_citation c
JOIN patent a ON a.patent_id = c.citing
JOIN patent b ON b.patent_id = c.cited
WHERE a.p <> b.p
