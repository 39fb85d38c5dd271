"""What a run says of itself: figures beside baselines, examples, and one page in plain words."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from patentcl.classification.estimator import PatentClassifier
from patentcl.core import artifacts
from patentcl.data.corpus import Corpus
from patentcl.evaluation.classifiers import write_report
from patentcl.evaluation.labels import write_history, write_label_report
from patentcl.evaluation.retrieval import (
    bm25_run,
    chance_run,
    dense_run,
    judge_retrieval,
    main_task,
    retrieval_tasks,
)
from patentcl.evaluation.settings import ReportSettings
from patentcl.metrics import Metrics, compare, evaluate
from patentcl.metrics.result import plain
from patentcl.metrics.suite import Evaluation
from patentcl.search.index import PatentIndex

FORMAT = 1
_LABELS = {
    "hier_precision:micro": "hierarchical precision",
    "hier_recall:micro": "hierarchical recall",
    "hier_f1:micro": "hierarchical F1",
    "hier_f1:macro": "hierarchical F1, macro",
    "average_precision:micro": "AUPRC",
    "precision@1": "first code right",
    "recall@5": "recall in five guesses",
    "hit@3": "one of three guesses right",
    "ndcg@10": "nDCG@10",
    "mrr": "mean reciprocal rank",
}


def usable_metrics(names: Sequence[str], levels: Sequence[str]) -> list[str]:
    """Leave out metrics of a level that the labels do not reach."""
    return [
        n
        for n in names
        if "@" not in n
        or n.rsplit("@", 1)[1] not in ("section", "class", "subclass", "group", "subgroup")
        or n.rsplit("@", 1)[1] in levels
    ]


def judge_classifiers(
    corpus: Corpus,
    systems: Mapping[str, tuple[PatentClassifier, np.ndarray | None]],
    settings: ReportSettings,
    seed: int = 0,
    split: str = "test",
) -> dict[str, Metrics]:
    """Evaluate classifiers on a held-out split, beside guessing.

    Parameters
    ----------
    corpus : Corpus
    systems : mapping of str to (classifier, vectors of the whole corpus)
        None for vectors where the classifier reads texts.
    settings : ReportSettings
    seed : int
    split : str

    Returns
    -------
    dict of str to Metrics
        The systems, and ``chance``: every patent gets the commonest code of the train split, and
        labels are ranked by how common they are there. No chance without a train split; nothing
        at all where no test patent has a code.
    """
    labelled = np.diff(corpus.labels.indptr) > 0
    test = np.flatnonzero((corpus.split == split) & labelled)
    if not test.size:
        return {}
    tree, truth = corpus.tree, corpus.labels[test]
    names = usable_metrics(settings.metrics, tree.levels)
    out = {}
    for name, (model, vectors) in systems.items():
        scores, predicted = _predictions(model, _inputs(corpus, vectors, test))
        out[name] = evaluate(truth, scores, names, tree, predicted=predicted, seed=seed)
    train = corpus.labels[np.flatnonzero((corpus.split == "train") & labelled)]
    if not train.shape[0]:
        return out
    share = np.asarray(train.mean(axis=0), dtype=np.float32).ravel()
    commonest = int(np.argmax(np.where(tree.is_leaf, share, -1)))
    guess = tree.close(
        sparse.csr_matrix(
            (np.ones(len(test), dtype=bool), (np.arange(len(test)), np.full(len(test), commonest))),
            shape=truth.shape,
        )
    )
    out["chance"] = evaluate(
        truth, np.tile(share, (len(test), 1)), names, tree, predicted=guess, seed=seed
    )
    return out


def _inputs(corpus: Corpus, vectors: np.ndarray | None, rows: np.ndarray) -> Any:
    """Some patents as a classifier takes them: vectors, or texts where there are none."""
    return corpus.select(rows) if vectors is None else np.asarray(vectors[rows], dtype=np.float32)


def _predictions(model: PatentClassifier, X: Any) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Probabilities and labels at once: reading texts takes longer than all else."""
    parts = [(scores, sparse.csr_matrix(chosen)) for _, scores, chosen in model.decisions(X)]
    return (
        np.concatenate([scores for scores, _ in parts]),
        sparse.csr_matrix(sparse.vstack([chosen for _, chosen in parts])),
    )


def classifier_report(
    corpus: Corpus,
    model: PatentClassifier,
    vectors: np.ndarray | None,
    folder: Path,
    split: str = "test",
    title: str = "Codes of held-out patents",
    seed: int = 0,
) -> bool:
    """Write the full report on a classifier: every metric, tables, pictures, training curves.

    Parameters
    ----------
    corpus : Corpus
    model : PatentClassifier
    vectors : ndarray, shape (n_patents, d), or None
        Of the whole corpus; None where the classifier reads texts.
    folder : Path
        See `patentcl.evaluation.classifiers` for what is written; `patentcl.evaluation.labels`
        writes history.json, training.png, and in ``labels`` what the labels and texts are like.
    split, title : str
    seed : int

    Returns
    -------
    bool
        False where no patent of the split has a code, and nothing is written.
    """
    labelled = np.diff(corpus.labels.indptr) > 0
    rows = np.flatnonzero((corpus.split == split) & labelled)
    if not rows.size:
        return False
    scores, predicted = _predictions(model, _inputs(corpus, vectors, rows))
    work = Evaluation(corpus.labels[rows], scores, tree=corpus.tree, predicted=predicted)
    train = corpus.labels[np.flatnonzero((corpus.split == "train") & labelled)]
    write_report(
        folder, work, train_counts=np.asarray(train.sum(axis=0)).ravel(), title=title, seed=seed
    )
    if write_history(model.history_, folder):
        with (folder / "metrics.md").open("a", encoding="utf-8") as page:
            page.write(
                "\n![Training](training.png)\n\nLoss, F1 by level and hierarchical F1 on "
                "dev after each epoch.\n"
            )
    write_label_report(corpus, folder / "labels")
    return True


def evaluate_run(
    corpus: Corpus,
    vectors: Mapping[str, np.ndarray],
    classifiers: Mapping[str, PatentClassifier],
    folder: Path,
    settings: ReportSettings,
    seed: int,
) -> dict[str, Any]:
    """Judge a run's encoders and classifiers; write metrics.json and metrics.md.

    Parameters
    ----------
    corpus : Corpus
    vectors : mapping of str to ndarray (n, d)
        By system: ``tuned`` and ``untuned``, or ``untuned`` alone. None for a classifier that reads
        texts; without any, there is no retrieval.
    classifiers : mapping of str to PatentClassifier
        For the same systems; may be empty.
    folder : Path
    settings : ReportSettings
    seed : int

    Returns
    -------
    dict
        What metrics.json holds: ``format``, ``classifier`` (system -> metric -> value and
        interval), ``retrieval`` (task -> system -> ...), ``verdict``.
    """
    coded = (
        judge_classifiers(
            corpus, {k: (m, vectors.get(k)) for k, m in classifiers.items()}, settings, seed
        )
        if classifiers
        else {}
    )
    tasks = retrieval_tasks(corpus, settings.queries, seed) if vectors else []
    texts = [f"{title} {abstract}" for title, abstract in corpus.texts]
    found: dict[str, dict[str, Metrics]] = {}
    for task in tasks:
        runs = {name: dense_run(v, task.queries) for name, v in vectors.items()}
        runs["BM25"] = bm25_run(texts, task.queries)
        runs["chance"] = chance_run(len(corpus), task.queries, seed=seed)
        found[task.name] = judge_retrieval(task, runs, settings.retrieval, seed)
    result: dict[str, Any] = {
        "format": FORMAT,
        "classifier": {k: m.as_dict() for k, m in coded.items()},
        "retrieval": {t: {k: m.as_dict() for k, m in by.items()} for t, by in found.items()},
        "verdict": _verdict(found, main_task(tasks).name, settings.retrieval[0]) if tasks else None,
    }
    (folder / "metrics.json").write_text(
        json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8"
    )
    (folder / "metrics.md").write_text(_markdown(result), encoding="utf-8")
    return result


def _verdict(
    found: Mapping[str, Mapping[str, Metrics]], task: str, name: str
) -> dict[str, Any] | None:
    """Compare the tuned encoder with the untuned one on the run's own retrieval figure."""
    by = found[task]
    if "tuned" not in by:
        return None
    row = compare(by["untuned"], by["tuned"])[name]
    figure = by["tuned"].detail[name]
    return {
        "task": task,
        "metric": name,
        "higher_is_better": figure.higher_is_better is not False,
        "untuned": plain(row.a),
        "tuned": plain(row.b),
        "difference": plain(row.difference),
        "low": plain(row.low),
        "high": plain(row.high),
        "p": plain(row.p),
        "queries": figure.n,
    }


def examples(
    corpus: Corpus,
    index: PatentIndex,
    encode: Any,
    model: PatentClassifier | None,
    settings: ReportSettings,
) -> dict[str, Any]:
    """Five nearest patents of a held-out patent, and codes and neighbours of a new abstract.

    Parameters
    ----------
    encode : callable
        From texts to vectors, with the encoder of the index.
    """
    test = np.flatnonzero(corpus.split == "test")
    titles = corpus.titles
    titled = [int(i) for i in test if titles[i]]
    own = next((i for i in titled if corpus.codes[i]), titled[0] if titled else 0)
    vector = encode([settings.example])
    out: dict[str, Any] = {
        "patent": {"id": corpus.ids[own], "title": titles[own], "codes": corpus.codes[own][:6]},
        "nearest": _rows(index.similar_to(corpus.ids[own], 5)),
        "new": {"text": settings.example, "nearest": _rows(index.search(vector, 5))},
    }
    if model is not None:
        table = model.decide(vector)
        out["new"]["codes"] = json.loads(
            table[["symbol", "level", "title", "probability", "sure"]].to_json(orient="records")
        )
    return out


def _rows(frame: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": r.id,
            "similarity": round(float(r.similarity), 3),
            "title": r.title,
            "date": "" if r.date is None or r.date != r.date else str(r.date)[:10],
            "codes": [str(c) for c in r.codes][:4],
        }
        for r in frame.itertuples()
    ]


# ---- the page -------------------------------------------------------------------------------


def cells(
    systems: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table of figures: one row a metric, one column a system."""
    names = list(next(iter(systems.values())))
    head = ["", *systems]
    return head, [
        [_LABELS.get(n, n), *(_value(by[n]["value"]) for by in systems.values())] for n in names
    ]


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def plain_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  "
) -> list[str]:
    """Lines of a table: the first column flush left, the others flush right."""
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    return [
        indent
        + "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *rows]
    ]


def _markdown(result: Mapping[str, Any]) -> str:
    lines = ["# Figures of the run", ""]
    parts = [("Codes of held-out patents", result["classifier"])] if result["classifier"] else []
    parts += [(f"Retrieval: {task}", by) for task, by in result["retrieval"].items()]
    for title, systems in parts:
        names = list(next(iter(systems.values())))
        lines += [
            f"## {title}",
            "",
            "| | " + " | ".join(systems) + " |",
            "|---" * (len(systems) + 1) + "|",
        ]
        for n in names:
            row = [
                _value(by[n]["value"])
                + (
                    f" ({_value(by[n]['low'])} to {_value(by[n]['high'])})"
                    if by[n]["low"] is not None
                    else ""
                )
                for by in systems.values()
            ]
            lines.append(f"| `{n}` | " + " | ".join(row) + " |")
        lines.append("")
    return "\n".join([*lines, "Brackets: 95 % bootstrap interval over patents or queries.", ""])


def verdict_text(verdict: Mapping[str, Any] | None) -> str:
    """Say in plain words whether tuning helped."""
    if verdict is None:
        return "There is no tuned encoder to compare."
    gap, low, high = verdict["difference"], verdict["low"], verdict["high"]
    if gap is None or low is None or high is None:
        return "The tuned encoder cannot be compared with the untuned one: no query has an answer."
    figure = (
        f"{_LABELS.get(verdict['metric'], verdict['metric'])} {verdict['tuned']:.3f} against "
        f"{verdict['untuned']:.3f} ({verdict['task']}, {verdict['queries']:,} queries; "
        f"difference {gap:+.3f}, 95 % interval {low:+.3f} to {high:+.3f})"
    )
    if not verdict["higher_is_better"]:
        gap, low, high = -gap, -high, -low
    if gap < 0:
        sure = "" if high < 0 else " (the interval includes no change)"
        return f"The tuned encoder is WORSE than the untuned one: {figure}{sure}."
    if low > 0:
        return f"The tuned encoder is better than the untuned one: {figure}."
    return f"The tuned encoder is not worse than the untuned one, nor surely better: {figure}."


def render_page(root: Path, title: str, seconds: Sequence[tuple[str, str, float]]) -> str:
    """Write the page of a run from what its stages left.

    Parameters
    ----------
    root : Path
        The run's folder.
    title : str
    seconds : sequence of (stage, status, seconds)
        In order of the run.
    """
    load = artifacts.read_manifest(root) or {}
    counts = load.get("counts", {})
    mined = (artifacts.read_manifest(root / "triplets") or {}).get("counts", {})
    lines = [title, "=" * len(title), "", "Data"]
    shown = {
        k: v
        for k, v in counts.items()
        if v or k in ("patents", "patents with codes", "citations inside the corpus")
    }
    lines += plain_table(["", ""], [[k, f"{v:,}"] for k, v in shown.items()])[1:]
    if mined:
        lines += ["", "Triplets"]
        lines += plain_table(["", ""], [[k, f"{v:,}"] for k, v in mined.items()])[1:]
    lines += ["", "Stages"]
    lines += plain_table(["", "", "seconds"], [[n, s, f"{t:.1f}"] for n, s, t in seconds])[1:]
    lines.append(f"  {'in all':<12}{sum(t for _, s, t in seconds if s == 'done'):.1f} seconds")
    metrics = root / "reports" / "metrics.json"
    if metrics.is_file():
        result = json.loads(metrics.read_text(encoding="utf-8"))
        if result["classifier"]:
            lines += [
                "",
                "Codes of held-out patents (test split)",
                *plain_table(*cells(result["classifier"])),
            ]
        for task, systems in result["retrieval"].items():
            n = next(iter(next(iter(systems.values())).values()))["items"]
            lines += ["", f"Retrieval: {task} ({n:,} queries)", *plain_table(*cells(systems))]
        if result["retrieval"]:
            lines += ["", *textwrap.wrap(verdict_text(result["verdict"]), 100)]
    shown_examples = root / "reports" / "examples.json"
    if shown_examples.is_file():
        lines += _example_lines(json.loads(shown_examples.read_text(encoding="utf-8")))
    if (root / "reports" / "map" / "map.html").is_file():
        place = root / "reports" / "map"
        lines += [
            "",
            "Map",
            f"  {place / 'map.png'}",
            f"  {place / 'map.html'} (opens in a browser, needs no network)",
        ]
    return "\n".join(lines) + "\n"


def _example_lines(shown: Mapping[str, Any]) -> list[str]:
    patent = shown["patent"]
    lines = [
        "",
        f"The five nearest to {patent['id']}: {patent['title']}",
        f"  [{', '.join(patent['codes'])}]",
    ]
    lines += [_near(r) for r in shown["nearest"]]
    new = shown["new"]
    lines += ["", "A new abstract"]
    lines += textwrap.wrap(new["text"], 96, initial_indent="  ", subsequent_indent="  ")
    if "codes" in new:
        lines.append("  its codes:")
        depth = {"section": 0, "class": 1, "subclass": 2, "group": 3, "subgroup": 4}
        for row in new["codes"]:
            mark = "" if row["sure"] else "  (unsure)"
            lines.append(
                f"    {'  ' * depth.get(row['level'], 0)}{row['symbol']:<6} "
                f"{row['probability']:.2f}  {short(row['title'])}{mark}"
            )
    lines.append("  the five nearest:")
    return lines + [_near(r) for r in new["nearest"]]


def _near(row: Mapping[str, Any]) -> str:
    title = row["title"] or "(no title)"
    title = title if len(title) <= 60 else f"{title[:57].rstrip()}..."
    return (
        f"    {row['similarity']:.2f}  {row['id']:<12} {row['date']:<10}  {title:<60}  "
        f"{', '.join(row['codes'])}"
    ).rstrip()


def short(title: str, width: int = 70) -> str:
    """Cut a classification title at its first clause."""
    from patentcl.maps.clusters import short_title

    return short_title(title, width) if title else ""
