// Whether there are patents or symbols.
// columns: found
RETURN EXISTS { MATCH (:Patent) } OR EXISTS { MATCH (:Cpc) } AS found
