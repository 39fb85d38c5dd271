-- The codes of some patents, each patent's in one list, in ascending order and each once; with the place where its
-- table lists it first.
-- parameters: $from, $upto numbers of patents, the last left out
-- needs: codes (p, code, place, raw), symbol_number (raw, symbol, code)
-- adds to: coded (p, codes, places)
INSERT INTO coded
SELECT p, list_transform(once, lambda x: x >> 11), list_transform(once, lambda x: (x & 2047)::SMALLINT)
FROM (SELECT p, list_filter(every, lambda x, i: i = 1 OR x >> 11 <> every[i - 1] >> 11) AS once
      FROM (SELECT p, list_sort(list(coalesce(codes.code, late.code) << 11 | place)) AS every
            FROM codes LEFT JOIN symbol_number late ON late.raw = codes.raw
            WHERE p >= $from AND p < $upto AND coalesce(codes.code, late.code) IS NOT NULL
            GROUP BY p))
