"""Which settings of mining and fine-tuning make an encoder better at finding patents?

Takes a corpus that ``patentcl load`` wrote, mines triplets, tunes the encoder once per variant, and
judges each on held-out patents beside the untuned encoder. One row per variant goes into a file of
JSON lines as soon as it is known, so that a long grid can be cut off and taken up again; the table
is written from that file. Choose by the dev columns; the test columns are for reporting.

    python benchmarks/finetune.py artifacts/real --set mining.triplets=1600 \\
        --try "default" --try "lr 5e-5: training.learning_rate=5e-5"
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from patentcl.core.arrays import unit_rows
from patentcl.core.settings import apply_overrides, make_settings
from patentcl.data.corpus import Corpus
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.settings import TrainingSettings
from patentcl.encoders.training import train_encoder
from patentcl.evaluation.retrieval import RetrievalTask, dense_run, retrieval_tasks
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.metrics import Metrics, compare, evaluate, evaluate_ranking, spearman
from patentcl.triplets.mining import mine_triplets
from patentcl.triplets.settings import MiningRules
from patentcl.workspace.folders import open_corpus

NEIGHBOURS = 10
GUESS = 0.3  # a code is predicted where this share of the neighbours has it


@dataclass(frozen=True)
class Variant:
    """One row of the table: a name and settings that differ from the defaults."""

    name: str
    overrides: tuple[str, ...]

    def settings(self, common: list[str]) -> tuple[MiningRules, TrainingSettings]:
        values = apply_overrides({}, [*common, *self.overrides])
        unknown = set(values) - {"mining", "training"}
        if unknown:
            sys.exit(f"settings are mining.* or training.*, not {unknown.pop()}.*")
        return (
            make_settings(MiningRules, values.get("mining", {}), "--try"),
            make_settings(TrainingSettings, values.get("training", {}), "--try"),
        )


class Judge:
    """Held-out tasks over part of a corpus: all queries, what they should find, and others."""

    def __init__(
        self,
        corpus: Corpus,
        pool: int,
        queries: int,
        links: Path | None,
        phrases: Path | None,
        seed: int,
    ) -> None:
        rng = np.random.default_rng(seed)
        wanted: list[np.ndarray] = []
        asked = {}
        for split in ("dev", "test"):
            for task in retrieval_tasks(corpus, queries, seed, split):
                asked[task.name, split] = corpus.ids[task.queries]
                wanted.append(task.queries)
                if task.name == "citations":
                    wanted.append(np.unique(task.relevant.indices))
        table = pd.read_parquet(links) if links else None
        where = pd.Index(corpus.ids)
        if table is not None:
            wanted += [where.get_indexer(table[c].astype(str)) for c in ("citing", "cited")]
        rows = np.unique(np.concatenate(wanted))
        has_codes = np.diff(corpus.labels.indptr) > 0
        others = np.setdiff1d(np.flatnonzero((corpus.split == "train") & has_codes), rows)
        more = rng.choice(others, min(len(others), max(0, pool - len(rows))), replace=False)
        self.corpus = corpus.select(np.sort(np.concatenate([rows[rows >= 0], more])))
        self.tasks = self._tasks(asked, table)
        self.coded = np.diff(self.corpus.labels.indptr) > 0
        self.memory = np.flatnonzero((self.corpus.split == "train") & self.coded)
        self.phrases = None
        if phrases:
            self.phrases = pd.read_parquet(phrases).sample(3000, random_state=seed)

    def _tasks(
        self, asked: dict[tuple[str, str], np.ndarray], links: pd.DataFrame | None
    ) -> dict[str, RetrievalTask]:
        """The same queries as in the whole corpus, with the answers that are in the pool."""
        where = pd.Index(self.corpus.ids)
        out = {}
        for split in ("dev", "test"):
            for task in retrieval_tasks(self.corpus, len(self.corpus), 0, split):
                if (task.name, split) in asked:
                    keep = np.isin(task.queries, where.get_indexer(asked[task.name, split]))
                    out[f"{task.name}, {split}"] = RetrievalTask(
                        task.name, task.queries[keep], task.relevant[keep]
                    )
        if links is not None:
            a, b = (where.get_indexer(links[c].astype(str)) for c in ("citing", "cited"))
            queries, row = np.unique(a, return_inverse=True)
            matrix = sparse.csr_matrix(
                (np.ones(len(a), bool), (row, b)), shape=(len(queries), len(self.corpus))
            )
            out["links"] = RetrievalTask("links", queries, matrix)
        return out

    def __call__(self, encoder: PatentEncoder) -> dict[str, Metrics]:
        """Metrics of every task."""
        vectors = encoder.encode(self.corpus)
        out = {
            name: evaluate_ranking(
                task.relevant,
                dense_run(vectors, task.queries),
                ["ndcg@10", "recall@10", "recall@100"],
            )
            for name, task in self.tasks.items()
        }
        for split in ("dev", "test"):
            out[f"codes, {split}"] = self._codes(unit_rows(vectors), split)
        return out

    def _codes(self, unit: np.ndarray, split: str) -> Metrics:
        """Codes by the nearest train patents."""
        rows = np.flatnonzero((self.corpus.split == split) & self.coded)
        similarity = unit[rows] @ unit[self.memory].T
        best = np.argpartition(-similarity, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        weights = np.take_along_axis(similarity, best, axis=1)
        weights /= weights.sum(axis=1, keepdims=True)
        votes = sparse.csr_matrix(
            (weights.ravel(), best.ravel(), np.arange(0, best.size + 1, NEIGHBOURS)),
            shape=(len(rows), len(self.memory)),
        )
        labels = self.corpus.labels
        scores = np.clip((votes @ labels[self.memory].astype(np.float32)).toarray(), 0, 1)
        return evaluate(
            labels[rows],
            scores,
            ["hier_f1:micro", "average_precision:micro"],
            self.corpus.tree,
            threshold=GUESS,
        )

    def phrase_correlation(self, encoder: PatentEncoder) -> float:
        """Spearman correlation of cosine and judged similarity of phrase pairs; nan without."""
        if self.phrases is None:
            return float("nan")
        a, b = (unit_rows(encoder.encode(self.phrases[c].tolist())) for c in ("anchor", "target"))
        return float(spearman((a * b).sum(axis=1), self.phrases["score"].to_numpy()))


def row_of(
    name: str,
    base: dict[str, Metrics],
    now: dict[str, Metrics],
    phrases: float,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """What the table says of one variant."""
    figures = {}
    for task, metrics in now.items():
        differences = compare(base[task], metrics, resamples=1000)
        for metric in metrics:
            d = differences[metric]
            figures[f"{task}: {metric}"] = [
                round(float(v), 4) for v in (d.b, d.difference, d.low, d.high)
            ]
    return {"name": name, "figures": figures, "phrases": round(phrases, 4), **facts}


COLUMNS = {
    "citations, dev: ndcg@10": "citations, dev",
    "same group, dev: ndcg@10": "group, dev",
    "links: ndcg@10": "links",
    "links: recall@100": "links r@100",
    "codes, dev: hier_f1:micro": "codes hF1, dev",
    "citations, test: ndcg@10": "citations, test",
    "same group, test: ndcg@10": "group, test",
    "codes, test: hier_f1:micro": "codes hF1, test",
}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: values, with the difference to the untuned encoder; bold where it is sure."""
    columns = {k: v for k, v in COLUMNS.items() if k in rows[0]["figures"]}
    head = ["variant", *columns.values(), "phrases", "triplets/s", "seconds"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [row["name"]]
        for key in columns:
            value, difference, low, high = row["figures"][key]
            text = f"{value:.3f} ({difference:+.3f})" if row.get("seconds") else f"{value:.3f}"
            cells.append(f"**{text}**" if low > 0 or high < 0 else text)
        cells += [
            f"{row['phrases']:.3f}",
            str(row.get("triplets per second", "")),
            str(row.get("seconds", "")),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("corpus", type=Path, help="folder that patentcl load wrote")
    parser.add_argument("--model", default="minilm")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="common",
        metavar="KEY=VALUE",
        help="settings of all variants",
    )
    parser.add_argument(
        "--try",
        action="append",
        default=[],
        dest="variants",
        metavar="NAME: KEY=VALUE ...",
        help="a variant; give it again for more",
    )
    parser.add_argument("--pool", type=int, default=6000, help="patents to search among")
    parser.add_argument("--queries", type=int, default=400, help="queries per task and split")
    parser.add_argument("--max-length", type=int, default=128, help="tokens to read when judging")
    parser.add_argument("--links", type=Path, help="Parquet file with the columns citing and cited")
    parser.add_argument(
        "--phrases", type=Path, help="Parquet file with the columns anchor, target and score"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path("finetune.jsonl"))
    parser.add_argument("--out", type=Path, default=Path("finetune.md"))
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Tune and judge what is not in the file of results yet, then write the table."""
    args = parse(argv)
    variants = []
    for text in args.variants or ["default"]:
        name, _, rest = text.partition(":")
        variants.append(Variant(name.strip(), tuple(rest.split())))
    corpus = open_corpus(args.corpus)
    base = PatentEncoder.load(args.model, args.max_length)
    judge = Judge(corpus, args.pool, args.queries, args.links, args.phrases, args.seed)
    for name, task in judge.tasks.items():
        print(f"{name}: {len(task.queries)} queries among {len(judge.corpus)}", flush=True)
    known = args.results.read_text().splitlines() if args.results.is_file() else []
    rows = [json.loads(line) for line in known]
    started = time.perf_counter()
    untuned = judge(base)
    print(f"judged in {time.perf_counter() - started:.0f} s", flush=True)
    if not rows:
        rows.append(row_of("untuned", untuned, untuned, judge.phrase_correlation(base), {}))
        args.results.write_text(json.dumps(rows[0]) + "\n")
    triplets: dict[str, pa.Table] = {}
    allowed = corpus.ids[corpus.split == "train"].tolist()
    for variant in variants:
        if variant.name in [r["name"] for r in rows]:
            continue
        rules, training = variant.settings(args.common)
        key = rules.model_dump_json()
        if key not in triplets:
            with DuckDBGraph(args.corpus / "graph.duckdb", read_only=True) as graph:
                triplets[key] = mine_triplets(graph, rules, args.seed, allowed).triplets
        result = train_encoder(base, triplets[key], corpus, training, args.seed)
        row = row_of(
            variant.name,
            untuned,
            judge(result.encoder),
            judge.phrase_correlation(result.encoder),
            {**result.facts, "settings": variant.overrides},
        )
        rows.append(row)
        with args.results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(table([row]).splitlines()[-1], flush=True)
    args.out.write_text(table(rows), encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
