-- One text_key for all of a family.
-- needs: family (p, first)
-- changes: patent (text_key)
UPDATE patent SET text_key = first FROM family WHERE family.p = patent.p AND first <> text_key
