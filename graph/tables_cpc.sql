-- The symbols that occur, and those above them, with their titles.
-- needs: symbol (code, symbol), titled (raw, title)
-- columns: symbol, level, title
SELECT u.symbol,
       CASE WHEN length(u.symbol) = 1 THEN 'section' WHEN length(u.symbol) = 3 THEN 'class'
            WHEN length(u.symbol) = 4 THEN 'subclass' WHEN ends_with(u.symbol, '/00') THEN 'group'
            ELSE 'subgroup' END AS level,
       coalesce(t.title, '') AS title
FROM (SELECT DISTINCT unnest([symbol[1], symbol[1:3], symbol[1:4],
                              CASE WHEN contains(symbol, '/') THEN split_part(symbol, '/', 1) || '/00' END,
                              symbol]) AS symbol FROM symbol) u
LEFT JOIN (SELECT clean_symbol(raw) AS symbol, max(title) AS title FROM titled GROUP BY 1) t USING (symbol)
WHERE u.symbol <> ''
ORDER BY u.symbol
