"""What triplets are worth: whether they leak into held-out patents, how varied and hard they are.

Two reports that are written with the triplets. The leak report counts patents of the triplets that
are held out themselves, that are of one family with a held-out patent, or whose text is a
near-copy of one. The quality report tells how many negatives differ, which relations and levels
occur, what hardness was asked for and given, and, where vectors are given, how near positives and
negatives lie.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from patentcl.core import artifacts
from patentcl.core.errors import DataError
from patentcl.core.reading import read_table
from patentcl.data.corpus import read_splits
from patentcl.data.duplicates import FAMILIES
from patentcl.encoders.vectors import read_vectors

LADDER = ("hard", "medium", "easy")
ROLES = ("anchor_id", "positive_id", "negative_id")
KINDS = ("relation", "level", "hardness")
_CHUNK = 1 << 15


def write_report(
    folder: Path, counts: Mapping[str, int], corpus: Path, vectors: Path | None = None
) -> dict[str, Any]:
    """Write report.json and report.md beside ``triplets.parquet``; returns the few main figures.

    Parameters
    ----------
    folder : Path
        Where the triplets are.
    counts : mapping
        What mining counted.
    corpus : Path
        Folder with ``splits.parquet`` and ``family.parquet``, where there are such.
    vectors : Path, optional
        A folder that ``patentcl embed`` wrote.
    """
    triplets = read_triplets(folder)
    splits, families = corpus / "splits.parquet", corpus / FAMILIES
    leaks = None
    if splits.is_file():
        leaks = leak_report(
            triplets,
            read_splits(splits),
            read_table(families).to_pandas() if families.is_file() else None,
        )
    quality = quality_report(triplets, counts, None if vectors is None else _vectors(vectors))
    (folder / "report.json").write_text(
        json.dumps({"leaks": leaks, "quality": quality}, indent=2) + "\n", encoding="utf-8"
    )
    (folder / "report.md").write_text(render(leaks, quality), encoding="utf-8")
    return short_lines(leaks, quality)


def read_triplets(folder: Path) -> pa.Table:
    """Read ``triplets.parquet`` of a folder: anchor, positive, negative, and of what kind."""
    path = folder / "triplets.parquet"
    table = artifacts.opened(folder, lambda: read_table(path, [*ROLES, *KINDS]))
    for name in ROLES:
        if table[name].null_count or not pa.types.is_string(table[name].type):
            raise DataError("triplets without ids", where=path, got=f"column {name}")
    return table


def _vectors(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    artifacts.require(folder, "vectors", "embed CORPUS")
    return read_vectors(folder)


def leak_report(
    triplets: pa.Table, splits: pd.DataFrame, families: pd.DataFrame | None = None
) -> dict[str, dict[str, int | None]]:
    """Count patents of the triplets that have something in common with held-out patents.

    Parameters
    ----------
    triplets : pyarrow.Table
        anchor_id, positive_id, negative_id.
    splits : DataFrame
        patent_id, split; and duplicate_group, equal for near-copies of a text and within a family.
    families : DataFrame, optional
        patent_id, family.

    Returns
    -------
    dict of dict
        For dev and test: patents (held out), by id, by family, by near-copy or family. None stands
        for what the data do not tell.

    Examples
    --------
    >>> rows = pa.table({"anchor_id": ["a"], "positive_id": ["b"], "negative_id": ["c"]})
    >>> splits = pd.DataFrame({"patent_id": list("abcd"), "duplicate_group": [0, 1, 2, 2],
    ...                        "split": ["train", "train", "train", "test"]})
    >>> leak_report(rows, splits)["test"]
    {'patents': 1, 'by id': 0, 'by family': None, 'by near-copy or family': 1}
    """
    used = pd.unique(pd.concat([triplets[role].to_pandas() for role in ROLES]))
    seen = splits["patent_id"].isin(used)
    out: dict[str, dict[str, int | None]] = {}
    for name in ("dev", "test"):
        held = splits["split"] == name
        row: dict[str, int | None] = {"patents": int(held.sum()), "by id": int((held & seen).sum())}
        row["by family"] = None
        if families is not None:
            family = splits["patent_id"].map(families.set_index("patent_id")["family"])
            row["by family"] = int((seen & family.isin(family[held].dropna())).sum())
        row["by near-copy or family"] = None
        if "duplicate_group" in splits:
            group = splits["duplicate_group"]
            row["by near-copy or family"] = int((seen & group.isin(group[held])).sum())
        out[name] = row
    return out


def quality_report(
    triplets: pa.Table,
    counts: Mapping[str, int],
    vectors: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Say how varied and how hard triplets are.

    Parameters
    ----------
    triplets : pyarrow.Table
        As `patentcl.triplets.mining.mine_triplets` gives them.
    counts : mapping
        Its counts: what was wanted and what was found.
    vectors : (ndarray (n, d), ndarray of str (n,)), optional
        Vectors of an encoder and the ids they are of.

    Returns
    -------
    dict
        triplets; distinct negatives (count, share, of 10,000); relations and levels (counts);
        hardness (asked -> given -> count); cosine (mean of positives and negatives, overall and by
        hardness, and the share of triplets whose positive is the nearer one), or None.
    """
    n = len(triplets)
    distinct = len(triplets["negative_id"].unique())
    given = {kind: counts.get(f"{kind} negatives found", 0) for kind in LADDER}
    hardness = {}
    for i, asked in enumerate(LADDER):
        down = {g: counts.get(f"{asked} wanted, {g} given", 0) for g in LADDER[i + 1 :]}
        up = sum(counts.get(f"{h} wanted, {asked} given", 0) for h in LADDER[:i])
        hardness[asked] = {
            "asked": counts.get(f"{asked} negatives wanted", 0),
            "given": given[asked],
            "given as asked": given[asked] - up,
            **down,
        }
    return {
        "triplets": n,
        "distinct negatives": distinct,
        "distinct negatives, share": distinct / n if n else float("nan"),
        "distinct anchors": len(triplets["anchor_id"].unique()),
        "relations": _tally(triplets["relation"]),
        "levels": _tally(triplets["level"]),
        "hardness": hardness,
        "without a negative": counts.get("pairs without a negative, left out", 0),
        "cosine": None if vectors is None else cosines(triplets, *vectors),
    }


def _tally(column: pa.ChunkedArray) -> dict[str, int]:
    return {str(k): int(v) for k, v in column.to_pandas().value_counts().items()}


def cosines(triplets: pa.Table, X: np.ndarray, ids: np.ndarray) -> dict[str, Any]:
    """Mean cosine of anchors with positives and with negatives, in all and by hardness.

    Parameters
    ----------
    triplets : pyarrow.Table
    X : ndarray of float, shape (n, d)
    ids : ndarray of str, shape (n,)

    Returns
    -------
    dict
        positive, negative (means), nearer (share of triplets whose positive is nearer than the
        negative), and by hardness the same three.

    Raises
    ------
    DataError
        If a patent of the triplets has no vector.
    """
    place = pd.Series(np.arange(len(ids)), index=ids)
    rows = {}
    for role in ROLES:
        found = place.reindex(triplets[role].to_pandas())
        if found.isna().any():
            raise DataError(
                "a patent of the triplets has no vector",
                got=str(found.index[found.isna()][0]),
                fix="Give vectors of the corpus that the triplets were mined from",
            )
        rows[role] = found.to_numpy().astype(np.int64)
    positive, negative = (_pairs(X, rows["anchor_id"], rows[r]) for r in ROLES[1:])
    frame = pd.DataFrame(
        {
            "positive": positive,
            "negative": negative,
            "nearer": positive > negative,
            "hardness": triplets["hardness"].to_pandas(),
        }
    )
    means = frame[["positive", "negative", "nearer"]].mean()
    by = frame.groupby("hardness")[["positive", "negative", "nearer"]].mean()
    return {
        **{str(k): float(v) for k, v in means.items()},
        "by hardness": {
            kind: {str(k): float(v) for k, v in by.loc[kind].to_dict().items()}
            for kind in LADDER
            if kind in by.index
        },
    }


def _pairs(X: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosines of rows with rows, in parts: X may be on disk."""
    out = np.empty(len(a), dtype=np.float64)
    for i in range(0, len(a), _CHUNK):
        part = slice(i, i + _CHUNK)
        x, y = (np.asarray(X[rows[part]], dtype=np.float32) for rows in (a, b))
        norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[part] = np.einsum("ij,ij->i", x, y) / norms
    return out


def short_lines(
    leaks: Mapping[str, Mapping[str, int | None]] | None, quality: Mapping[str, Any]
) -> dict[str, Any]:
    """The few figures that a terminal shows."""
    lines: dict[str, Any] = {
        "triplets": quality["triplets"],
        "distinct negatives": f"{quality['distinct negatives, share']:.1%}",
        "relations": ", ".join(f"{k} {v:,}" for k, v in quality["relations"].items()),
        "levels": ", ".join(f"{k} {v:,}" for k, v in quality["levels"].items()),
        "hardness, given of asked": ", ".join(
            f"{kind} {row['given as asked']:,} of {row['asked']:,}"
            for kind, row in quality["hardness"].items()
            if row["asked"]
        ),
    }
    if quality["cosine"]:
        lines["cosine with anchor"] = (
            f"positives {quality['cosine']['positive']:.3f}, negatives "
            f"{quality['cosine']['negative']:.3f}"
        )
    if leaks is None:
        lines["leaks"] = "not told: there are no splits beside the graph"
    else:
        lines["leaks into dev and test"] = ", ".join(
            f"{what} "
            + (
                "not told"
                if any(leaks[s][what] is None for s in leaks)
                else f"{sum(leaks[s][what] or 0 for s in leaks):,}"
            )
            for what in ("by id", "by family", "by near-copy or family")
        )
    return lines


def render(leaks: Mapping[str, Mapping[str, int | None]] | None, quality: Mapping[str, Any]) -> str:
    """Both reports as Markdown."""
    lines = ["# Triplets", "", "| | |", "|---|---|"]
    lines += [
        f"| {k} | {v:,} |" if isinstance(v, int) else f"| {k} | {v} |"
        for k, v in short_lines(leaks, quality).items()
    ]
    lines += [
        "",
        "## Hardness",
        "",
        "| asked | triplets | as asked | medium instead | easy instead | given in all |",
        "|---|---|---|---|---|---|",
    ]
    for kind, row in quality["hardness"].items():
        lines.append(
            f"| {kind} | {row['asked']:,} | {row['given as asked']:,} | "
            f"{row.get('medium', 0):,} | {row.get('easy', 0):,} | {row['given']:,} |"
        )
    lines += ["", f"Without any negative, left out: {quality['without a negative']:,}.", ""]
    if quality["cosine"]:
        lines += [
            "## Cosine with the anchor",
            "",
            "| negatives | positive | negative | positive nearer |",
            "|---|---|---|---|",
        ]
        for kind, row in {"all": quality["cosine"], **quality["cosine"]["by hardness"]}.items():
            lines.append(
                f"| {kind} | {row['positive']:.3f} | {row['negative']:.3f} | {row['nearer']:.1%} |"
            )
        lines.append("")
    lines += ["## Leaks", ""]
    if leaks is None:
        return "\n".join([*lines, "Not told: there are no splits beside the graph.", ""])
    lines += [
        "Patents of the triplets that are held out, of one family with a held-out patent, or "
        "a near-copy of one.",
        "",
        "| split | held out | by id | by family | by near-copy or family |",
        "|---|---|---|---|---|",
    ]
    for name, counted in leaks.items():
        cells = ("not told" if v is None else f"{v:,}" for v in counted.values())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
