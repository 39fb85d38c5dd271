-- Citations by number, for an import file.
-- columns: number of the citing patent, number of the cited one
SELECT citing, cited FROM cites
