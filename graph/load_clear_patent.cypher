// Remove all patents with what they cite and carry; in a transaction of its own for every $batch.
// parameters: $batch
MATCH (n:Patent)
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF $batch ROWS
