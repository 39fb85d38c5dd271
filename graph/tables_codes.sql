-- The codes of patents as the tables list them, some perhaps twice; raw where the symbol is not a known one.
-- needs: raw_code (patent_id, raw, seq), symbol_number (raw, symbol, code), numbered
-- columns: p, code or NULL, sequence, raw or NULL
SELECT p, code, coalesce(TRY_CAST(seq || '' AS SMALLINT), 0)::SMALLINT AS sequence,
       CASE WHEN code IS NULL THEN raw_code.raw END AS raw
FROM raw_code
LEFT JOIN symbol_number USING (raw)
JOIN numbered USING (patent_id)
