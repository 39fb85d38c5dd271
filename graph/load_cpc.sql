-- Symbols and their titles.
-- parameters: $cpc path of cpc.parquet
-- table: cpc (symbol, level, title)
CREATE TABLE cpc AS
SELECT symbol, level, title FROM read_parquet($cpc, hive_partitioning = false) ORDER BY symbol
