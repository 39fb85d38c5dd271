-- One number for each table, the same for every order of its rows.
-- columns: patent, cpc, classified, cites
SELECT (SELECT sum(md5_number_lower(row(patent_id, date, year, type, text_key)::VARCHAR) >> 8) FROM patent) AS patent,
       (SELECT sum(md5_number_lower(row(symbol, level, title)::VARCHAR) >> 8) FROM stage_cpc) AS cpc,
       (SELECT sum(md5_number_lower(row(p, symbol, sequence)::VARCHAR) >> 8) FROM classified) AS classified,
       (SELECT sum(md5_number_lower(row(citing, cited)::VARCHAR) >> 8) FROM cites) AS cites
