-- The codes of patents as the tables list them, some perhaps twice; raw where the symbol is not a known one.
-- needs: raw_cpc (patent_id, raw, seq), symbol_number (raw, symbol, code), patent
-- columns: p, code or NULL, place (0 to 2047), raw or NULL
SELECT p, code, least(greatest(coalesce(TRY_CAST(seq || '' AS INTEGER), 0), 0), 2047)::SMALLINT AS place,
       CASE WHEN code IS NULL THEN raw_cpc.raw END AS raw
FROM raw_cpc
LEFT JOIN symbol_number USING (raw)
JOIN patent USING (patent_id)
