"""Mutates small input files of every format and reads them: no traceback, no row lost in silence.

``PYTHONPATH=tests python tests/mutated_inputs.py 1000`` tries 1,000 seeded ways and prints a table.
A file is ``refused`` (one clear error) or ``read`` with all rows that are whole; ``unclear`` errors
and ``lost`` rows are wrong.
"""

from __future__ import annotations

import argparse
import collections
import csv
import io
import json
import random
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from patentcl import Corpus
from patentcl.core.errors import PatentclError

ROWS = 40
ODD = (
    '"',
    '""',
    "'",
    ",",
    "\t",
    ";",
    "\\",
    "\r\n",
    "\n",
    "",
    " ",
    "nan",
    "NULL",
    "=1+1",
    "\u2028",
    "é",
)
HEAD = ["patent_id", "title", "abstract", "date", "codes"]


def records(rng: random.Random) -> list[dict[str, str]]:
    """Patents whose titles hold what is awkward in tables."""
    words = "rotor blade cell anode pump seal valve lens film".split()  # noqa: SIM905

    def text(n: int) -> str:
        return " ".join(rng.choice(words) for _ in range(n))

    return [
        {
            "patent_id": str(7_000_000 + i),
            "title": " ".join([text(2), rng.choice(["with", '5" pipe', "a, b", "x; y"]), text(1)]),
            "abstract": text(12) + ".",
            "date": f"20{10 + i % 9}-0{1 + i % 9}-11",
            "codes": "; ".join(rng.sample(["A01B1/00", "H01M10/44", "F04D29/06", "G02B6/00"], 2)),
        }
        for i in range(ROWS)
    ]


def _table(rows: list[dict[str, str]], separator: str = ",") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=separator, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _lines(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _parquet(rows: list[dict[str, str]]) -> bytes:
    return pd.DataFrame(rows).to_parquet(index=False)


def _zipped(rows: list[dict[str, str]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in.csv", _table(rows))
    return out.getvalue()


FORMATS: dict[str, Callable[[list[dict[str, str]]], bytes]] = {
    "in.csv": _table,
    "in.tsv": lambda rows: _table(rows, "\t"),
    "in.jsonl": _lines,
    "in.parquet": _parquet,
    "in.csv.zip": _zipped,
}


def _cell(rows: list[dict[str, str]], rng: random.Random) -> None:
    row, column = rng.choice(rows), rng.choice(HEAD[1:])
    place = rng.randrange(len(row[column]) + 1)
    row[column] = row[column][:place] + rng.choice(ODD) + row[column][place:]


def _columns(rows: list[dict[str, str]], rng: random.Random) -> None:
    order = rng.sample(HEAD, len(HEAD))
    rows[:] = [{**{name: row[name] for name in order}, "note": rng.choice(ODD)} for row in rows]


def _empty(rows: list[dict[str, str]], rng: random.Random) -> None:
    column = rng.choice(HEAD[3:])
    for row in rows:
        row[column] = ""


VALUES = {"cell": _cell, "columns": _columns, "empty column": _empty}
"""Keep every row."""


def _flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.choice([b'"', b"\0", b"\r", b"\xff", b"\n", b",", b"\\"]) + data[at:]


BYTES: dict[str, tuple[int | None, Callable[[bytes, random.Random], bytes]]] = {
    "flip": (2, _flip),
    "insert": (2, _insert),
    "line ends": (0, lambda data, rng: data.replace(b"\n", rng.choice([b"\r\n", b"\r"]))),
    "mark": (0, lambda data, rng: b"\xef\xbb\xbf" + data),
    "utf-16": (0, lambda data, rng: data.decode().encode("utf-16")),
    "blank lines": (0, lambda data, rng: data.replace(b"\n", b"\n\n", 3)),
    "cut": (None, lambda data, rng: data[: rng.randrange(len(data))]),
    "noise": (None, lambda data, rng: rng.randbytes(len(data))),
    "twice": (None, lambda data, rng: data + data),
    "empty": (None, lambda data, rng: b""),
}
"""How many rows each may cost at most; None: any."""


def attempt(folder: Path, number: int, seed: int) -> tuple[str, str, str]:
    """Mutate and read one file: its name, the mutation, how it ended."""
    rng = random.Random(f"{seed} {number}")
    rows, name = records(rng), rng.choice(list(FORMATS))
    text = name not in ("in.parquet", "in.csv.zip")
    ways = [*VALUES, *(BYTES if text else ("flip", "cut", "noise", "empty"))]
    way, may = rng.choice(ways), 0
    if way in VALUES:
        VALUES[way](rows, rng)
    data = FORMATS[name](rows)
    if way in BYTES:
        may, change = BYTES[way]  # type: ignore[assignment]
        data = change(data, rng)
    path = folder / f"{number}-{name}"
    path.write_bytes(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ids = Corpus.read(path).ids
    except PatentclError as error:
        return name, way, "refused" if "\n" not in str(error) else f"unclear {error}"
    except Exception as error:
        return name, way, f"unclear {type(error).__name__}: {error}"
    kept = len({row["patent_id"] for row in rows} & set(ids))
    lost = may is not None and kept < ROWS - may
    return name, way, f"lost {ROWS - kept} of {ROWS}" if lost else "read"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", type=int, nargs="?", default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = collections.Counter[tuple[str, str]]()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.files):
            name, way, end = attempt(Path(folder), number, given.seed)
            found[name, end.partition(" ")[0]] += 1
            if end not in ("refused", "read"):
                print(number, name, way, end[:300], flush=True)
    table = pd.Series(found).unstack(fill_value=0)
    print(table.to_string(), table.sum().to_string(), sep="\n\n")
    sys.exit(int(not set(table.columns) <= {"refused", "read"}))


if __name__ == "__main__":
    main()
