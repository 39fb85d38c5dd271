"""The stages of a run: each reads what earlier ones wrote and writes one complete folder.

Recipes and single commands call the same functions, so a folder is the same however it was made.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from patentcl.classification.settings import ClassifierSettings, TextSettings
from patentcl.core import artifacts
from patentcl.core.errors import ConfigError, DataError
from patentcl.data.corpus import SPLITS, Corpus, make_splits, write_splits
from patentcl.data.settings import DataSettings, SplitSettings
from patentcl.encoders.settings import EncoderSettings, TrainingSettings
from patentcl.maps.settings import MapSettings
from patentcl.search.settings import IndexSettings
from patentcl.triplets.settings import MiningRules
from patentcl.workspace.folders import aligned_vectors, origin

Progress = Callable[[int, int], None]
GraphProgress = Callable[[str, int, int], None]
Record = dict[str, Any]


def sample(folder: Path, patents: int, seed: int, record: Record) -> None:
    """Write a synthetic corpus in PatentsView's layout."""
    from patentcl.sample.writer import write_sample

    with artifacts.writing(folder, record) as place:
        record["counts"] = write_sample(place / "tables", patents, seed)


def load(
    source: str | Path,
    folder: Path,
    data: DataSettings,
    split: SplitSettings,
    seed: int,
    record: Record,
    graph: str = "graph.duckdb",
    progress: GraphProgress | None = None,
    batch: int | None = None,
) -> None:
    """Read patents into corpus.parquet, cpc.parquet and splits.parquet, and build their graph.

    The graph is a file of the folder, or in a server (``neo4j://HOST:PORT``). A server is asked
    before anything is read; if it goes away later, nothing is kept here, and the next call goes on
    with what is there. `batch` rows are written to it in one transaction.
    """
    from patentcl.data.reading import ReadOptions, read_patents
    from patentcl.graph.session import is_server, open_graph

    if is_server(graph):
        open_graph(graph).close()
    with artifacts.writing_files(folder, record, "load") as place:
        counts = read_patents(source, place, ReadOptions(data.scheme, data.limit, data.columns))
        corpus = Corpus(place / "corpus.parquet", data.level)
        division = make_splits(corpus, split.method, split.dev, split.test, seed)
        write_splits(place / "splits.parquet", corpus, division)
        counts |= {f"{name} split": int((division == name).sum()) for name in SPLITS}
        address = graph if is_server(graph) else str(place / graph)
        options = {"batch": batch} if batch is not None and is_server(graph) else {}
        with open_graph(address, read_only=False, **options) as store:
            record["graph"] = store.load(place / "corpus.parquet", progress)
        record["counts"] = counts


def load_graph(source: Path, folder: Path, record: Record, graph: str = "graph.duckdb") -> None:
    """Build the graph alone, straight from PatentsView tables: no corpus, no splits, no texts."""
    from patentcl.graph.duckdb import DuckDBGraph

    with artifacts.writing_files(folder, record, "load") as place:
        with DuckDBGraph(place / graph) as store:
            record["graph"] = store.load_tables(source)
        record["counts"] = {}


def mine(
    graph: str | Path,
    folder: Path,
    rules: MiningRules,
    seed: int,
    record: Record,
    corpus: Path | None = None,
    vectors: Path | None = None,
) -> None:
    """Mine triplets among the training patents, and report on leaks and quality beside them.

    The splits are those of the folder `corpus`, by default that of the graph's file. With a folder
    of vectors the report says how near positives and negatives lie.
    """
    from patentcl.graph.session import graph_file, is_server, open_graph
    from patentcl.triplets.audit import write_report
    from patentcl.triplets.mining import write_triplets

    if corpus is None:
        if is_server(graph):
            raise ConfigError(
                "which patents are for training is not told by the graph in a server",
                fix="Name the folder of the corpus",
            )
        corpus = graph_file(graph).parent
    splits = corpus / "splits.parquet"
    if is_server(graph) and not splits.is_file():
        raise DataError(
            "no splits beside the corpus",
            got=splits,
            fix="Name the folder that `patentcl load` wrote: --corpus DIR",
        )
    among = None
    if splits.is_file():
        table = pq.read_table(splits).to_pandas()
        among = table.loc[table["split"] == "train", "patent_id"].tolist()
    with artifacts.writing(folder, record) as place, open_graph(graph) as store:
        counts = write_triplets(store, rules, place / "triplets.parquet", seed, among)
        record["counts"] = counts
        record["results"] = write_report(place, counts, corpus, vectors)


def train(
    triplets: Path,
    corpus: Corpus,
    folder: Path,
    encoder: EncoderSettings,
    settings: TrainingSettings,
    seed: int,
    record: Record,
    progress: Progress | None = None,
) -> None:
    """Fine-tune an encoder on triplets."""
    from patentcl.encoders.encoder import PatentEncoder, model_card
    from patentcl.encoders.training import train_encoder

    artifacts.require(triplets, "triplets", "mine GRAPH")
    table = pq.read_table(triplets / "triplets.parquet")
    base = PatentEncoder.load(encoder.model, encoder.max_length)
    with artifacts.writing(folder, record) as place:
        result = train_encoder(base, table, corpus, settings, seed, progress)
        result.encoder.save(place)
        record["results"] = result.facts
        record["base"] = {"model": encoder.model, "fingerprint": base.fingerprint}
        record["encoder"] = result.encoder.fingerprint
        np.save(place / "losses.npy", np.array(result.losses, dtype=np.float32))
        (place / "README.md").write_text(
            model_card(folder.parent.name or "encoder", encoder.model, result.facts),
            encoding="utf-8",
        )


def embed(
    corpus: Corpus,
    model: str | Path,
    folder: Path,
    settings: EncoderSettings,
    record: Record,
    progress: Progress | None = None,
) -> None:
    """Encode a corpus."""
    from patentcl.encoders.encoder import PatentEncoder, resolve_precision, write_vectors

    encoder = PatentEncoder.load(model, settings.max_length)
    with artifacts.writing(folder, record) as place:
        write_vectors(
            place,
            encoder,
            corpus,
            settings.batch_size,
            settings.precision,
            settings.store,
            progress,
        )
        record["model"], record["encoder"] = str(model), encoder.fingerprint
        record["max_length"] = encoder.max_length
        record["device"] = str(encoder.device)
        record["counts"] = {"vectors": len(corpus), "width": encoder.dim}
        record["precision"] = resolve_precision(settings.precision, encoder.device)


def fit(
    vectors: Path | TextSettings,
    corpus: Corpus,
    folder: Path,
    settings: ClassifierSettings,
    seed: int,
    record: Record,
    progress: Progress | None = None,
) -> None:
    """Train a classifier on the train split and tune it on the dev split.

    Given settings of reading in place of vectors, it is trained on the texts; if that is cut off,
    the next call takes it up where it was.
    """
    if isinstance(vectors, TextSettings):
        _fit_on_texts(vectors, corpus, folder, settings, seed, record, progress)
        return
    from patentcl.classification.estimator import PatentClassifier

    X = aligned_vectors(vectors, corpus)
    manifest = artifacts.read_manifest(vectors) or {}
    rows = _labelled_splits(corpus)
    model = PatentClassifier(**settings.model_dump(), seed=seed)
    with artifacts.writing(folder, record) as place:
        model.fit(
            np.asarray(X[rows["train"]], np.float32),
            corpus.labels[rows["train"]],
            corpus.tree,
            (np.asarray(X[rows["dev"]], np.float32), corpus.labels[rows["dev"]]),
            encoder=manifest.get("encoder"),
            on_epoch=lambda row: progress and progress(int(row["epoch"]), settings.epochs),
        )
        model.save(place)
        record |= origin(manifest)
        record["counts"] = _counts_of(model, rows)


def _fit_on_texts(
    text: TextSettings,
    corpus: Corpus,
    folder: Path,
    settings: ClassifierSettings,
    seed: int,
    record: Record,
    progress: Progress | None,
) -> None:
    from patentcl.classification.estimator import PatentClassifier
    from patentcl.classification.text.backbones import LENGTH

    rows = _labelled_splits(corpus)
    train, dev = corpus.select(rows["train"]), corpus.select(rows["dev"])
    model = PatentClassifier(**settings.model_dump(), seed=seed, text=text)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    with artifacts.writing(folder, record) as place:
        model.fit(
            train,
            train.labels,
            corpus.tree,
            (dev, dev.labels),
            progress=progress,
            checkpoint=unfinished,
        )
        model.save(place)
        limit = text.max_length or LENGTH
        cut = {f"{k} texts cut to {limit} tokens": n for k, n in model.truncated_.items()}
        record["counts"] = {**_counts_of(model, rows), **cut}
        record["device"] = str(model.device_)
    unfinished.unlink(missing_ok=True)


def _labelled_splits(corpus: Corpus) -> dict[str, np.ndarray]:
    """Rows with codes by split; train and dev must have some."""
    rows = {
        name: np.flatnonzero((corpus.split == name) & (np.diff(corpus.labels.indptr) > 0))
        for name in SPLITS
    }
    for name in ("train", "dev"):
        if not rows[name].size:
            raise DataError(
                f"no patent of the {name} split has a code",
                where=corpus.path,
                got=", ".join(f"{k} {len(v)}" for k, v in rows.items()),
                fix="Give more patents with codes, or other split shares",
            )
    return rows


def _counts_of(model: Any, rows: dict[str, np.ndarray]) -> dict[str, int]:
    return {
        **{f"{k} patents with codes": len(v) for k, v in rows.items()},
        "labels": len(model.tree_),
        "epochs": len(model.history_),
    }


def index(
    vectors: Path, corpus: Corpus, folder: Path, settings: IndexSettings, record: Record
) -> None:
    """Build a similarity index with dates, codes and titles to filter and show by."""
    from patentcl.search.index import PatentIndex

    X = aligned_vectors(vectors, corpus)
    manifest = artifacts.read_manifest(vectors) or {}
    with artifacts.writing(folder, record) as place:
        built = PatentIndex.build(
            X, corpus.ids, settings.spec, corpus.frame(), manifest.get("encoder")
        )
        built.save(place)
        record |= origin(manifest)
        record["counts"] = {"patents": len(built), "spec": built.spec.name}


def _sections(codes: list[list[str]]) -> list[str]:
    """Names for a map without dense regions: the section of each patent's first code."""
    from patentcl.maps.drawing import SECTIONS

    return [SECTIONS[row[0][0]] if row else "Without codes" for row in codes]


def draw(
    vectors: Path,
    corpus: Corpus,
    folder: Path,
    settings: MapSettings,
    seed: int,
    title: str,
    record: Record,
) -> None:
    """Draw the map: PNG, SVG, a page that opens without a network, coordinates."""
    from patentcl.maps.clusters import cluster
    from patentcl.maps.drawing import MapStyle, plot_map, project

    X = aligned_vectors(vectors, corpus)
    with artifacts.writing(folder, record) as place:
        points = project(
            X, seed, settings.neighbors, settings.min_dist, settings.method, settings.fit_sample
        )
        frame = corpus.frame()
        groups = cluster(
            points,
            codes=corpus.codes,
            texts=frame["title"].tolist(),
            titles=corpus.code_titles,
            seed=seed,
        )
        found = bool((groups.cluster >= 0).any())
        plot_map(
            points,
            groups.labels.tolist() if found else _sections(corpus.codes),
            place,
            meta=frame,
            clusters=groups.cluster if found else None,
            style=MapStyle(title=title, subtitle=f"{len(corpus):,} patents"),
        )
        groups.table.to_parquet(place / "clusters.parquet", index=False)
        record["counts"] = {"patents": len(corpus), "groups": len(groups.table)}
