-- Patents of a corpus, numbered in the order of their ids. Text stays in Parquet: only its key comes
-- along, equal for near-copies.
-- parameters: $corpus path of corpus.parquet
-- needs: text_keys (patent_id, text_key)
-- table: patent (p, patent_id, date, year, type, text_key)
CREATE TABLE patent AS
SELECT (row_number() OVER (ORDER BY patent_id) - 1)::INTEGER AS p,
       patent_id,
       date,
       year(date)::SMALLINT AS year,
       type,
       text_key
FROM read_parquet($corpus, hive_partitioning = false)
JOIN text_keys USING (patent_id)
ORDER BY patent_id
