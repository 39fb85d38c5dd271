-- Citations as a server gave them.
-- parameters: $files pattern of Parquet files
-- needs: table patent
-- table: cites (citing, cited), numbers of patents
CREATE TABLE cites AS
SELECT e.p AS citing, b.p AS cited
FROM (SELECT p, unnest(cites) AS cited_id FROM read_parquet($files) JOIN patent USING (patent_id)) e
JOIN patent b ON b.patent_id = e.cited_id
ORDER BY 1, 2
