// Remove all symbols; in a transaction of its own for every $batch.
// parameters: $batch
MATCH (n:Cpc)
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF $batch ROWS
