-- The codes of each patent as a server gave them.
-- parameters: $files pattern of Parquet files
-- needs: table patent
-- table: classified (p, symbol)
CREATE TABLE classified AS
SELECT p, unnest(codes) AS symbol
FROM read_parquet($files) JOIN patent USING (patent_id)
ORDER BY p, symbol
