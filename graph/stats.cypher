// Counts of nodes and relations.
// columns: patents, dated, with_codes, symbols, classified_as, cites
RETURN COUNT { (:Patent) } AS patents,
       COUNT { MATCH (p:Patent) WHERE p.date IS NOT NULL } AS dated,
       COUNT { MATCH (p:Patent) WHERE EXISTS { (p)-[:CLASSIFIED_AS]->() } } AS with_codes,
       COUNT { MATCH (c:Cpc) WHERE c.level IS NOT NULL } AS symbols,
       COUNT { ()-[:CLASSIFIED_AS]->() } AS classified_as,
       COUNT { ()-[:CITES]->() } AS cites
