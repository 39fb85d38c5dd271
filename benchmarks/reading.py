"""CPU seconds of reading patents, in this checkout and in another, as CSV, JSONL, Parquet, tables.

    python benchmarks/reading.py ../shared/data/patentsview-sample --against OTHER_CHECKOUT

Writes the patents of a folder of PatentsView tables as files of each form, then reads each in a
process of its own, this checkout and the other in turn, on one thread. Imports are not counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

ONE = """
import sys, time, warnings
sys.path.insert(0, sys.argv[1])
import duckdb, pandas, pyarrow.parquet
from pathlib import Path
from patentcl.data.reading import ReadOptions, read_patents
import patentcl
assert Path(patentcl.__file__).is_relative_to(sys.argv[1]), patentcl.__file__
warnings.simplefilter("ignore")
Path(sys.argv[3]).mkdir()
start = time.process_time()
read_patents(Path(sys.argv[2]), Path(sys.argv[3]), ReadOptions())
print(time.process_time() - start)
"""


def write_forms(source: Path, folder: Path) -> list[Path]:
    """The patents of a folder of tables as one file of each form."""
    from patentcl import Corpus

    corpus = Corpus.read(source)
    table = corpus.frame().rename(columns={"id": "patent_id"})
    table["abstract"] = [abstract for _, abstract in corpus.texts]
    table["citations"] = corpus.citations
    table.to_parquet(folder / "patents.parquet", index=False)
    table.to_json(folder / "patents.jsonl", orient="records", lines=True, date_format="iso")
    joined = {c: table[c].map("; ".join) for c in ("codes", "citations")}
    table.assign(**joined).to_csv(folder / "patents.csv", index=False)
    return [folder / f"patents.{form}" for form in ("csv", "jsonl", "parquet")]


def seconds(checkout: Path, source: Path) -> float:
    """CPU seconds of one reading."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-c", ONE, str(checkout), str(source), f"{out}/read"]
        done = subprocess.run(
            command,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="a folder of PatentsView tables")
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    checkouts = [Path(__file__).resolve().parents[1]]
    if args.against:
        checkouts.append(args.against.resolve())
    with tempfile.TemporaryDirectory() as folder:
        for source in (*write_forms(args.source, Path(folder)), args.source):
            found = pd.DataFrame(
                [[seconds(each, source) for each in checkouts] for _ in range(args.rounds)]
            )
            line = f"{source.name:<20} {statistics.median(found[0]):6.2f} s"
            if args.against:
                ratio = found[0] / found[1]
                line += f"  {statistics.median(found[1]):6.2f} s  {ratio.median():.2f}"
                line += f" ({ratio.min():.2f} to {ratio.max():.2f})"
            print(line, flush=True)


if __name__ == "__main__":
    main()
