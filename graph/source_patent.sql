-- Patents as a server gave them, numbered in the order of their ids.
-- parameters: $files pattern of Parquet files
-- table: patent (p, patent_id, date, year, type, text_key)
CREATE TABLE patent AS
SELECT (row_number() OVER (ORDER BY patent_id) - 1)::INTEGER AS p,
       patent_id, date::DATE AS date, year, type, text_key
FROM read_parquet($files, hive_partitioning = false)
ORDER BY patent_id
