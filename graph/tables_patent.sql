-- Patents of PatentsView tables, numbered in the order of their ids, without those withdrawn; each a family of its
-- own. Texts are not there to be compared.
-- needs: raw_patent (patent_id, date, type, withdrawn), all text
-- columns: p, patent_id, date, year, type, text_key
SELECT p, patent_id, day AS date, year(day)::SMALLINT AS year, type, p::BIGINT AS text_key
FROM (SELECT *, (row_number() OVER (ORDER BY patent_id) - 1)::INTEGER AS p
      FROM (SELECT trim(patent_id) AS patent_id, try_strptime(trim(date), '%Y-%m-%d')::DATE AS day,
                   nullif(trim(type), '') AS type
            FROM raw_patent
            WHERE lower(trim(coalesce(withdrawn, '0'))) NOT IN ('1', 'true')))
