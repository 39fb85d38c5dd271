// Ids are unique, and found by an index.
CREATE CONSTRAINT patentcl_patent_id IF NOT EXISTS FOR (p:Patent) REQUIRE p.patent_id IS UNIQUE
