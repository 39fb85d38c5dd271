"""What calibration, back-off and "at least one label" do to answers on real patents.

Fits ``levels+knn`` on nine tenths of the classification train split, tunes on the tenth, and judges
on the dev split, so that no figure is of patents that anything was tuned on.

    python benchmarks/decisions.py                        # embeds 14,212 texts first
    python benchmarks/decisions.py --vectors t.npy d.npy  # in the row order of the Parquet files
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl import CpcTree, PatentClassifier, PatentEncoder, evaluate
from patentcl.core.tables import markdown_table

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("PATENTCL_TEST_DATA", HERE.parents[1] / "shared" / "data"))
LEVELS = ("section", "class", "subclass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA / "classification")
    parser.add_argument("--vectors", nargs=2, type=Path, metavar=("TRAIN", "DEV"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=HERE / "decisions.md")
    given = parser.parse_args()
    frames = [pd.read_parquet(given.data / f"{name}.parquet") for name in ("train", "dev")]
    codes = [[list(row) for row in frame["subclasses"]] for frame in frames]
    X, Z = vectors(frames, given.vectors)
    tree = CpcTree.from_symbols({c for part in codes for row in part for c in row})
    Y, truth = (tree.encode(part) for part in codes)
    started = time.perf_counter()
    parts = [
        "# Decisions\n\n" + " ".join(__doc__.split("\n\n")[1].split()),
        f"{len(X):,} patents to train and tune on, {len(Z):,} to judge on; {len(tree)} "
        f"labels; {given.epochs} epochs; frozen all-MiniLM-L6-v2.",
    ]
    parts += calibration(X, Y, Z, truth, tree, given.epochs)
    parts += answers(X, Y, Z, truth, tree, given.epochs)
    given.out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print("\n\n".join(parts), f"\n\n{time.perf_counter() - started:.0f} s")


def vectors(frames: list[pd.DataFrame], given: list[Path] | None) -> list[np.ndarray]:
    """Embeddings of train and dev texts, read or made."""
    if given:
        return [np.load(path, allow_pickle=False).astype(np.float32) for path in given]
    encoder = PatentEncoder.load("minilm")
    return [
        encoder.encode(list(zip(f["title"].fillna(""), f["abstract"].fillna(""), strict=True)))
        for f in frames
    ]


def calibration(
    X: np.ndarray,
    Y: sparse.csr_matrix,
    Z: np.ndarray,
    truth: sparse.csr_matrix,
    tree: CpcTree,
    epochs: int,
) -> list[str]:
    """Expected calibration error of each level, with each way of calibrating."""
    rows = []
    for name in (None, "temperature", "isotonic"):
        model = PatentClassifier("levels+knn", calibration=name, epochs=epochs)
        scores = model.fit(X, Y, tree).predict_proba(Z)
        found = evaluate(
            truth,
            scores,
            ["ece", *(f"ece@{level}" for level in LEVELS), "brier", "average_precision:micro"],
            tree,
        )
        given = model.predict(Z).toarray()
        likely = scores >= 0.05
        rows.append(
            [
                name or "none",
                *(f"{v:.4f}" for v in found.values()),
                f"{_error(scores[likely], truth.toarray()[likely]):.3f}",
                f"{scores[given].mean():.3f}",
                f"{truth.toarray()[given].mean():.3f}",
            ]
        )
    return [
        "## Expected calibration error",
        "Most of the 766 labels of a patent are surely false, which makes errors over all "
        "decisions small. So beside them: the error among decisions of 0.05 and more, and the "
        "mean probability of the labels that were given against the share that is right.",
        markdown_table(
            [
                "calibration",
                "all",
                *LEVELS,
                "Brier",
                "AUPRC",
                "from 0.05 up",
                "given: said",
                "given: right",
            ],
            rows,
        ),
    ]


def _error(probability: np.ndarray, true: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error over bins of one width."""
    bin_of = np.minimum((probability * bins).astype(int), bins - 1)
    gap = np.bincount(bin_of, probability - true, bins)
    return float(np.abs(gap).sum() / len(true))


def answers(
    X: np.ndarray,
    Y: sparse.csr_matrix,
    Z: np.ndarray,
    truth: sparse.csr_matrix,
    tree: CpcTree,
    epochs: int,
) -> list[str]:
    """Hierarchical figures, and at which level patents are answered and rightly so."""
    model = PatentClassifier("levels+knn", epochs=epochs).fit(X, Y, tree)
    settings = [
        ("own thresholds only", {"at_least_one": False}),
        ("at least one section", {"at_least_one": "section"}),
        ("at least one label a level", {"at_least_one": True}),
        *(
            (f"the same, back-off {b}", {"at_least_one": True, "back_off": b})
            for b in (0.1, 0.2, 0.3, 0.5)
        ),
    ]
    rows = []
    for name, chosen in settings:
        model.set_params(back_off=0.0)
        model.set_params(**chosen)
        predicted = model.predict(Z)
        found = evaluate(
            truth,
            sparse.csr_matrix(predicted, dtype=np.float32),
            ["hier_precision:micro", "hier_recall:micro", "hier_f1:micro"],
            tree,
            predicted=predicted,
        )
        level = np.array(model.answered(Z))
        right = np.asarray(truth.multiply(predicted)[:, tree.at_level("subclass")].sum(axis=1) > 0)
        at_leaf = level == "subclass"
        rows.append(
            [
                name,
                *(f"{v:.3f}" for v in found.values()),
                *(f"{(level == of).mean():.1%}" for of in ("", *LEVELS)),
                f"{right.ravel()[at_leaf].mean():.1%}",
            ]
        )
    return [
        "## Where an answer ends",
        "Share of patents by the level of their most specific label;"
        " and how often one of the subclasses given is right, where one is given.",
        markdown_table(["rule", "hP", "hR", "hF1", "nothing", *LEVELS, "one right"], rows),
    ]


if __name__ == "__main__":
    main()
