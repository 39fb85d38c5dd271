-- The record of a complete load, for an import file.
-- parameters: $fingerprint of the data
-- columns: number, id, fingerprint, part, rows
SELECT 0, 'patentcl', $fingerprint, 'done', 0
