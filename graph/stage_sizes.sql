-- How many rows each part of a load has (patents or symbols), and how many relations hang on them.
-- columns: patents, symbols, classified, cites
SELECT (SELECT count(*) FROM patent) AS patents, (SELECT count(*) FROM stage_cpc) AS symbols,
       (SELECT count(*) FROM classified) AS classified, (SELECT count(*) FROM cites) AS cites
