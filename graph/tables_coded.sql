-- The codes of some patents, each patent's in one list.
-- parameters: $from, $upto numbers of patents, the last left out
-- needs: labelled (p, code, sequence)
-- adds to: coded (p, codes)
INSERT INTO coded
SELECT p, list_sort(list(code)) FROM labelled WHERE p >= $from AND p < $upto GROUP BY p
