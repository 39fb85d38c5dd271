"""SQL macros that read single values: codes, patent numbers, and words that stand for nothing.

Patents come from many tools, each of which writes the same code in its own way; these macros are
the one place that knows the ways.
"""

from __future__ import annotations

_MISSING = r"""- -- . ? na n/a n.a. nan null nil none \n nat unknown undefined <na> <null>
    [null] (null) (none) [] {} #n/a #na #num! #value! #ref! #name? #null! #div/0!"""
_WORDS = ", ".join(f"'{word}'" for word in ("", "not available", *_MISSING.split()))
"""In small letters; what is longer than all of them, or begins with a digit, is none."""
_BLANK = "\t\r\n\v\f\x85\u00a0\u2028\u2029\u3000\ufeff\u200b\u200e\u200f"
_EDGE = " OR ".join(f"suffix(s, '{c}')" for c in " " + _BLANK)
_EDGE += "".join(f" OR prefix(s, '{c}')" for c in _BLANK if c > "~") + " OR s < '!'"
_HELD = "\x1e"  # for a comma inside a number, while commas separate

# Around a code: "(51) Int.Cl.7: "; "(2006.01)", "(EP,US)", "[2006-01]", "20060101AFI20060101BHEP".
_NOTE = r"(?:\(5\d\)\s*)?\b(?:IPCR?|CPC[IA]?|Int\.?\s*Cl\.?)(?:\s*\d\b)?\s*[:.]?"
_NOTE += r"|\(\s*(?:\d{4}[^()]*|[A-Z]+(?:[\s,]+[A-Z]+)*)\s*\)|\[\s*\d{4}[-.][^\[\]]*\]"
_VERSION = r"(\s|\d{10})(?:19|20)\d{6}(?:[A-Z]{3}(?:\d{8}[A-Z]{4})?)?"
_STATUS = r"""(/\s*\d{2,6})\s*(?:[ACSFLIN]{1,3}(?:\s+|$|[;,|\x1f"''\])}]))+"""
_NEXT = r"(?:\s+and\s+|[-\s/:.~–—]+|(?:^|\s+)\d\d?[.)]\s+)([A-HY]\d\d[A-Z])"  # between whole codes
_SAME = r"(\d{2,6})[-\s:~–—]+(\d{1,4}\s*/)"  # between groups of one subclass
_TITLE = r"(/\s*\d{2,6})(?:\s*[-–:]\s+[^\d\s;|\n]|\s+[A-Z][a-z]{2})[^;|\n]*"  # "F04D 1/00 - Pumps"
_FI = r"(/\d{2,6})(?:,(?:\d{3}|Z[A-Z]{2}))?(?:@[A-Z])?([,;|\s\x1f]|$)"  # Japan's "F04D29/10,101@A"
_ALONE = rf"(?i:(?:^|[^\w\s/-]|and)\s*\d{{1,4}}\s*/)|{_SAME}"
_BETWEEN = r"""(?:[;|,；，、&\t\r\n\x1f"''\[\](){}\x{fffd}]|\s+and\s+)+"""
# What most files have, and nothing below would change.
_NUMBER = r"(?:[A-Z]{2,4})?\d{6,12}(?:[A-Z]\d?)?"
_THOUSAND = r"\b([A-Za-z]*\d{1,3})[,''](\d{3})\b"
_REMARK = r"(\d(?:\s?[A-Z]\d?)?)(?:\s*[(\[][^()\[\]]*[)\]]|,00?\b)"  # "7000002 (Smith, 1999)"
_LEVELS = r"(?i:[A-HY](?:[\s/]+[A-HY])+|[A-HY]\d\d(?:[\s/]+[A-HY]\d\d)+)"  # sections, or classes
_ODD = r"[^ -;=-\[\]^`-~\t\r\n\x1f]"  # what these, and marks of lines, are written with
_PLAIN = "/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ//;;;"
_WIDE = "".join(chr(0xFEE0 + ord(c)) for c in _PLAIN[:37]) + "⁄∕·•_"  # as in Japan, and others
_ITEM = r"[A-Z]{0,3}\d[A-Z0-9]{0,11}"
_SIMPLE = rf"(?:{_ITEM})?(?:(?:; ?|\x1f){_ITEM})*\x1f?"
_SIMPLE_CODES = _SIMPLE.replace("{0,3}", "{1,3}").replace("{0,11}", r"{0,11}(?:/\d+)?")
_S = r"[\s\v\x{a0}\x{3000}]*"
_SUBCLASS = rf"{_S}[A-HY]{_S}\d\d{_S}[A-Z]"
_GROUPS = rf"(?:[-\s\v\x{{a0}}\x{{3000}}]*(\d{{1,4}}){_S}/{_S}(\d{{2,6}}))?"
_SYMBOL = rf"^{_S}([A-HY])(?:{_S}(\d\d)(?:{_S}([A-Z]){_GROUPS})?)?{_S}$"

MACROS = rf"""
-- Text without blanks around it; NULL where it stands for nothing.
CREATE OR REPLACE TEMP MACRO unless_missing(s) AS (
    CASE WHEN strlen(s) > 13 OR s BETWEEN '0' AND ':' THEN s
    WHEN lower(s) IN ({_WORDS}) THEN NULL ELSE s END);
CREATE OR REPLACE TEMP MACRO value_of(s) AS (
    CASE WHEN regexp_matches(s, '^ *[{_BLANK}]|[{_BLANK}] *$')
    THEN unless_missing(trim(s, ' {_BLANK}'))  -- far slower than trim(s)
    WHEN prefix(s, ' ') OR suffix(s, ' ') THEN unless_missing(trim(s)) ELSE unless_missing(s) END);

-- The same of a column that may be long, and without bytes that stand for no character: trimming,
-- or a regular expression that looks for the end, would read all of it.
CREATE OR REPLACE TEMP MACRO text_of(s) AS (
    CASE WHEN contains(s, chr(0)) THEN value_of(replace(s, chr(0), ''))
    WHEN {_EDGE} THEN value_of(s) ELSE unless_missing(s) END);

-- A text in one line.
CREATE OR REPLACE TEMP MACRO line_of(s) AS (
    CASE WHEN regexp_matches(s, '[{_BLANK}]|  ')
    THEN text_of(regexp_replace(s, '[{_BLANK} ]+', ' ', 'g')) ELSE text_of(s) END);

-- A number as its source writes it; 7000001.0, which was a float on its way, is 7000001, and so are
-- ="7000001", '7000001 and =HYPERLINK("https://...","7000001"), which a spreadsheet was to show.
CREATE OR REPLACE TEMP MACRO number_of(s) AS (
    CASE WHEN suffix(s, '.0') OR suffix(s, '.00') OR suffix(s, ',0')
    THEN regexp_replace(value_of(s), '^(\d+)[.,]00?$', '\1')
    WHEN contains(s, chr(10)) THEN line_of(s)
    WHEN prefix(s, '=') OR prefix(s, chr(39)) THEN value_of(trim(
        regexp_replace(s, '(?i)^=hyperlink\(.*[,;]\s*(.*)\)\s*$', '\1'), '="' || chr(39)))
    ELSE value_of(s) END);

-- A code without a slash as if it had one: packed (WIPO ST.8), a main group, or the subclass alone
-- where groups cannot be divided: A61M51723 may be A61M5/1723 or A61M51/723. A group of four digits
-- that begins with 0 ends there: A61M005100 is A61M51/00.
CREATE OR REPLACE TEMP MACRO with_slash(s) AS (
    CASE WHEN contains(s, '/') OR strlen(s) < 5 THEN s
    WHEN regexp_full_match(s, '{_SUBCLASS}\d{{10}}{_S}')
    THEN regexp_replace(s, '(\d{{4}})(\d\d\d*?)0*{_S}$', '\1/\2')
    ELSE regexp_replace(regexp_replace(regexp_replace(s,
        '^({_SUBCLASS}{_S}0{{0,2}}\d{{1,2}}){_S}$', '\1/00'),
        '^({_SUBCLASS}{_S}0\d{{3}})(\d{{2,5}}){_S}$', '\1/\2'),
        '^({_SUBCLASS}){_S}\d{{3,9}}{_S}$', '\1') END);

-- A symbol with its groups normalised (main group without zeros, no blanks), or NULL.
CREATE OR REPLACE TEMP MACRO clean_symbol(s) AS (
    SELECT CASE
        WHEN x.a IS NULL OR x.a = '' THEN NULL
        WHEN trim(x.d, '0') <> '' THEN x.a || x.b || x.c || ltrim(x.d, '0') || '/'
            || CASE WHEN trim(x.e, '0') = '' THEN '00' ELSE x.e END
        ELSE x.a || x.b || x.c END  -- group 0 stands for none
    FROM (SELECT regexp_extract(with_slash(upper(s)),
         '{_SYMBOL}', ['a', 'b', 'c', 'd', 'e']) AS x));

CREATE OR REPLACE TEMP MACRO simple_items(s) AS
    list_filter(string_split(replace(replace(s, '; ', ';'), chr(31), ';'), ';'), lambda x: x <> '');

-- Codes with any separator between them.
CREATE OR REPLACE TEMP MACRO any_codes(s) AS list_filter(list_transform(regexp_split_to_array(
    regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
        regexp_replace(CASE WHEN regexp_matches(s, '{_ODD}') THEN regexp_replace(replace(
            translate(s, '{_WIDE}', '{_PLAIN}'), '\/', '/'), '\\[nr]|<br ?/?>', ';', 'g')
        ELSE s END, '{_FI}', '\1\2', 'g'),
        '{_NOTE}', ' ', 'gi'), '{_VERSION}', '\1', 'gi'),
        '{_STATUS}', '\1;', 'gi'), '{_NEXT}', ';\1', 'gi'), '{_TITLE}', '\1', 'g'),
        '{_BETWEEN}|[+*<>]|\.\s*$'), lambda x: value_of(x)), lambda x: x IS NOT NULL);

-- The codes in a text, of any form. A group alone is of the subclass before: F04D 1/00, 29/22.
CREATE OR REPLACE TEMP MACRO split_codes(s) AS
    CASE WHEN regexp_full_match(s, '{_SIMPLE_CODES}') THEN simple_items(s)
    WHEN regexp_full_match(s, '{_LEVELS}') THEN regexp_split_to_array(s, '[\s/]+')
    WHEN regexp_matches(s, '{_ALONE}') THEN list_reduce(
        list_transform(any_codes(regexp_replace(s, '{_SAME}', '\1;\2', 'g')), lambda x: [x]),
        lambda found, x: found || [CASE WHEN regexp_full_match(x[1], '\d{{1,4}}\s*/\s*\d{{2,6}}')
            THEN concat(regexp_extract(upper(found[-1]), '^{_SUBCLASS}'), x[1]) ELSE x[1] END],
        []::VARCHAR[])
    ELSE any_codes(s) END;

-- The patent numbers in a text: 10,000,002 is one. Items of a list are numbers as they are.
CREATE OR REPLACE TEMP MACRO split_numbers(s) AS
    CASE WHEN regexp_full_match(s, '{_SIMPLE}') THEN simple_items(s)
    ELSE list_filter(list_transform(
    CASE WHEN regexp_full_match(s, '\[?{_NUMBER}([\s/]+{_NUMBER})+\]?')
    THEN regexp_split_to_array(trim(s, '[]'), '[\s/]+') WHEN contains(s, chr(31))
    THEN regexp_split_to_array(s, '[;|\t\r\n\x1f]+') ELSE regexp_split_to_array(regexp_replace(
        regexp_replace(regexp_replace(regexp_replace(s, '{_REMARK}', '\1', 'g'),
        '(\d)\s+([A-Z]{{2}}[\s-]?\d)', '\1;\2', 'g'), '{_THOUSAND}', '\1{_HELD}\2', 'g'),
        '{_THOUSAND}', '\1{_HELD}\2', 'g'), '{_BETWEEN}|<br ?/?>') END,
    lambda x: number_of(replace(x, '{_HELD}', ','))), lambda x: x IS NOT NULL) END;

-- Whether a number has no parts but digits, and letters such as D before them.
CREATE OR REPLACE TEMP MACRO bare_number(s) AS
    regexp_full_match(s, '(D|H|T|RE|PP|AI)?[1-9]\d*');

-- Parts of a number: country, digits (with letters before them), kind; '' where it has none.
CREATE OR REPLACE TEMP MACRO number_parts(s) AS (
    CASE WHEN bare_number(s) THEN {{'country': '', 'digits': s, 'kind': ''}} ELSE
    list_transform([regexp_extract(
        regexp_replace(regexp_replace(upper(s),
            '(?:-|([A-Z]\d?)\s+)(?:19|20)\d{{6}}(?:\s*\[.*)?$', '\1'), '[^A-Z0-9]', '', 'g'),
        '^((?:[A-Z]{{2}})??)((?:RE|PP|AI|D|H|S|T|X)?)0*(\d+)((?:[A-Z]\d?)?)$',
        ['country', 'letters', 'digits', 'kind'])], lambda n:
        {{'country': n.country, 'digits': n.letters || n.digits, 'kind': n.kind}})[1] END);

-- A text without the number before it: "(US1234567) A pump ...".
CREATE OR REPLACE TEMP MACRO without_number(s) AS
    regexp_replace(s, '^\s*\([A-Z]{{2}}[A-Z0-9/., -]{{3,20}}\)\s*', '');
"""
