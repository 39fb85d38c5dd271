// Symbols are unique, and found by an index.
CREATE CONSTRAINT patentcl_cpc_symbol IF NOT EXISTS FOR (c:Cpc) REQUIRE c.symbol IS UNIQUE
