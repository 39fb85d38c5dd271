-- Counts of nodes and relations.
-- columns: patents, dated, with_codes, symbols, classified_as, cites
SELECT (SELECT count(*) FROM patent) AS patents,
       (SELECT count(date) FROM patent) AS dated,
       (SELECT count(DISTINCT p) FROM classified) AS with_codes,
       (SELECT count(*) FROM cpc) AS symbols,
       (SELECT count(*) FROM classified) AS classified_as,
       (SELECT count(*) FROM cites) AS cites
