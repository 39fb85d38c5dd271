-- A value with a line end in it, if there is one.
-- needs: table stage_cpc
-- columns: kind, value
SELECT * FROM (
    SELECT 'patent_id' AS kind, patent_id AS value FROM patent
    UNION ALL SELECT 'type', type FROM patent
    UNION ALL SELECT 'symbol', symbol FROM stage_cpc
    UNION ALL SELECT 'title', title FROM stage_cpc)
WHERE contains(value, chr(10)) OR contains(value, chr(13))
LIMIT 1
