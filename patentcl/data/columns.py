"""Which column of a table is used for what, and how its values become text: by profile, or by name.

A column of JSON or of Parquet may be nested: then what is wanted is found inside of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from patentcl.core.errors import DataError, did_you_mean
from patentcl.data.files import name_of, quote, refuse_doubled
from patentcl.data.options import FAMILY, ITEM_END, KEPT, NAMES, ReadOptions, plain_name
from patentcl.data.profiles import OWN_NAMES, PROFILES, Profile

_TEXTS = ("title", "abstract", "claims", "first_claim", "description")
_INSIDE = {  # keys that hold what a role takes of nested values
    "citations": ("publication_number", "citation_patent_id", "cited_patent_number"),
    "members": ("publication_number",),
    "codes": ("code", "symbol", "cpc_group_id", "cpc_group"),
    "ipc": ("code", "symbol"),
    "applicants": ("value", "name", "assignee_organization"),
    "inventors": ("value", "name", "inventor_name_last"),
}
_ENGLISH = re.compile("^(english|en)_|(_(english|eng?|translated|中文))+$")
_OF = r"(main|first|primary|further|other|additional|inventive|later)"
_SEVERAL = {  # names of columns that hold one value each, or a part of the values
    "codes": rf"({_OF}_)?cpc(_?\d+|_{_OF})|{_OF}_cpc",
    "ipc": rf"({_OF}_)?ipcr?(_?\d+|_{_OF})|{_OF}_ipc|ipc_(main|haupt|neben|secondary|addit)\w*",
    "citations": r"(citations?|cited|cites|references?)_?\d\d?",
    "claims": r"claims?_?\d+",
}
JSON_LIST = "JSON[]"
"""The type of a column that holds lists of single values as JSON."""
Part = tuple[str, str]
"""A column, and the path inside of it; "" for all of it."""
ROWS: list[list[Part]] = [[("", "")]]
"""In place of a column of ids: the numbers of the rows."""

MACROS = r"""
-- Of texts in several languages, [{text, language}], the English one, else the first.
CREATE OR REPLACE TEMP MACRO localized(s) AS (
    CASE WHEN s NOT LIKE '[%' AND s NOT LIKE '{%' OR NOT json_valid(s) THEN s ELSE (
        SELECT coalesce(v ->> '$.en', v ->> '$.EN',
            CASE WHEN v LIKE '["%' THEN array_to_string(v ->> '$[*]', chr(31)) END,
            list_filter(t, lambda x: lower(coalesce(x.language, x.lang)) IN ('en', 'eng'))[1].text,
            t[1].text)
        FROM (SELECT v, list_filter(
            from_json(CASE WHEN v LIKE '{%' THEN '[' || v || ']' ELSE v END,
                '[{"text": "VARCHAR", "language": "VARCHAR", "lang": "VARCHAR"}]'),
            lambda x: value_of(x.text) IS NOT NULL) AS t
            FROM (SELECT CASE WHEN json_valid(s) THEN s END AS v))) END);
"""


@dataclass(frozen=True)
class Columns:
    """The columns of a table that are used, and those that are kept under a name of our own."""

    profile: Profile
    used: dict[str, list[list[Part]]]
    """Role -> alternatives, each of one part or of several."""
    kept: dict[str, list[list[Part]]] = field(default_factory=dict)

    def names(self) -> set[str]:
        """Names of the table's columns whose values a corpus holds under names of its own."""
        roles = [r for r in self.used if r not in ("family", "members")]
        if self.profile.by_family:  # only the first number and date are taken
            roles = [r for r in roles if r not in ("patent_id", "date")]
        found = [*(self.used[role] for role in roles), *self.kept.values()]
        return {column for alternatives in found for column, _ in alternatives[0]}

    def shown(self) -> dict[str, str]:
        """Role -> the table's column or columns, for people."""
        return {
            role: " or ".join(
                " with ".join(f"{c}.{p}" if p else c or "number of the row" for c, p in parts)
                for parts in alternatives
            )
            for role, alternatives in (self.used | self.kept).items()
        }


def known_names(options: ReadOptions) -> set[str]:
    """What a header is recognised by, as by `plain_name`."""
    names = {n for names in [*NAMES.values(), *KEPT.values(), FAMILY] for n in names}
    names |= {*options.columns.values(), *options.like.get("columns", {}).values()}
    for profile in PROFILES:
        for text in (profile.signature, *profile.roles.values(), *profile.kept.values()):
            names |= set(re.split(" [|&/] ", text))
    return {plain_name(n) for n in names} - {""}


def find_profile(header: Collection[str]) -> Profile:
    """The profile of a header; `OWN_NAMES` where it is of no tool that is known."""
    names = {plain_name(n) for n in header}

    def has(either: str) -> bool:
        return any(plain_name(n) in names for n in either.split(" / "))

    return next((p for p in PROFILES if all(map(has, p.signature.split(" & ")))), OWN_NAMES)


def choose_columns(header: list[str], options: ReadOptions, where: object) -> Columns:
    """Find out which column is used for what.

    Raises
    ------
    DataError
        If a column that was named is missing.
    """
    profile = find_profile(header)
    by_name = {plain_name(n): n for n in reversed(header)}
    for name in list(by_name):  # "Title (English)" is a title where there is no other
        by_name.setdefault(_ENGLISH.sub("", name), by_name[name])
    found: dict[str, list[list[Part]]] = {}
    for role, names in options.names().items():
        if hits := [by_name[n] for n in map(plain_name, names) if n in by_name]:
            found[role] = [[(hits[0], "")]]
    for role, pattern in _SEVERAL.items():
        several = [[(n, "") for n in header if re.fullmatch(pattern, plain_name(n))]]
        if several[0] and role not in found:
            found[role] = several
    found |= {r: got for r, spec in profile.roles.items() if (got := _find(spec, by_name))}
    asked: Mapping[str, str] = options.like.get("columns", {})
    named = {r: n for r, n in asked.items() if _find(n, by_name)} | dict(options.columns)
    for role, theirs in named.items():
        exact = [[(theirs, "")]] if theirs in header else _find(theirs, by_name)
        if not exact and (role, theirs) == ("patent_id", "row"):
            exact = ROWS
        elif not exact:
            there, fix = ", ".join(header)[:200], did_you_mean(theirs, header)
            raise DataError(f"column {theirs!r} is missing", where=where, got=there, fix=fix)
        found[role] = exact
    if options.every_row and found:
        found.setdefault("patent_id", ROWS)
    if options.scheme == "cpc" and "ipc" not in named:
        found.pop("ipc", None)
    if (
        options.scheme == "ipc"
        and "codes" not in named
        and ("ipc" in found or profile is not OWN_NAMES)
    ):
        found.pop("codes", None)
    kept = {}
    if profile is not OWN_NAMES:
        if "family" in found:
            kept["family"] = found["family"]
        for name, names in KEPT.items():
            if got := _find(profile.kept.get(name, " | ".join(names)), by_name):
                kept[name] = got if name in profile.kept else got[:1]
    return Columns(profile, found, kept)


def _find(spec: str, by_name: Mapping[str, str]) -> list[list[Part]]:
    """The columns that an entry of a profile means, of those that are there."""
    found = []
    for alternative in spec.split(" | "):
        parts = []
        for name in alternative.split(" & "):
            column, _, path = name.partition(".")
            if (hit := by_name.get(plain_name(name))) is not None:
                parts.append((hit, ""))
            elif path and (hit := by_name.get(plain_name(column))) is not None:
                parts.append((hit, path))
        if parts:
            found.append(parts)
    return found


def check_columns(columns: Columns, header: list[str], where: object) -> None:
    """Refuse a table that lacks what every one must have, or has it twice."""
    got = ", ".join(header)[:200]
    tools = ", ".join(p.name for p in PROFILES)
    fix = f"Give an export of {tools}; or name the columns, e.g. --columns {{0}}=NAME, in Python "
    fix += "columns={{'{0}': 'NAME'}}"
    if not {r for r in columns.used if r != "family"}:
        wanted = "names such as patent_id, title, abstract in one of the first 30 lines"
        what = "the table has no header with names that are known"
        raise DataError(what, where=where, got=got, wanted=wanted, fix=fix.format("title"))
    if "patent_id" not in columns.used:
        what = "column 'patent_id' is missing"
        wanted = " or ".join(n for n in NAMES["patent_id"] if n.isascii())
        fix = fix.format("patent_id") + "; patent_id=row numbers the rows"
        raise DataError(what, where=where, got=got, wanted=wanted, fix=fix)
    if not {"title", "abstract"} & set(columns.used):
        wanted, fix = "title or abstract", fix.format("abstract")
        raise DataError("no text column", where=where, got=got, wanted=wanted, fix=fix)
    refuse_doubled(columns.names(), header, where)


# ---- values -----------------------------------------------------------------------------------


def text_of(
    columns: Columns, role: str, kinds: Mapping[str, str], nested: Collection[str] = ()
) -> str:
    """A SQL expression for a role as text; the items of a list are joined by `ITEM_END`.

    `kinds` are the types of columns; those in `nested` are JSON as text.
    """
    alternatives = (columns.used | columns.kept).get(role)
    if alternatives is None:
        return "NULL::VARCHAR"
    texts = []
    for parts in alternatives:
        each = [_part(role, part, kinds.get(part[0], ""), part[0] in nested) for part in parts]
        joint = " " if role == "patent_id" else ITEM_END
        texts.append(each[0] if len(each) == 1 else f"concat_ws({quote(joint)}, {', '.join(each)})")
    out = texts[0]
    if len(texts) > 1:
        out = f"coalesce({', '.join(f'value_of({t})' for t in texts)})"
    if columns.profile.by_family and role in ("patent_id", "date"):
        if role == "date":  # Derwent's stands between a number and codes
            day = rf"regexp_extract({out}, '\d\d? [A-Z][a-z]+ \d{{4}}')"
            out = f"coalesce(nullif({day}, ''), {out})"
        date = r"(?:[\s(]+(?:19|20)\d\d-?\d\d-?\d\d\)?)?(?:\s*\[[^\]]*\])?\s*"  # after a number
        out = rf"regexp_extract({out}, '^\s*([^\n\r;|]*?\d[^\n\r;|]*?){date}(?:[\n\r;|]|$)', 1)"
    if role in _TEXTS and role != "claims":
        out = f"replace({out}, chr(31), ' ')"
    if columns.profile.by_family and role in _TEXTS:
        out = f"without_number({out})"
    if columns.profile.month_first and role in ("date", "filing_date", "priority_date"):
        day = f"try_strptime(split_part(trim({out}), ' ', 1), '%m/%d/%Y')"
        out = f"coalesce(strftime({day}, '%Y-%m-%d'), {out})"
    if role in columns.kept:
        out = rf"regexp_replace(trim({out}), '\s*(;;|[\n\r;{ITEM_END}]+| \| )\s*', '; ', 'g')"
    return out


def _part(role: str, part: Part, kind: str, nested: bool) -> str:
    if not part[0]:
        return "(rowid + 1)::VARCHAR"
    column, path = name_of(part[0]), part[1]
    if old := re.fullmatch(r'STRUCT\("?list"? STRUCT\("?element"? (.*)\)\[\]\)', kind):
        column, kind = f"list_transform({column}.list, lambda x: x.element)", f"{old[1]}[]"
    number = role in ("citations", "members")  # an item ends even where it is the only one
    if kind.endswith("[]") and "STRUCT" not in kind:
        end = f" || {quote(ITEM_END)}" if number else ""
        items = (
            f"from_json({column}, '[\"VARCHAR\"]')" if kind == JSON_LIST else f"{column}::VARCHAR[]"
        )
        return f"array_to_string({items}, {quote(ITEM_END)}){end}"
    if not nested and "STRUCT" not in kind:
        return f"{column}::VARCHAR"
    json = f"{column}::VARCHAR" if nested else f"to_json({column})::VARCHAR"
    if path:
        json = f"json_extract({json}, {quote('$.' + path)})"
        json = f"CASE json_type({json}) WHEN 'VARCHAR' THEN {json} ->> '$' ELSE {json}::VARCHAR END"
    if role in _TEXTS:
        claims = f"array_to_string(json_extract_string({json}, '$..claim_text[*]'), chr(10))"
        text = f"localized({json})"
        return f"coalesce({text}, nullif({claims}, ''))" if role == "claims" else text
    raw, json = json, f"CASE WHEN json_valid({json}) THEN {json} END"  # some may be plain texts
    if role not in _INSIDE:
        return raw
    lists = [f"json_extract_string({json}, '$..{key}')" for key in _INSIDE[role]]
    if number:
        parts = ", ".join(f"d ->> '{k}'" for k in ("jurisdiction", "doc_number", "kind"))
        documents = f"json_extract({json}, '$..document_id')"
        lists.append(f"list_transform({documents}, lambda d: concat_ws(' ', {parts}))")
    elif role in ("codes", "ipc"):  # {"main": "A01B33/08", "further": [...]}
        code = r"lambda x: regexp_matches(x, '^\W*[A-Ha-hYy]\d\d')"
        lists.append(f"list_filter(json_extract_string({json}, '$.*'), {code})")
    joined = f"array_to_string(list_concat({', '.join(lists)}), {quote(ITEM_END)})"
    plain = f"array_to_string(from_json({json}, '[\"VARCHAR\"]'), {quote(ITEM_END)})"
    plain = f"CASE WHEN {json} LIKE '[%' THEN {plain} ELSE {raw} END"
    return f"CASE WHEN {json} LIKE '%{{%' THEN {joined} ELSE {plain} END"
