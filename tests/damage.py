"""Damages the files that stages write, and looks at what loading and using them gives.

``PYTHONPATH=tests python tests/damage.py 1000`` tries 1,000 seeded ways and prints a table. With
``--old`` it takes the digests out of manifests first, as in folders of an older patentcl: there
other results cannot be told, but all else must hold. Each trial is a forked process with limits.

A trial ends as ``refused`` (one clear error) or ``same`` (the results of undamaged files), or it is
wrong: ``other`` results, an ``unclear`` error, a ``crash``, a ``hang``, or too much ``memory``.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import functools
import hashlib
import io
import json
import os
import pickle
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from making import make
from tiny import write_tiny_encoder

from patentcl import Corpus, PatentClassifier, PatentEncoder, PatentIndex, open_run, run_pipeline
from patentcl.core.errors import PatentclError
from patentcl.encoders.vectors import read_vectors
from patentcl.graph.session import open_graph
from patentcl.pipeline.stages import EMBED, FIT, FIT_TEXTS, INDEX, LOAD
from patentcl.sample.writer import write_sample
from patentcl.triplets.audit import read_triplets

SECONDS, MEMORY = 60, 2 << 30
RIGHT = ("refused", "same")
TEXTS = ["a battery with a housing", "a mower with a blade"]
SPECS = {
    "index-hnsw": {"name": "small-hnsw", "factory": "HNSW8,Flat"},
    "index-ivf": {"name": "small-ivf", "factory": "IVF4,Flat"},
    "index-sq": {"name": "small-sq", "factory": "SQ8"},
}
_LESS = [
    "mine.triplets=32",
    "train.max_length=16",
    "fit.epochs=2",
    "fit.hidden=16",
    "map.method=pca",
]


def build(root: Path) -> None:
    """Make two small runs, ``a`` and ``b``; only the first has every kind of artifact."""
    for seed, name in enumerate("ab"):
        run, tables = root / name, root / f"tables-{name}"
        write_sample(tables, patents=120, seed=seed)
        texts = [f"{t} {a}" for t, a in Corpus.read(tables).texts]
        model = write_tiny_encoder(root / f"model-{name}", texts, seed=seed)
        given = {"corpus": run, "vectors": run / "vectors"}
        if name == "a":
            run_pipeline("quickstart", tables, run, [*_LESS, f"encoder.model={model}"])
        else:
            make(LOAD, run, source=tables)
            make(EMBED, run / "vectors", "encoder.max_length=16", corpus=run, encoder=model)
            make(FIT, run / "classifier", "fit.epochs=1", "fit.hidden=16", **given)
            make(INDEX, run / "index", "index.spec=flat", **given)
        for folder, spec in SPECS.items():
            path = root / f"{folder}.yaml"
            path.write_text(yaml.safe_dump({**spec, "description": "small"}))
            make(INDEX, run / folder, f"index.spec={path}", **given)
        short = ("fit.epochs=1", "encoder.max_length=16", "fit.head=levels")
        make(FIT_TEXTS, run / "classifier-texts", *short, corpus=run, model=model)


# ---- using ----------------------------------------------------------------------------------


def _corpus(run: Path) -> Any:
    corpus = open_run(run).corpus
    parts = [corpus.texts, corpus.citations, corpus.split, corpus.duplicate_group, corpus.labels]
    return [*parts, corpus.frame(), corpus.tree.symbols, corpus.code_titles]


def _encoder(run: Path) -> Any:
    return PatentEncoder.load(run / "encoder", device="cpu").encode(TEXTS, precision="fp32")


def _classified(name: str) -> Callable[[Path], Any]:
    def use(run: Path) -> Any:
        model = PatentClassifier.load(run / name)
        X = TEXTS if model.reads_texts else np.eye(len(TEXTS), 32, dtype=np.float32)
        return [model.predict_proba(X), model.predict(X), model.tree_.titles]

    return use


def _searched(name: str) -> Callable[[Path], Any]:
    def use(run: Path) -> Any:
        index = PatentIndex.load(run / name)
        X = np.eye(3, index.dimension, dtype=np.float32)
        return [index.search(X, k=5), index.search(X, k=5, before="2015"), index.meta]

    return use


def _triplets(run: Path) -> Any:
    return read_triplets(run / "triplets").to_pydict()


def _graph(run: Path) -> Any:
    with open_graph(f"duckdb://{run / 'graph.duckdb'}") as graph:
        first = pq.read_table(run / "corpus.parquet")["patent_id"][0].as_py()
        return [graph.stats(), graph.neighbourhood(first)]


def _map(run: Path) -> Any:
    figure = open_run(run).map()
    return [dots.get_offsets() for axes in figure.axes for dots in axes.collections]


def _answers(run: Path) -> Any:
    opened = open_run(run)
    return [opened.similar(TEXTS, k=3), opened.classify(TEXTS[0])]


USES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "corpus": ("*.parquet manifest.json", _corpus),
    "graph": ("graph.duckdb manifest.json", _graph),
    "triplets": ("triplets/*", _triplets),
    "encoder": ("encoder/**/*", _encoder),
    "vectors": ("vectors/*", lambda run: read_vectors(run / "vectors")),
    "classifier": ("classifier/*", _classified("classifier")),
    "classifier-texts": ("classifier-texts/**/*", _classified("classifier-texts")),
    "index": ("index/*", _searched("index")),
    **{name: (f"{name}/*", _searched(name)) for name in SPECS},
    "map": ("reports/map/coordinates.parquet reports/map/manifest.json", _map),
    "report": ("reports/*", lambda run: [open_run(run).report, open_run(run).page]),
    "answers": ("encoder/**/* vectors/* index/* classifier/*", _answers),
}
"""Which files of a run each use reads, and what it gives."""


def files_of(run: Path, use: str) -> list[str]:
    found = {p for pattern in USES[use][0].split() for p in run.glob(pattern) if p.is_file()}
    return sorted(str(p.relative_to(run)) for p in found if p.suffix != ".md")


# ---- damaging -------------------------------------------------------------------------------

Damage = Callable[[Path, Path, random.Random], None]
"""Damages a file; the second path is the same file of another run."""


def _bytes(change: Callable[[bytearray, random.Random], bytes | bytearray]) -> Damage:
    def damage(path: Path, other: Path, rng: random.Random) -> None:
        path.write_bytes(change(bytearray(path.read_bytes()), rng))

    return damage


def _flipped(data: bytearray, rng: random.Random, near: int | None = None) -> bytearray:
    if data:
        data[rng.randrange(min(len(data), near or len(data)))] ^= 1 << rng.randrange(8)
    return data


def _huge(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(min(len(data), 256) + 1)
    number = rng.choice([2**31 - 1, 10**9, 2**40, 2**62])
    return data[:at] + number.to_bytes(8, "little") + data[at + 8 :]


def _zeroed(data: bytearray, rng: random.Random) -> bytearray:
    at = rng.randrange(len(data) + 1)
    data[at : at + 64] = bytes(len(data[at : at + 64]))
    return data


def _elsewhere(path: Path, other: Path, rng: random.Random) -> None:
    shutil.copy(other, path) if other.is_file() else path.unlink()


def _neighbour(path: Path, other: Path, rng: random.Random) -> None:
    rest = sorted(p for p in path.parent.iterdir() if p.is_file() and p != path)
    shutil.copy(rng.choice(rest), path) if rest else path.unlink()


def _folder(path: Path, other: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _kind(path: Path, other: Path, rng: random.Random) -> None:
    packed = io.BytesIO()
    np.savez_compressed(packed, x=np.zeros(1 << 20))
    kinds = [b"\x89PNG\r\n\x1a\n" + bytes(64), b"<html>", b"[]", b"null", b"{}", b"\xff" * 99]
    path.write_bytes(rng.choice([*kinds, packed.getvalue(), pickle.dumps({"a": 1})]))


ANY: dict[str, Damage] = {
    "flip": _bytes(_flipped),
    "flip near the start": _bytes(lambda data, rng: _flipped(data, rng, 256)),
    "cut": _bytes(lambda data, rng: data[: rng.randrange(len(data) + 1)]),
    "last byte gone": _bytes(lambda data, rng: data[:-1]),
    "longer": _bytes(lambda data, rng: data + rng.randbytes(rng.randint(1, 99))),
    "empty": _bytes(lambda data, rng: b""),
    "noise": _bytes(lambda data, rng: rng.randbytes(len(data))),
    "zeros": _bytes(_zeroed),
    "huge number": _bytes(_huge),
    "of another run": _elsewhere,
    "of another name": _neighbour,
    "another kind": _kind,
    "gone": lambda path, other, rng: path.unlink(),
    "a folder": _folder,
}


def _json(path: Path, other: Path, rng: random.Random) -> None:
    """Change, drop or nest one value anywhere; the file stays JSON."""
    value = json.loads(path.read_text(encoding="utf-8"))
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    walk(value)
    node, key = rng.choice(places)
    new = [None, -1, 10**9, 1e308, float("nan"), "", "x", [], {}, True, [[[]]], 99]
    if rng.random() < 0.2:
        del node[key]
    elif type(node[key]) in (int, float) and rng.random() < 0.5:
        node[key] = node[key] + rng.choice([1, -1, 0.5])
    else:
        node[key] = rng.choice(new)
    path.write_text(json.dumps(value), encoding="utf-8")


def _deep(path: Path, other: Path, rng: random.Random) -> None:
    path.write_text('{"format": ' + "[" * 10**5 + "]" * 10**5 + "}")


def _version(path: Path, other: Path, rng: random.Random) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(value, dict):
        value["format"] = rng.choice([0, 99, -1, "1", None, 1.5, [], True])
    path.write_text(json.dumps(value), encoding="utf-8")


def _parquet(path: Path, other: Path, rng: random.Random) -> None:
    """Change the table; the file stays Parquet."""
    frame = pd.read_parquet(path)
    way, column = rng.randrange(8), rng.choice(list(frame.columns))
    row = rng.randrange(len(frame))
    if way == 0:
        frame = frame.drop(columns=column)
    elif way == 1:
        frame = frame.drop(index=row)
    elif way == 2:
        frame = frame.sample(frac=1, random_state=rng.randrange(99))
    elif way == 3:
        frame = pd.concat([frame, frame.iloc[[row]]])
    elif way == 4:
        frame[column] = [None if i == row else x for i, x in enumerate(frame[column])]
    elif way == 5:
        frame[column] = [str(x) + "x" if i == row else str(x) for i, x in enumerate(frame[column])]
    elif way == 6:
        frame[column] = range(len(frame))
    else:
        a, b = row, (row + 1) % len(frame)
        values = list(frame[column])
        values[a], values[b] = values[b], values[a]
        frame[column] = values
    frame.to_parquet(path, index=False)


def _many_rows(path: Path, other: Path, rng: random.Random) -> None:
    schema, rows = pq.read_schema(path), 20_000_000
    columns = {
        name: pa.nulls(rows, kind) for name, kind in zip(schema.names, schema.types, strict=True)
    }
    pq.write_table(pa.table(dict(list(columns.items())[:2])), path)


def _matrix(path: Path, other: Path, rng: random.Random) -> None:
    X = np.load(path)
    way = rng.randrange(6)
    if way < 3:
        value = [float("nan"), float("inf"), 0.5][way]
        X.reshape(-1)[rng.randrange(X.size)] = value
    elif way == 3:
        X = X.T.copy()
    elif way == 4:
        X = X.astype(rng.choice(["<f8", "<i4", "<c8", "S4"]))
    else:
        X = X[:-1]
    np.save(path, X)


def _stated(path: Path, other: Path, rng: random.Random) -> None:
    """A header of an array that would fill all memory."""
    header = io.BytesIO()
    shape = rng.choice([(10**9, 32), (10**18,), (120, 10**10), (0, 10**9), (-1, 32)])
    about = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, about)  # type: ignore[arg-type]
    path.write_bytes(header.getvalue() + bytes(4096))


def _arrays(path: Path, other: Path, rng: random.Random) -> None:
    with np.load(path) as stored:
        arrays = {name: np.array(stored[name]) for name in stored.files}
    name, way = rng.choice(list(arrays)), rng.randrange(5)
    if way == 0:
        del arrays[name]
    elif way == 1:
        arrays[name] = np.zeros(1 << 28, np.float32)  # 1 GB, and 1 MB when packed
    elif way == 2:
        arrays[name] = arrays[name].astype(str)
    elif way == 3:
        arrays[name] = arrays[name].reshape(-1)[:-1]
    else:
        arrays[name] = arrays[name] + rng.choice([1, float("nan")])
    (np.savez_compressed if way == 1 else np.savez)(path, **arrays)


def _tensors(path: Path, other: Path, rng: random.Random) -> None:
    from safetensors.numpy import load_file, save_file

    state = {k: np.array(v) for k, v in load_file(path).items()}
    name, way = rng.choice(list(state)), rng.randrange(5)
    if way == 0:
        del state[name]
    elif way == 1:
        state[name] = state[name].reshape(-1)[:-1]
    elif way == 2:
        state[name] = state[name].astype(np.float16)
    else:
        state[name] = state[name].copy()
        state[name].reshape(-1)[:1] += [1, np.nan][way - 3]
    save_file(state, path, metadata={"format": "pt"})


def _yaml(path: Path, other: Path, rng: random.Random) -> None:
    value = yaml.safe_load(path.read_text())
    key = rng.choice(list(value))
    value[key] = rng.choice([None, -1, 10**9, "x", [], {}, 2])
    path.write_text(yaml.safe_dump(value))


def _bomb(path: Path, other: Path, rng: random.Random) -> None:
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"k{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    path.write_text("\n".join(lines))


BY_KIND: dict[str, dict[str, Damage]] = {
    ".json": {"value": _json, "deep": _deep, "version": _version},
    ".parquet": {"value": _parquet, "many rows": _many_rows},
    ".npy": {"value": _matrix, "stated size": _stated},
    ".npz": {"value": _arrays},
    ".safetensors": {"value": _tensors},
    ".yaml": {"value": _yaml, "bomb": _bomb},
}


class Trial(NamedTuple):
    number: int
    use: str
    file: str
    damage: str


def trials(run: Path, n: int, seed: int, uses: list[str] | None = None) -> Iterator[Trial]:
    rng = random.Random(seed)
    for number in range(n):
        use = (uses or list(USES))[number % len(uses or USES)]
        file = rng.choice(files_of(run, use))
        special = BY_KIND.get(Path(file).suffix, {})
        pool = special if special and rng.random() < 0.4 else ANY
        yield Trial(number, use, file, rng.choice(list(pool)))


# ---- trying ---------------------------------------------------------------------------------


def _digest(found: Any) -> str:
    return hashlib.sha256(pickle.dumps(_plain(found))).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return value.to_json(orient="split", date_format="iso", double_precision=15)
    if hasattr(value, "toarray"):
        value = value.toarray()
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, np.asarray(value).tolist()
    if isinstance(value, dict):
        return [(str(k), _plain(v)) for k, v in value.items()]
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else str(value)


def _forget_digests(run: Path) -> None:
    """Make manifests as an older patentcl wrote them."""
    for path in run.rglob("manifest.json"):
        record = json.loads(path.read_text())
        kept = {k: v for k, v in record.items() if k not in ("contents", "digest")}
        path.write_text(json.dumps({**kept, "format": 1}))
    for path in run.glob("index*/spec.yaml"):
        record = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump({k: v for k, v in record.items() if k != "files"}))


def _attempt(root: Path, trial: Trial | None, use: str, seed: int, old: bool, place: Path) -> str:
    """Damage a copy of run ``a`` and use it; the digest of what comes, or how it is refused."""
    run = place / "run"
    shutil.copytree(root / "a", run, copy_function=os.link)
    if old:
        for path in [*run.rglob("manifest.json"), *run.glob("index*/spec.yaml")]:
            text = path.read_bytes()
            path.unlink()
            path.write_bytes(text)
        _forget_digests(run)
    if trial is not None:
        path = run / trial.file
        text = path.read_bytes()
        path.unlink()  # the link, not the original
        path.write_bytes(text)
        kinds = {**ANY, **BY_KIND.get(path.suffix, {})}
        kinds[trial.damage](path, root / "b" / trial.file, random.Random(f"{seed} {trial.number}"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (_size() + 2 * MEMORY, -1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a test runner has its own
    signal.alarm(SECONDS)
    try:
        end = f"done {_digest(USES[use][1](run))}"
    except PatentclError as error:
        text = str(error)
        end = f"refused {text}" if "\n" not in text else f"unclear {text}"
        if "MemoryError" in text or "llocate" in text:
            end = f"memory {text}"
    except BaseException as error:
        end = f"unclear {type(error).__name__}: {error}"
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before > MEMORY >> 10:
        end = f"memory {end}"
    return end


def _size() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _forked(root: Path, trial: Trial | None, use: str, seed: int, old: bool) -> tuple[str, str]:
    """The outcome of a trial in a process of its own, and what was said."""
    with tempfile.TemporaryDirectory(dir=root) as place:
        said = Path(place) / "said"
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 1)
                os.dup2(null, 2)
                said.write_text(
                    _attempt(root, trial, use, seed, old, Path(place)), "utf-8", "replace"
                )
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return ("hang", "") if number == signal.SIGALRM else ("crash", f"signal {number}")
        outcome, _, text = said.read_text("utf-8").partition(" ")
        return outcome, text


def outcome_of(root: Path, trial: Trial, seed: int, old: bool) -> tuple[str, str]:
    """How a trial ends, and what was said."""
    first, wanted = _untouched(root, trial.use, old)
    assert first == "done", (trial.use, first, wanted)
    outcome, text = _forked(root, trial, trial.use, seed, old)
    if outcome == "done":
        outcome = "same" if text == wanted else "other"
    return outcome, text


@functools.cache
def _untouched(root: Path, use: str, old: bool) -> tuple[str, str]:
    return _forked(root, None, use, 0, old)


def warm() -> None:
    """Import what trials need, once for all of them."""
    import faiss  # noqa: F401
    import sentence_transformers  # noqa: F401
    import torch

    import patentcl.maps.drawing  # noqa: F401

    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("trials", type=int, nargs="?", default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--old", action="store_true")
    parser.add_argument("--uses", nargs="*", choices=list(USES))
    parser.add_argument("--built", type=Path, help="a folder to build in, or built before")
    given = parser.parse_args()
    warm()
    with contextlib.ExitStack() as stack:
        root = given.built or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (root / "b" / "classifier-texts").is_dir():
            root.mkdir(exist_ok=True)
            # In a process of its own: what has trained in many threads cannot be forked well.
            child = os.fork()
            if child == 0:
                build(root)
                os._exit(0)
            os.waitpid(child, 0)
        found = collections.Counter[tuple[str, str]]()
        for trial in trials(root / "a", given.trials, given.seed, given.uses):
            outcome, text = outcome_of(root, trial, given.seed, given.old)
            found[trial.use, outcome] += 1
            if outcome not in RIGHT and not (given.old and outcome == "other"):
                print(outcome, trial, text[:300], flush=True)
    table = pd.Series(found).unstack(fill_value=0)
    print(table.to_string(), table.sum().to_string(), sep="\n\n")
    wrong = [o for o in table.columns if o not in RIGHT and not (given.old and o == "other")]
    sys.exit(int(bool(wrong)))


if __name__ == "__main__":
    main()
