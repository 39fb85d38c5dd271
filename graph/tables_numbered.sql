-- Patents of PatentsView tables, numbered in the order of their ids, without those withdrawn.
-- needs: raw_patent (patent_id, date, type, withdrawn), all text
-- columns: p, patent_id, date, year, type
SELECT (row_number() OVER (ORDER BY patent_id) - 1)::INTEGER AS p, patent_id, day AS date,
       year(day)::SMALLINT AS year, type
FROM (SELECT trim(patent_id) AS patent_id, try_strptime(trim(date), '%Y-%m-%d')::DATE AS day,
             nullif(trim(type), '') AS type
      FROM raw_patent
      WHERE lower(trim(coalesce(withdrawn, '0'))) NOT IN ('1', 'true'))
