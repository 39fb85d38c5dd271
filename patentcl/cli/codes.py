"""The files that classify writes: lines of JSON, or a table with a row a patent or a row a code."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patentcl.cli.options import note
from patentcl.core.errors import ConfigError, choose
from patentcl.core.tables import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from patentcl.data.corpus import Corpus
    from patentcl.workspace.predictions import Prediction

SUFFIXES = (".jsonl", ".csv", ".xlsx")
LONG = ("patent_id", "symbol", "level", "title", "probability", "sure", "evidence")
SHEET_ROWS, CELL = 1_048_575, 32_767
"""What a sheet of a workbook holds: rows below its head, and characters of a cell."""
_EXACT = 1e15  # from here on a sheet's numbers lose digits


class CodesTable:
    """A table of predictions for the patents of a file.

    A row a patent has the file's columns, then for each level its codes, likeliest first, with
    titles and probabilities; a column of that name in the file is replaced. With `long`, a row a
    code; a patent without any has one row, without a symbol.
    """

    def __init__(self, patents: Corpus, levels: Sequence[str], long: bool, evidence: bool) -> None:
        self.levels, self.long = levels, long
        self.own = list(LONG)
        if not long:
            kinds = ("", "_title", "_probability")
            self.own = [f"predicted_{level}{kind}" for level in levels for kind in kinds]
            self.own += ["predicted_confident_level", "predicted_warning"]
            self.own += ["predicted_evidence"] if evidence else []
        self.given = [] if long else [n for n in patents.filled() if n not in self.own]

    @property
    def head(self) -> list[str]:
        """Names of the columns."""
        return [*self.given, *self.own]

    def rows(self, predictions: Iterable[Prediction], given: pa.Table) -> Iterator[list[Any]]:
        """Rows of predictions; `given` holds their patents' columns in the same order."""
        from patentcl.workspace.predictions import as_rows

        if self.long:
            for *row, score, confident, near in as_rows(predictions):
                score = None if score is None else round(score, 5)
                yield [*row, score, confident, " ".join(near)]
            return
        for prediction, patent in zip(predictions, given.to_pylist(), strict=True):
            own = self._of_levels(prediction)
            own += [prediction.confident_level, prediction.warning]
            if "predicted_evidence" in self.own:
                near = {c.symbol: prediction.evidence.get(c.symbol, []) for c in prediction.leaves}
                shown = [
                    f"{s}: {' '.join(n.patent_id for n in of)}" for s, of in near.items() if of
                ]
                own.append("; ".join(shown))
            yield [*(_cell(patent[name]) for name in self.given), *own]

    def _of_levels(self, prediction: Prediction) -> list[Any]:
        from patentcl.maps.naming import short_title

        out: list[Any] = []
        for level in self.levels:
            codes = [c for c in prediction.codes if c.level == level]
            codes.sort(key=lambda c: -c.probability)
            scores = [round(c.probability, 5) for c in codes]
            out.append("; ".join(c.symbol for c in codes))
            out.append("; ".join(short_title(c.title, 70) for c in codes if c.title))
            out.append(scores[0] if len(scores) == 1 else "; ".join(f"{s:.5f}" for s in scores))
        return out


def _cell(value: Any) -> Any:
    """A value of the file as a number or text; items of lists are joined."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def check_suffix(to: Path, long: bool) -> str:
    """The suffix of a file that can be written, in small letters."""
    suffix = to.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError("unknown kind of file", got=to, wanted=", ".join(SUFFIXES))
    if long:
        choose(suffix, SUFFIXES[1:], "kind of file for a row a code")
    return suffix


def as_csv(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as lines of CSV."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def as_jsonl(values: Iterable[Any]) -> str:
    """Values as lines of JSON."""
    return "".join(f"{json.dumps(v, ensure_ascii=False)}\n" for v in values)


def write_sheet(lines: Path, target: Path) -> None:
    """Make a workbook of lines of JSON, one list a row, the first the head of each sheet.

    All text stays text, never a formula. What a cell cannot hold is cut off, and told.
    """
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    book = xlsxwriter.Workbook(str(target), {"constant_memory": True, "tmpdir": str(target.parent)})
    bold, cut = book.add_format({"bold": True}), 0
    with lines.open(encoding="utf-8") as stream:
        head = json.loads(next(stream))
        for i, line in enumerate(stream):
            row = i % SHEET_ROWS + 1
            if row == 1:
                sheet = book.add_worksheet()
                sheet.freeze_panes(1, 0)
                for column, name in enumerate(head):
                    sheet.write_string(0, column, name, bold)
            for column, value in enumerate(json.loads(line)):
                if isinstance(value, bool):
                    sheet.write_boolean(row, column, value)
                elif isinstance(value, int | float) and abs(value) < _EXACT:
                    sheet.write_number(row, column, value)
                elif value not in (None, "") and value == value:
                    text = str(value)
                    cut += len(text) > CELL
                    sheet.write_string(row, column, text[:CELL])
    try:
        book.close()
    except FileCreateError as error:
        raise error.args[0] from error
    if cut:
        what = counted(cut, "texts")
        note(f"cut off at {CELL:,} characters, all that a cell of .xlsx holds: {what}")
