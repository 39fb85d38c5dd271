-- Each citation once, those of some patents at a time: all at once would not fit.
-- parameters: $from, $upto numbers of patents, the last left out
-- needs: citations (citing, cited)
-- adds to: cites (citing, cited)
INSERT INTO cites
SELECT DISTINCT citing, cited FROM citations WHERE citing >= $from AND citing < $upto
