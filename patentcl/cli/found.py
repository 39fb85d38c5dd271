"""Similar patents in files: tables, lines of JSON, and a page to hand on without a network."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from patentcl.core.errors import ConfigError, DataError
from patentcl.core.tables import number

SUFFIXES = (".csv", ".xlsx", ".jsonl", ".parquet", ".html")
_RISKY = ("=", "+", "-", "@", "\t", "\r")  # how a text begins that a spreadsheet would compute


def check_target(to: Path) -> None:
    """Complain of a file that cannot be written before anything is loaded."""
    if to.suffix.lower() not in SUFFIXES:
        raise ConfigError("unknown kind of file", got=to, wanted=", ".join(SUFFIXES))
    if to.exists():
        raise DataError("the file is there already", where=to, fix="Choose another, or remove it")


def write(found: Any, to: Path, page: Callable[[], str], record: Callable[[Any], str]) -> None:
    """Write what was found, by the suffix of the file; `record` makes a line of JSON of a row."""
    import pandas as pd

    from patentcl.cli.codes import as_jsonl, write_sheet
    from patentcl.core.files import whole_file, write_whole

    suffix = to.suffix.lower()
    if suffix == ".html":
        write_whole(to, page())
    elif suffix == ".csv":
        write_whole(to, as_csv(found) + "\n")
    elif suffix == ".jsonl":
        write_whole(to, "".join(f"{record(row)}\n" for row in found.to_dict("records")))
    else:
        table = found.rename(columns={"id": "patent_id"})
        with whole_file(to) as place:
            if suffix == ".parquet":
                table.assign(query=table["query"].astype(str)).to_parquet(place, index=False)
                return
            flat = pd.DataFrame({c: table[c].map(joined) for c in table}).astype(object)
            flat = flat.where(flat.notna(), None)
            lines = place.with_name("lines")
            lines.write_text(as_jsonl([list(table), *flat.values.tolist()]), encoding="utf-8")
            write_sheet(lines, place)


def as_csv(found: Any) -> str:
    """All columns, lists joined by ``; ``; a text that a spreadsheet would compute is quoted."""
    import pandas as pd

    def plain(value: Any) -> Any:
        value = joined(value)
        return f"'{value}" if isinstance(value, str) and value[:1] in _RISKY else value

    table = pd.DataFrame({c: found[c].map(plain) for c in found.columns})
    table = table.rename(columns={"id": "patent_id"})
    return table.to_csv(index=False, lineterminator="\n").rstrip("\n")


def joined(value: Any) -> Any:
    """A value of a cell: items of lists joined, dates and NumPy's numbers as plain ones."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return str(value)[:10] if hasattr(value, "isoformat") and value == value else value


# ---- a page ---------------------------------------------------------------------------------

_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Similar patents</title><style>
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem; overflow-wrap: anywhere }
ol { list-style: none; padding: 0 }
ol > li { border-top: 1px solid #8886; padding: .7rem 0; break-inside: avoid }
.id { font-weight: 600 } .title { font-weight: 600; margin: .1rem 0 }
.quiet, dt { opacity: .72 } ul { margin: .2rem 0; padding-left: 1.2rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .8rem; margin: .3rem 0 }
dd { margin: 0; overflow-wrap: anywhere }
</style></head><body>
<h1>Similar patents</h1>
"""


def page(
    found: Any, asked: Sequence[tuple[Any, str]], said: Mapping[str, Any], titles: Mapping[str, str]
) -> str:
    """A page of HTML without scripts, which asks for nothing from a network.

    `asked` holds each question's name in the results and its text, `said` how it was looked for,
    `titles` the titles of symbols. A link is followed only when somebody clicks on it.
    """
    parts = [_HEAD, _pairs({k.replace("_", "-"): joined(v) for k, v in said.items()})]
    rows_of = dict(iter(found.groupby("query", sort=False)))
    for name, text in asked:
        rows = rows_of.get(name, found[:0])
        parts.append(f"<h2>{html.escape(text)}</h2>\n")
        items = [_hit(row, titles) for row in rows.to_dict("records")]
        parts.append("<ol>" + "".join(items) + "</ol>\n" if items else "<p>Nothing was found.</p>")
    return "".join(parts) + "</body></html>\n"


def _pairs(of: Mapping[str, Any]) -> str:
    rows = [
        f"<dt>{html.escape(str(k))}</dt><dd>{html.escape(str(v))}</dd>" for k, v in of.items() if v
    ]
    return f"<dl>{''.join(rows)}</dl>\n" if rows else ""


def _hit(row: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    from urllib.parse import quote

    from patentcl.maps.page import LINK

    name, title = str(row["id"]), str(row["title"]) if _there(row["title"]) else ""
    link = LINK + quote(f"US{name}" if name.isdigit() else name, safe="")
    scores = {"similarity": f"{row['similarity']:.3f}"}
    for key in ("score", "bm25"):
        scores |= {key: number(float(row[key]))} if _there(row.get(key)) else {}
    ranks = [f"{k} {row[f'{k}_rank']}" for k in ("dense", "bm25") if _there(row.get(f"{k}_rank"))]
    scores |= {"rank": ", ".join(ranks)} if ranks else {}
    if row.get("others"):
        scores["family"] = f"{row['others']} more"
    codes = "".join(
        f"<li>{html.escape(f'{code} {_title_of(str(code), titles)}'.rstrip())}</li>"
        for code in list(row["codes"])[:8]
    )
    why = {
        "shares": "; ".join(row.get("shared_codes", [])),
        "relation": row.get("relation"),
        "words": ", ".join(row.get("terms", [])),
        "says": row.get("sentence"),
    }
    date = "" if not _there(row["date"]) else str(row["date"])[:10]
    facts = " &middot; ".join(f"{k} {html.escape(v)}" for k, v in scores.items())
    return (
        f'<li><span class="id">{row["rank"]}. <a href="{html.escape(link)}" '
        f'rel="noopener noreferrer">{html.escape(name)}</a></span> '
        f'<span class="quiet">{date} {facts}</span>'
        f'<div class="title">{html.escape(title or "(no title)")}</div>'
        f"{_pairs(why)}{f'<ul>{codes}</ul>' if codes else ''}</li>\n"
    )


def _there(value: Any) -> bool:
    import pandas as pd

    return value is not None and not pd.isna(value)


def _title_of(code: str, titles: Mapping[str, str]) -> str:
    from patentcl.cpc import own_titles

    above = own_titles().get(code[:4], "")
    return titles.get(code) or (f"({above})" if above else "")
