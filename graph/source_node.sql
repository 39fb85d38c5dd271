-- The numbers that a server has given to patents.
-- parameters: $files pattern of Parquet files
-- needs: table patent
-- table: node (node, p)
CREATE TEMP TABLE node AS
SELECT node, p FROM read_parquet($files, hive_partitioning = false) JOIN patent USING (patent_id)
