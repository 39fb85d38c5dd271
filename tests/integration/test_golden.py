"""What users rely on, kept as it was: the command line, names, files on disk, numbers.

``PYTHONPATH=tests python tests/integration/test_golden.py`` writes ``golden`` anew after a change
that is meant; its diff is then read like that of code.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from calling import call
from tiny import write_tiny_encoder

import patentcl
from patentcl import Corpus, CpcTree, PatentClassifier, run_pipeline
from patentcl.sample.writer import write_sample

GOLDEN = Path(__file__).resolve().parent / "golden"
VERBS = (
    "sample",
    "download",
    "load",
    "mine",
    "neo4j",
    "graph",
    "train",
    "distill",
    "embed",
    "fit",
    "evaluate",
    "classify",
    "index",
    "similar",
    "map",
    "landscape",
    "run",
    "doctor",
    "settings",
)
ERRORS = (
    ("run", "quikstart"),
    ("run", "quickstart", "--set", "train.epoch=2"),
    ("run", "quickstart", "--set", "train.epochs=none"),
    ("run", "quickstart", "--set", "mine.negatives={easy: 0.5}"),
    ("run", "quickstart", "--set", "fit.head=level"),
    ("run", "quickstart", "--set", "fit.head=knn+levels"),
    ("run", "quickstart", "--set", "seed"),
    ("run", "quickstart", "--from", "embedd"),
    ("run", "nowhere.yaml"),
    ("load", "nowhere"),
    ("mine", "duckdb://nowhere/graph.duckdb"),
    ("train", "nowhere"),
    ("embed", "nowhere"),
    ("fit", "nowhere"),
    ("index", "nowhere"),
    ("map", "nowhere"),
    ("evaluate", "nowhere"),
    ("similar", "a pump", "--index", "nowhere"),
    ("classify", "a pump", "--model", "nowhere"),
    ("classify", "a pump", "--model", "nowhere", "--out", "x.txt"),
    ("similar",),
    ("fit",),
)


def helps(folder: Path) -> str:
    """The help of every verb."""
    return "\n".join(
        call(*verb, "--help", cwd=folder).stdout.rstrip() + "\n"
        for verb in ((), *((v,) for v in VERBS))
    )


def errors(folder: Path) -> str:
    """What is said, and the exit code, where something is wrong."""
    lines = []
    for arguments in ERRORS:
        done = call(*arguments, cwd=folder)
        lines += [f"$ patentcl {' '.join(arguments)}", done.stderr.rstrip(), f"[{done.returncode}]"]
    return "\n".join(lines) + "\n"


def names() -> str:
    """Public names with their arguments, and those of their methods."""
    lines = []
    for name in sorted(patentcl.__all__):
        of = getattr(patentcl, name)
        if not callable(of):
            lines.append(name)
            continue
        lines.append(f"{name}{_arguments(of)}")
        if inspect.isclass(of) and not issubclass(of, Exception):
            own = {m for c in of.__mro__ if c.__module__.startswith("patentcl") for m in vars(c)}
            lines += [
                f"    {m}{_arguments(getattr(of, m))}"
                for m in sorted(own)
                if not m.startswith("_") and callable(getattr(of, m))
            ]
    return "\n".join(lines) + "\n"


def _arguments(of: object) -> str:
    found = inspect.signature(of).parameters.values()  # type: ignore[arg-type]
    return (
        "("
        + ", ".join(
            p.name if p.default is p.empty or p.name.startswith("_") else f"{p.name}={p.default!r}"
            for p in found
        )
        + ")"
    )


def sample_bytes(folder: Path) -> str:
    """A digest of each table of the synthetic sample."""
    write_sample(folder / "tables", patents=300, seed=1)
    lines = []
    for path in sorted((folder / "tables").glob("*.zip")):
        with zipfile.ZipFile(path) as packed:
            data = b"".join(packed.read(n) for n in packed.namelist())
        lines.append(f"{path.name}  {hashlib.blake2b(data, digest_size=12).hexdigest()}")
    return "\n".join(lines) + "\n"


def fitted() -> str:
    """Probabilities of a classifier that was fitted in a moment, and thresholds."""
    rng = np.random.default_rng(0)
    X = np.repeat(np.eye(4, 16, dtype=np.float32), 30, axis=0)
    X += rng.normal(0, 0.3, X.shape).astype(np.float32)
    Y = [["A01B"]] * 30 + [["A01C"]] * 30 + [["B60K", "A01C"]] * 30 + [["B60L"]] * 30
    out = {}
    for head in ("levels", "flat", "tmm", "thmm", "levels+flat+knn", "knn"):
        clf = PatentClassifier(head=head, hidden=8, epochs=3, batch_size=16).fit(X, Y)
        out[head] = {
            "probabilities": clf.predict_proba(X[[0, 50, 110]]).astype(float).round(3).tolist(),
            "thresholds": clf.thresholds_.astype(float).round(3).tolist(),
        }
    return json.dumps(out, indent=1) + "\n"


def run_files(folder: Path) -> str:
    """Files of a run, and the keys of their manifests."""
    write_sample(folder / "sample", patents=400, seed=1)
    texts = [" ".join(t) for t in Corpus.read(folder / "sample").texts]
    tiny = write_tiny_encoder(folder / "tiny", texts)
    run_pipeline(
        "quickstart",
        folder / "sample",
        folder / "run",
        [
            f"encoder.model={tiny}",
            "mine.triplets=48",
            "train.max_length=32",
            "fit.epochs=2",
            "evaluate.queries=20",
        ],
    )
    lines = []
    for path in sorted((folder / "run").rglob("*")):
        if path.is_file():
            lines.append(path.relative_to(folder / "run").as_posix())
            if path.name == "manifest.json":
                manifest = json.loads(path.read_text(encoding="utf-8"))
                lines += [
                    f"    {k}" + (f": {', '.join(v)}" if isinstance(v, dict) else "")
                    for k, v in manifest.items()
                    if k not in ("libraries", "contents")
                ]
    return "\n".join(lines) + "\n"


def formats() -> str:
    """Numbers of the formats on disk."""
    from patentcl.classification.files import FORMAT as CLASSIFIER
    from patentcl.core.artifacts import FORMAT

    return f"manifest {FORMAT}\nclassifier {CLASSIFIER}\n"


@pytest.mark.parametrize(("name", "of"), [("names", names), ("formats", formats)])
def test_names_and_formats(name: str, of: object) -> None:
    assert of() == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")  # type: ignore[operator]


@pytest.mark.parametrize("of", [helps, errors, sample_bytes, run_files])
def test_what_is_printed_and_written(of: object, tmp_path: Path) -> None:
    expected = (GOLDEN / f"{of.__name__}.txt").read_text(encoding="utf-8")  # type: ignore[attr-defined]
    assert of(tmp_path) == expected  # type: ignore[operator]


def test_probabilities() -> None:
    expected = json.loads((GOLDEN / "fitted.txt").read_text(encoding="utf-8"))
    for head, now in json.loads(fitted()).items():
        for key, values in now.items():
            np.testing.assert_allclose(values, expected[head][key], atol=0.004, err_msg=head)


def test_a_tree_is_numbered_as_before() -> None:
    tree = CpcTree.from_symbols(["B60K", "A01B1/02", "A01C", "Y02E"])
    assert list(tree.symbols) == [
        "A",
        "B",
        "Y",
        "A01",
        "B60",
        "Y02",
        "A01B",
        "A01C",
        "B60K",
        "Y02E",
        "A01B1/00",
        "A01B1/02",
    ]
    assert tree.parent.tolist() == [-1, -1, -1, 0, 1, 2, 3, 3, 4, 5, 6, 10]


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in (helps, errors, sample_bytes, run_files):
        with tempfile.TemporaryDirectory() as place:
            (GOLDEN / f"{each.__name__}.txt").write_text(each(Path(place)), encoding="utf-8")
    for each in (names, formats, fitted):
        (GOLDEN / f"{each.__name__}.txt").write_text(each(), encoding="utf-8")
