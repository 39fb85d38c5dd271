-- Citations as a server gave them.
-- parameters: $files pattern of Parquet files
-- needs: table node
-- table: cites (citing, cited), numbers of patents
CREATE TABLE cites AS
SELECT a.p AS citing, b.p AS cited
FROM (SELECT node AS citing, unnest(cites) AS cited
      FROM read_parquet($files, hive_partitioning = false)) e
JOIN node a ON a.node = e.citing
JOIN node b ON b.node = e.cited
