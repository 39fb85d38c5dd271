-- The codes of each patent, as its source lists them.
-- parameters: $corpus path of corpus.parquet
-- table: classified (p, symbol, sequence)
CREATE TABLE classified AS
SELECT p, symbol, sequence::SMALLINT AS sequence
FROM (SELECT patent_id, unnest(codes) AS symbol, generate_subscripts(codes, 1) - 1 AS sequence
      FROM read_parquet($corpus, hive_partitioning = false))
JOIN patent USING (patent_id)
ORDER BY p, sequence
