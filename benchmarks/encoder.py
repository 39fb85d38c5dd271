"""Does a tuned encoder find cited patents better than the untuned one, and than BM25? Do both?

Takes a corpus that ``patentcl load`` wrote and a file of links (citing, cited) that are not among
its citations. All patents of the links, and others drawn at random, are searched; none of the
former teaches anything. Each row goes into a file of JSON lines as soon as it is known, and an
unfinished training and all vectors of texts are kept, so that the table can be cut off and taken up
again. An encoder with a tuned map is judged by its map on the untuned vectors: what it encodes.

    python benchmarks/encoder.py work --links dev_qrels.parquet --phrases phrase_pairs.parquet \\
        --domains landscape_domains.parquet --set train.loss=mnr --set train.batch_size=64 \\
        --try "views: train.objectives={views: 1}" \\
        --try "half of it: train.objectives={views: 1}; train.blend=0.5"
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.metrics import v_measure_score

from patentcl import Corpus, PatentEncoder, train_encoder
from patentcl.core.arrays import unit_rows
from patentcl.core.settings import apply_overrides, make_settings
from patentcl.encoders.frozen import mapped
from patentcl.encoders.settings import TrainingSettings
from patentcl.encoders.vectors import KeptVectors
from patentcl.evaluation.search import index_runs
from patentcl.metrics import Metrics, compare, evaluate_ranking, spearman
from patentcl.workspace.folders import open_corpus
from patentcl.workspace.indexing import index_corpus

METRICS = ["ndcg@10", "recall@10", "recall@100"]


@dataclass(frozen=True)
class Links:
    """Citing patents, and what each cites, among the patents that are searched."""

    pool: Corpus
    queries: np.ndarray
    relevant: sparse.csr_matrix

    @classmethod
    def read(cls, corpus: Corpus, file: Path, others: int, seed: int) -> tuple[Links, Corpus]:
        """The links of a file, and the patents that may teach."""
        table = pd.read_parquet(file).astype(str)
        linked = np.isin(corpus.ids, table[["citing", "cited"]].to_numpy())
        more = np.random.default_rng(seed).choice(np.flatnonzero(~linked), others, replace=False)
        pool = corpus.select(np.sort(np.concatenate([np.flatnonzero(linked), more])))
        a, b = (pd.Index(pool.ids).get_indexer(table[c]) for c in ("citing", "cited"))
        queries, row = np.unique(a[(a >= 0) & (b >= 0)], return_inverse=True)
        cited = b[(a >= 0) & (b >= 0)]
        shape = (len(queries), len(pool))
        relevant = sparse.csr_matrix((np.ones(len(cited), bool), (row, cited)), shape=shape)
        return cls(pool, queries, relevant), corpus.select(np.flatnonzero(~linked))

    def searched(self, encoder: PatentEncoder) -> dict[str, Metrics]:
        """Metrics of search by vectors, by words, and by both."""
        index = index_corpus(self.pool, encoder.encode(self.pool), "flat", None)
        runs = index_runs(index, self.pool, self.queries)
        return {mode: evaluate_ranking(self.relevant, run, METRICS) for mode, run in runs.items()}


class Remembering(PatentEncoder):
    """An encoder that keeps its vectors in a folder."""

    folder: Path

    def encode(self, items: Any, *given: Any, **named: Any) -> np.ndarray:
        plain = PatentEncoder(self.model, max_length=self.max_length)
        return KeptVectors(self.folder, plain).encode(self.texts(items))


class Mapped(Remembering):
    """The map of a tuned encoder on the kept vectors of the untuned one."""

    tuned: PatentEncoder

    def encode(self, items: Any, *given: Any, **named: Any) -> np.ndarray:
        return mapped(self.tuned.model, super().encode(items))


def other_uses(encoder: PatentEncoder, args: argparse.Namespace) -> dict[str, float]:
    """Spearman of phrase pairs, and V-measure of six clusters against six domains."""
    out = {}
    if args.phrases:
        pairs = pd.read_parquet(args.phrases).sample(3000, random_state=args.seed)
        a, b = (unit_rows(encoder.encode(pairs[c].tolist())) for c in ("anchor", "target"))
        out["phrases"] = round(float(spearman((a * b).sum(1), pairs["score"].to_numpy())), 4)
    if args.domains:
        table = pd.read_parquet(args.domains)
        table = table[table["label"] == "1"]
        table = table.sample(min(1500, len(table)), random_state=args.seed)
        means = KMeans(table["domain"].nunique(), n_init=10, random_state=args.seed)
        found = means.fit_predict(unit_rows(encoder.encode(table)))
        out["domains"] = round(float(v_measure_score(table["domain"], found)), 4)
    return out


def row_of(name: str, bases: dict[str, Metrics], now: Metrics, **facts: Any) -> dict[str, Any]:
    """Values, and differences to the untuned encoder and to BM25 with their intervals."""
    row: dict[str, Any] = {"name": name, **{m: round(float(now[m]), 4) for m in METRICS}}
    for base, metrics in bases.items():
        found = compare(metrics, now, resamples=1000)
        row[base] = {
            m: [round(float(v), 4) for v in (found[m].difference, found[m].low, found[m].high)]
            for m in METRICS
        }
    return row | facts


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: differences to untuned and to BM25; bold where the interval excludes 0."""
    head = ["", *METRICS, "phrases", "domains", "examples/s", "seconds"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [row["name"]]
        for m in METRICS:
            parts = [f"{row[m]:.3f}"]
            for base in ("untuned", "BM25"):
                if base in row and base != row["name"]:
                    d, low, high = row[base][m]
                    parts.append(f"**{d:+.3f}**" if low > 0 or high < 0 else f"{d:+.3f}")
            cells.append(" ".join(parts))
        cells += [str(row.get(k, "")) for k in ("phrases", "domains")]
        cells += [str(row.get(k, "")) for k in ("examples per second", "seconds")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("corpus", type=Path, help="folder that patentcl load wrote")
    parser.add_argument("--links", type=Path, required=True, help="Parquet: citing, cited")
    parser.add_argument("--phrases", type=Path, help="Parquet: anchor, target, score")
    parser.add_argument("--domains", type=Path, help="Parquet: title, abstract, domain, label")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--set", action="append", default=[], dest="common", metavar="KEY=VALUE")
    parser.add_argument("--try", action="append", default=[], dest="variants", metavar="NAME: ...")
    parser.add_argument("--triplets", type=Path, help="Parquet of mined triplets")
    parser.add_argument("--others", type=int, default=5000, help="patents beside those of links")
    parser.add_argument("--max-length", type=int, default=128, help="tokens to read when judging")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path("encoder.jsonl"))
    parser.add_argument("--out", type=Path, default=Path("encoder.md"))
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Tune and judge what is not in the file of results yet, then write the table."""
    args = parse(argv)
    links, teaching = Links.read(open_corpus(args.corpus), args.links, args.others, args.seed)
    Remembering.folder = args.results.with_suffix(".vectors")
    base = Remembering.load(args.model, args.max_length)
    lines = args.results.read_text().splitlines() if args.results.is_file() else []
    rows = [json.loads(line) for line in lines]

    def add(row: dict[str, Any]) -> None:
        rows.append(row)
        with args.results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)

    print(f"{len(links.queries)} queries among {len(links.pool)} patents", flush=True)
    found = links.searched(base)
    bases = {"untuned": found["dense"], "BM25": found["bm25"]}
    if not rows:
        add(row_of("BM25", bases, found["bm25"]))
        add(row_of("untuned", bases, found["dense"], **other_uses(base, args)))
        add(row_of("untuned, hybrid", bases, found["hybrid"]))
    triplets = pd.read_parquet(args.triplets) if args.triplets else None
    for text in args.variants:
        name, _, rest = text.partition(":")
        if name in [row["name"] for row in rows]:
            continue
        given = [part.strip() for part in rest.split(";") if part.strip()]
        values = apply_overrides({}, [*args.common, *given]).get("train", {})
        settings = make_settings(TrainingSettings, values, "--try")
        unfinished = args.results.with_suffix(f".{len(rows)}.unfinished")
        result = train_encoder(base, triplets, teaching, settings, args.seed, checkpoint=unfinished)
        tuned = result.encoder
        if settings.tune == "map":
            tuned = Mapped(base.model, max_length=args.max_length)
            tuned.tuned = result.encoder
        found = links.searched(tuned)
        facts = {**other_uses(tuned, args), **result.facts, "settings": given}
        add(row_of(name, bases, found["dense"], **facts))
        add(row_of(f"{name}, hybrid", bases, found["hybrid"]))
    args.out.write_text(table(rows), encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
