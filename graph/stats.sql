-- Counts of nodes and relations.
-- needs: code_count (p, codes), how many codes a patent has
-- columns: patents, dated, with_codes, symbols, classified_as, cites
SELECT (SELECT count(*) FROM patent) AS patents,
       (SELECT count(date) FROM patent) AS dated,
       (SELECT count(*) FROM code_count) AS with_codes,
       (SELECT count(*) FROM cpc) AS symbols,
       (SELECT coalesce(sum(codes), 0) FROM code_count) AS classified_as,
       (SELECT count(*) FROM cites) AS cites
