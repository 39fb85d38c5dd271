-- Symbols and their titles as a server gave them, with its numbers.
-- parameters: $files pattern of Parquet files
-- table: symbol_node (node, symbol, level or NULL, title)
CREATE TEMP TABLE symbol_node AS FROM read_parquet($files, hive_partitioning = false)
