-- Symbols and their titles as a server gave them.
-- parameters: $files pattern of Parquet files
-- table: cpc (symbol, level, title)
CREATE TABLE cpc AS
SELECT symbol, level, title FROM read_parquet($files) ORDER BY symbol
