-- The patents, with one text_key for all of a family; texts are not there to be compared.
-- needs: numbered (p, patent_id, date, year, type), family (p, first)
-- columns: p, patent_id, date, year, type, text_key
SELECT p, patent_id, date, year, type, coalesce(first, p)::BIGINT AS text_key
FROM numbered LEFT JOIN family USING (p)
