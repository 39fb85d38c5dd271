-- The codes of each patent as a server gave them.
-- parameters: $files pattern of Parquet files
-- needs: tables node, symbol_node
-- table: classified (p, symbol)
CREATE TABLE classified AS
SELECT p, symbol
FROM (SELECT node, unnest(codes) AS code
      FROM read_parquet($files, hive_partitioning = false))
JOIN node USING (node)
JOIN symbol_node ON symbol_node.node = code
