-- Citations between patents of the corpus, without those of oneself.
-- parameters: $corpus path of corpus.parquet
-- table: cites (citing, cited), numbers of patents
CREATE TABLE cites AS
SELECT a.p AS citing, b.p AS cited
FROM (SELECT patent_id AS citing_id, unnest(citations) AS cited_id
      FROM read_parquet($corpus, hive_partitioning = false)) e
JOIN patent a ON a.patent_id = e.citing_id
JOIN patent b ON b.patent_id = e.cited_id
WHERE a.p <> b.p
ORDER BY 1, 2
