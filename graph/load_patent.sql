-- Patents of a corpus, numbered in the order of their ids. Text stays in Parquet: only its key comes
-- along, equal for near-copies (case, punctuation and spaces do not count).
-- parameters: $corpus path of corpus.parquet
-- table: patent (p, patent_id, date, year, type, text_key)
CREATE TABLE patent AS
SELECT (row_number() OVER (ORDER BY patent_id) - 1)::INTEGER AS p,
       patent_id,
       date,
       year(date)::SMALLINT AS year,
       type,
       (md5_number_lower(regexp_replace(lower(coalesce(nullif(abstract, ''), title)), '[\W_]+', '', 'g'))
           >> 1)::BIGINT AS text_key
FROM read_parquet($corpus)
ORDER BY patent_id
