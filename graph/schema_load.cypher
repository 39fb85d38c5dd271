// There is one record of what has been loaded, and how far.
CREATE CONSTRAINT patentcl_load_id IF NOT EXISTS FOR (l:GraphLoad) REQUIRE l.id IS UNIQUE
