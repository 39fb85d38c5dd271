"""Every classifier on the same patents: train on one split, tune and judge on another.

    python benchmarks/classification.py FOLDER [--systems NAME ...]

FOLDER holds train.parquet and dev.parquet with the columns title, abstract and subclasses. Each
system runs in a process of its own, one thread, and leaves its probabilities in
artifacts/classification/; the table, benchmarks/classification.md, is made of all that are there.
Systems on frozen MiniLM share vectors that are made once; "best" and those on words read texts.

Thresholds are tuned on one half of dev and applied to the other, in turn; one for each level, by
the same rule for all systems. Early stopping is tuned on dev, and so is how members are combined,
but in the last rows of the table: there, this too is of the other half.
Intervals are bootstraps over patents. What trains an encoder keeps a checkpoint, and goes on from
it when it is run again.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from scipy import sparse  # noqa: E402

from patentcl.classification.calibration import Calibration  # noqa: E402
from patentcl.classification.combining import Stack, average, find_shares  # noqa: E402
from patentcl.classification.decisions import Rules, choose, fit_thresholds  # noqa: E402
from patentcl.classification.estimator import PatentClassifier  # noqa: E402
from patentcl.cpc import CpcTree  # noqa: E402
from patentcl.metrics import Metrics, compare, evaluate  # noqa: E402
from patentcl.pipeline.recipe import load_recipe  # noqa: E402

HERE = Path(__file__).parent
KEEP = HERE.parent / "artifacts" / "classification"
TUNED = {
    "model": "minilm",
    "max_length": 256,
    "untuned": True,
    "epochs": 3,
    "batch_size": 32,
    "learning_rate": 1e-4,
    "frozen_layers": 2,
    "encoder_dropout": 0.0,
}
HEAD_FIRST = TUNED | {"head_first": True, "epochs": 4, "learning_rate": 2e-4}
MPNET_TUNED = HEAD_FIRST | {
    "model": "mpnet",
    "max_length": 128,
    "frozen_layers": 8,
    "epochs": 2,
    "learning_rate": 1e-4,
}
FROZEN = (
    "encoder.model=minilm",
    "encoder.max_length=128",
    "text.frozen=true",
    "classifier.epochs=5",
)
NARROW = ("classifier.hidden=64", "classifier.policy=siblings")
WORDS = {"model": "words", "pooling": "cnn", "dense": 512, "dropout": 0.5}
REFERENCE = "mean of SVM, kNN, MLP"
BEST = "MiniLM tuned, levels+flat+knn+svm (best)"
CROSSED = "best, all tuned on the other half"
AVERAGED = "best, members averaged, all tuned on the other half"
VOICES = ("levels, tuned", "flat, untuned", "knn, tuned", "knn, untuned", "words")
METRICS = {
    "hier_f1:micro": "hF1",
    "hier_f1:macro": "hF1 macro",
    "average_precision:micro": "AUPRC",
    "precision@1": "P@1",
    "recall@5": "R@5",
    "hit@3": "1 of 3",
    "hier_precision:micro": "hP",
    "hier_recall:micro": "hR",
    "ece@subclass": "ECE",
}


System = Callable[["Data", str], tuple[np.ndarray, int, float]]
"""From data and its own name to probabilities of dev, parameters, seconds of earlier runs."""


class Data:
    """Texts and labels of both splits."""

    def __init__(self, folder: Path) -> None:
        tables = {
            name: pq.read_table(folder / f"{name}.parquet").to_pydict() for name in ("train", "dev")
        }
        symbols = {name: [_listed(row) for row in t["subclasses"]] for name, t in tables.items()}
        self.tree = CpcTree.from_symbols([s for rows in symbols.values() for r in rows for s in r])
        self.labels = {name: self.tree.encode(rows) for name, rows in symbols.items()}
        self.texts = {
            name: [(a or "", b or "") for a, b in zip(t["title"], t["abstract"], strict=True)]
            for name, t in tables.items()
        }


def _listed(value: Any) -> list[str]:
    import ast

    return list(ast.literal_eval(value)) if isinstance(value, str) else list(value)


def vectors(data: Data) -> dict[str, np.ndarray]:
    """Embeddings of both splits under frozen MiniLM, kept for all systems."""
    from patentcl.encoders.encoder import PatentEncoder

    for name, pairs in data.texts.items():
        if not (KEEP / f"vectors-{name}.npy").exists():
            np.save(KEEP / f"vectors-{name}.npy", PatentEncoder.load("minilm").encode(pairs))
    return {name: np.load(KEEP / f"vectors-{name}.npy") for name in data.texts}


def ours(**settings: Any) -> System:
    """A `PatentClassifier`: probabilities of dev, trained parameters, seconds of earlier runs."""

    def run(data: Data, name: str) -> tuple[np.ndarray, int, float]:
        reads = "text" in settings or "svm" in settings["head"]
        X: Any = data.texts if reads else vectors(data)
        model, now = PatentClassifier(**settings), []
        model.fit(
            X["train"],
            data.labels["train"],
            data.tree,
            (X["dev"], data.labels["dev"]),
            on_epoch=now.append,
            checkpoint=KEEP / f"{_slug(name)}.unfinished" if reads else None,
        )
        earlier = sum(row["seconds"] for row in model.history_[: len(model.history_) - len(now)])
        trained = sum(p.numel() for core in model._ensemble.heads for p in core.parameters())
        if len(model._ensemble.votes) > 1:
            np.savez(KEEP / f"{_slug(name)}.npz", *members(model, X["dev"]))
        return model.predict_proba(X["dev"]), trained, earlier

    return run


def recipe(name: str, *overrides: str) -> System:
    """A system as a recipe of ``pipelines/`` describes it, on texts."""
    told = load_recipe(name, overrides)
    reads = told.encoder.model_dump(include={"model", "max_length"})
    return ours(**told.fit.model_dump(), seed=told.seed, text=told.text.model_dump() | reads)


def members(model: PatentClassifier, texts: list[tuple[str, str]]) -> list[np.ndarray]:
    """Probabilities of each part of the best, in the order of `VOICES`."""
    ensemble = model._ensemble
    blocks = [parts for _, parts in ensemble.parts(ensemble.read(texts, "X"), model.prune)]
    return [np.concatenate(each) for each in zip(*blocks, strict=True)]


def one_vs_rest(data: Data, _: str) -> tuple[np.ndarray, int, float]:
    """The usual baseline: TF-IDF of words and pairs, a linear SVM for each node on all patents."""
    from scipy.special import expit
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    texts = {name: [f"{a}. {b}" for a, b in pairs] for name, pairs in data.texts.items()}
    words = TfidfVectorizer(
        sublinear_tf=True,
        min_df=2,
        ngram_range=(1, 2),
        max_features=100_000,
        stop_words="english",
        dtype=np.float32,
    )
    train, dev = words.fit_transform(texts["train"]), words.transform(texts["dev"])
    carries = data.labels["train"].tocsc()
    out = np.zeros((dev.shape[0], len(data.tree)), dtype=np.float32)
    for node in range(len(data.tree)):
        y = np.zeros(train.shape[0], dtype=bool)
        y[carries.indices[carries.indptr[node] : carries.indptr[node + 1]]] = True
        if y.any():
            model = LinearSVC(C=0.5, dual=True, tol=1e-2, max_iter=200, random_state=0)
            out[:, node] = expit(2 * (model.fit(train, y).decision_function(dev) + 0.25))
    for node in range(len(data.tree) - 1, -1, -1):  # children come after their parent
        parent = data.tree.parent[node]
        if parent >= 0:
            out[:, parent] = np.maximum(out[:, parent], out[:, node])
    return out, out.shape[1] * train.shape[1], 0.0


SYSTEMS: dict[str, System] = {
    "TF-IDF, local SVMs (TwistBytes)": ours(head="local-svm", mask="hard"),
    "TF-IDF, SVM one-vs-rest": one_vs_rest,
    "MiniLM, kNN": ours(head="knn"),
    "MiniLM, flat (MLP)": ours(head="flat"),
    "MiniLM, flat, weighted BCE": ours(head="flat", alpha=2.0),
    "MiniLM, levels, soft mask": ours(head="levels"),
    "MiniLM, levels, hard mask": ours(head="levels", mask="hard"),
    "MiniLM, levels, no mask": ours(head="levels", mask="none"),
    "MiniLM, TMM, width 64": ours(head="tmm", hidden=64),
    "MiniLM, THMM, width 64": ours(head="thmm", hidden=64),
    "word vectors, CNN": ours(head="flat", epochs=10, text=WORDS),
    "HARNN on word vectors": recipe(
        "harnn", "encoder.model=words", "encoder.max_length=128", "classifier.epochs=4"
    ),
    "MiniLM, flat-CNN": recipe("flat-cnn", *FROZEN),
    "MiniLM, TMM-CNN, width 64": recipe("tmm-cnn", *FROZEN, *NARROW),
    "MiniLM, THMM-CNN, width 64": recipe("thmm-cnn", *FROZEN, *NARROW),
    "MiniLM, flat-CNN of Mueller and Stone": recipe("mueller-stone-bert", *FROZEN),
    "MiniLM tuned, Sheffield's, to subclasses": recipe(
        "sheffield",
        "data.level=subclass",
        "encoder.model=minilm",
        "encoder.max_length=128",
        "text.learning_rate=1.0e-4",
        "text.encoder_dropout=0.0",
        "classifier.epochs=3",
        "classifier.level_weights=[1, 1, 1]",
    ),
    "MiniLM, levels+knn": ours(head="levels+knn"),
    "MiniLM, levels+flat+knn": ours(head="levels+flat+knn"),
    "MiniLM, levels+flat+knn+svm (best, frozen)": ours(
        head="levels+flat+knn+svm",
        mixing="stacked",
        learning_rate=1e-3,
        text=TUNED | {"frozen": True},
    ),
    "MPNet, levels+flat+knn+svm (best, frozen), 128 tokens": ours(
        head="levels+flat+knn+svm",
        mixing="stacked",
        learning_rate=1e-3,
        text=TUNED | {"model": "mpnet", "max_length": 128, "frozen": True},
    ),
    "MPNet tuned head first (4 of 12 layers), levels+flat+knn+svm, 128 tokens": ours(
        head="levels+flat+knn+svm", mixing="stacked", learning_rate=1e-3, text=MPNET_TUNED
    ),
    "MiniLM tuned head first, levels+flat+knn+svm": ours(
        head="levels+flat+knn+svm", mixing="stacked", learning_rate=1e-3, text=HEAD_FIRST
    ),
    BEST: ours(head="levels+flat+knn+svm", mixing="stacked", learning_rate=1e-3, text=TUNED),
}
MEAN = ("TF-IDF, SVM one-vs-rest", "MiniLM, kNN", "MiniLM, flat (MLP)")


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def _run(name: str, folder: Path) -> None:
    """Run one system, in a process of its own, and keep what came of it."""
    data = Data(folder)
    vectors(data)  # before the clock starts: shared
    started = time.perf_counter()
    scores, parameters, earlier = SYSTEMS[name](data, name)
    facts = {
        "seconds": earlier + time.perf_counter() - started,
        "parameters": parameters,
        "peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }
    np.save(KEEP / f"{_slug(name)}.npy", scores)
    (KEEP / f"{_slug(name)}.json").write_text(json.dumps(facts))


def crossed(data: Data, parts: list[np.ndarray], mixing: str = "stacked") -> np.ndarray:
    """The combination of some members, tuned on the other half of dev."""
    truth, out = data.labels["dev"], np.empty_like(parts[0])
    rate = np.asarray(data.labels["train"].mean(axis=0)).ravel()
    for own, other in halves(len(out)):
        theirs, ours = [p[other] for p in parts], [p[own] for p in parts]
        if mixing == "stacked":
            out[own] = Stack.fit(theirs, truth[other], data.tree, rate).apply(ours, data.tree)
            continue
        shares = find_shares(theirs, truth[other], ["auto"] * (len(parts) - 1))
        correct = Calibration.fit("isotonic", truth[other], average(theirs, shares), data.tree)
        out[own] = correct.apply(average(ours, shares), data.tree)
    return out


def halves(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Which patents are judged, and on which is tuned for them."""
    half = np.random.default_rng(0).random(n) < 0.5
    return [(half, ~half), (~half, half)]


def decide(data: Data, scores: np.ndarray) -> sparse.csr_matrix:
    """Labels by thresholds that were tuned on the other half of the patents."""
    truth = data.labels["dev"]
    out = np.zeros(scores.shape, dtype=bool)
    deepest = len(data.tree.levels) - 1
    for own, other in halves(len(scores)):
        thresholds = fit_thresholds(truth[other], scores[other], data.tree, "level")
        out[own] = choose(scores[own], thresholds, data.tree, Rules(at_least=deepest))
    return data.tree.close(sparse.csr_matrix(out))


def table(data: Data) -> str:
    """All systems that have been run, and what they gain on the mean of three baselines."""
    found = {
        name: np.load(KEEP / f"{_slug(name)}.npy")
        for name in SYSTEMS
        if (KEEP / f"{_slug(name)}.npy").exists()
    }
    facts = {name: json.loads((KEEP / f"{_slug(name)}.json").read_text()) for name in found}
    if all(name in found for name in MEAN):
        found[REFERENCE] = sum(found[name] for name in MEAN) / np.float32(len(MEAN))
    parts = {}
    if BEST in found:
        with np.load(KEEP / f"{_slug(BEST)}.npz") as kept:
            parts = dict(zip(VOICES, kept.values(), strict=True))
        found[AVERAGED] = crossed(data, list(parts.values()), "mean")
        found[CROSSED] = crossed(data, list(parts.values()))

    def judge(scores: np.ndarray) -> Metrics:
        return evaluate(
            data.labels["dev"], scores, list(METRICS), data.tree, predicted=decide(data, scores)
        )

    judged = {name: judge(scores) for name, scores in found.items()}
    lines = [
        "# Classification",
        "",
        f"{data.labels['train'].shape[0]:,} patents to train on, "
        f"{data.labels['dev'].shape[0]:,} to judge by, {len(data.tree)} nodes. Written by "
        "`benchmarks/classification.py`, which says what is tuned on what. Encoders are "
        "frozen but where it says tuned. One thread (MPNet tuned: two), with other work "
        "on the machine; "
        "parameters are those trained, but the encoder's. Seconds hold encoding only where "
        "texts are read: words, CNNs, tuned encoders, and the best.",
        "",
        f"| system | {' | '.join(METRICS.values())} | hF1 at 0.5 | seconds | peak GB | "
        "parameters |",
        f"| --- |{' ---: |' * (len(METRICS) + 4)}",
    ]
    for name, result in judged.items():
        cost = facts.get(name)
        said = (
            f"{cost['seconds']:.0f} | {cost['peak GB']:.1f} | {cost['parameters']:,}"
            if cost
            else " | | "
        )
        values = " | ".join(f"{result[m]:.3f}" for m in METRICS)
        plain = evaluate(data.labels["dev"], found[name], ["hier_f1:micro"], data.tree)
        lines.append(f"| {name} | {values} | {plain['hier_f1:micro']:.3f} | {said} |")
    if REFERENCE in judged:
        lines += [
            "",
            f"## Difference to: {REFERENCE}",
            "",
            "Paired bootstrap over patents, 95 % intervals.",
            "",
            f"| system | {' | '.join(list(METRICS.values())[:6])} |",
            f"| --- |{' ---: |' * 6}",
        ]
        for name in (n for n in judged if n != REFERENCE):
            rows = compare(judged[REFERENCE], judged[name]).rows
            cells = [f"{r.difference:+.3f} ({r.low:+.3f} to {r.high:+.3f})" for r in rows[:6]]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    if parts:
        full = judged[CROSSED]
        lines += [
            "",
            "## What each voice of the best gives",
            "",
            "Mixture and thresholds tuned "
            "on the other half of dev; differences to all of them, with 95 % intervals.",
            "",
            f"| members | {' | '.join(list(METRICS.values())[:6])} | AUPRC, difference |",
            f"| --- |{' ---: |' * 7}",
        ]
        steps = [VOICES[:i] for i in range(1, len(VOICES))]
        alone = [(name,) for name in VOICES[1:]]
        without = [tuple(v for v in VOICES if v != name) for name in VOICES]
        for names in dict.fromkeys([*alone, *steps, *without, VOICES]):
            result = judge(crossed(data, [parts[n] for n in names]))
            row = compare(full, result).rows[list(METRICS).index("average_precision:micro")]
            values = " | ".join(f"{result[m]:.3f}" for m in list(METRICS)[:6])
            lines.append(
                f"| {' + '.join(names)} | {values} | {row.difference:+.3f} "
                f"({row.low:+.3f} to {row.high:+.3f}) |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is asked for and has not been run, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--again", action="store_true", help="also those that have been run")
    args = parser.parse_args()
    KEEP.mkdir(parents=True, exist_ok=True)
    for name in args.systems:
        if args.again or not (KEEP / f"{_slug(name)}.json").exists():
            process = multiprocessing.get_context("spawn").Process(
                target=_run, args=(name, args.folder)
            )
            process.start()
            process.join()
            print(f"{name}: {'done' if process.exitcode == 0 else 'failed'}", flush=True)
    text = table(Data(args.folder))
    (HERE / "classification.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
