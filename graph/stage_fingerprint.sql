-- One number for each table, the same for every order of its rows.
-- columns: patent, cpc, classified, cites
SELECT (SELECT sum((md5_number(row(patent_id, date, year, type, text_key)::VARCHAR) >> 72)::UBIGINT) FROM patent) AS patent,
       (SELECT sum((md5_number(row(symbol, level, title)::VARCHAR) >> 72)::UBIGINT) FROM stage_cpc) AS cpc,
       (SELECT sum((md5_number(row(p, symbol, sequence)::VARCHAR) >> 72)::UBIGINT) FROM classified) AS classified,
       (SELECT sum((md5_number(row(citing, cited)::VARCHAR) >> 72)::UBIGINT) FROM cites) AS cites
