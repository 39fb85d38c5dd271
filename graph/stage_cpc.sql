-- The symbols that go to a server: those with titles, those that patents carry, and all above them; numbered
-- in their order, each with the one above it. Only those with titles have a level.
-- needs: tables cpc, classified
-- table: stage_cpc (n, symbol, level, title, above)
CREATE OR REPLACE TEMP TABLE stage_cpc AS
WITH used AS (SELECT symbol FROM cpc UNION SELECT symbol FROM classified),
whole AS (
    SELECT symbol FROM used
    UNION SELECT split_part(symbol, '/', 1) || '/00' FROM used WHERE contains(symbol, '/')
    UNION SELECT symbol[1:4] FROM used WHERE length(symbol) >= 4
    UNION SELECT symbol[1:3] FROM used WHERE length(symbol) >= 3
    UNION SELECT symbol[1] FROM used)
SELECT row_number() OVER (ORDER BY symbol) - 1 AS n, symbol, level, title,
       CASE WHEN contains(symbol, '/') AND NOT ends_with(symbol, '/00') THEN split_part(symbol, '/', 1) || '/00'
            WHEN contains(symbol, '/') THEN symbol[1:4]
            WHEN length(symbol) = 4 THEN symbol[1:3]
            WHEN length(symbol) = 3 THEN symbol[1] END AS above
FROM whole LEFT JOIN cpc USING (symbol)
ORDER BY n
