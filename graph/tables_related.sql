-- Who is of one family with whom: a patent and the documents that it continues, divides or reissues, which
-- may be patents themselves, or applications that several patents name.
-- needs: raw_related (patent_id, related), patent
-- columns: p, document (a number of a patent, or one beyond those)
WITH named AS (
    SELECT p, upper(regexp_replace(related, '[^A-Za-z0-9]', '', 'g')) AS name
    FROM raw_related JOIN patent USING (patent_id)),
known AS (SELECT p, name FROM named WHERE length(name) >= 5),
names AS (SELECT name, row_number() OVER () AS number FROM (SELECT DISTINCT name FROM known))
SELECT known.p, coalesce(b.p, (SELECT count(*) FROM patent) + number)::BIGINT AS document
FROM known JOIN names USING (name) LEFT JOIN patent b ON b.patent_id = names.name
