-- Patents for an import file.
-- columns: number, patent_id, date, year, type, text_key
SELECT p, patent_id, date, year, type, text_key FROM patent ORDER BY p
