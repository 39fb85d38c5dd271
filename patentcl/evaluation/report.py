"""What a run says of itself: figures beside baselines, examples, and one page in plain words."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from patentcl.core import artifacts
from patentcl.core.reading import read_record
from patentcl.core.tables import markdown_table, one_line, text_table, title_or_start
from patentcl.cpc import LEVELS
from patentcl.data.corpus import Corpus
from patentcl.evaluation.classifiers import evaluate_classifiers
from patentcl.evaluation.retrieval import (
    bm25_run,
    chance_run,
    dense_run,
    evaluate_retrieval,
    main_task,
    retrieval_tasks,
)
from patentcl.evaluation.settings import ReportSettings
from patentcl.evaluation.tables import plain, write_page
from patentcl.metrics import Metrics, compare, neighbour_purity

if TYPE_CHECKING:
    from patentcl.classification.estimator import PatentClassifier
    from patentcl.search.index import PatentIndex

FORMAT = 1
_AUPRC = "average_precision:micro"
NAMES = {
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
"""Metrics as the page calls them."""
Systems = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""system -> metric -> value, interval and number of items."""

# ---- figures --------------------------------------------------------------------------------


def evaluate_run(
    corpus: Corpus,
    vectors: Mapping[str, np.ndarray],
    classifiers: Mapping[str, PatentClassifier],
    folder: Path,
    settings: ReportSettings,
    seed: int,
) -> dict[str, Any]:
    """Evaluate a run's encoders and classifiers; write metrics.json and metrics.md.

    `vectors` (n_patents, d) and `classifiers` go by systems: ``tuned`` and ``untuned``, or one
    alone. A classifier without vectors reads texts; without any vectors there is no retrieval.
    Returns what metrics.json holds: ``format``, ``classifier`` (system -> metric -> value and
    interval), ``retrieval`` (task -> system -> ...), ``verdict``, and ``uses``: tuned against
    untuned in what encoders are used for.
    """
    systems = {name: (model, vectors.get(name)) for name, model in classifiers.items()}
    coded = evaluate_classifiers(corpus, systems, settings, seed) if systems else {}
    tasks = retrieval_tasks(corpus, settings.queries, seed) if vectors else []
    texts = [f"{title} {abstract}" for title, abstract in corpus.texts] if tasks else []
    found: dict[str, dict[str, Metrics]] = {}
    for task in tasks:
        runs = {name: dense_run(v, task.queries) for name, v in vectors.items()}
        runs["BM25"] = bm25_run(texts, task.queries)
        runs["chance"] = chance_run(len(corpus), task.queries, seed=seed)
        found[task.name] = evaluate_retrieval(task, runs, settings.retrieval, seed)
    result: dict[str, Any] = {
        "format": FORMAT,
        "classifier": {k: m.as_dict() for k, m in coded.items()},
        "retrieval": {t: {k: m.as_dict() for k, m in by.items()} for t, by in found.items()},
        "verdict": None,
        "uses": {},
    }
    by = {"classes": coded, "neighbours on maps": neighbour_figures(corpus, vectors, seed=seed)}
    if tasks:
        by = {"search": found[main_task(tasks).name], **by}
    for use, of in by.items():
        if "tuned" in of and "untuned" in of:
            names = list(of["tuned"])
            name = _AUPRC if _AUPRC in names else names[0]
            result["uses"][use] = _tuned_less_untuned(of, name)
    if "search" in result["uses"]:
        about, n = result["uses"]["search"], {"queries": result["uses"]["search"]["items"]}
        about = {k: v for k, v in about.items() if k != "items"}
        result["verdict"] = {"task": main_task(tasks).name, **about, **n}
    write_page(folder, "metrics", result, _markdown(result))
    return result


def neighbour_figures(
    corpus: Corpus, vectors: Mapping[str, np.ndarray], split: str = "test", seed: int = 0
) -> dict[str, Metrics]:
    """How many of the ten nearest of a split's patents share a code of the deepest level, each.

    Beside ``chance``: any ten others.
    """
    rows = np.array([i for i in np.flatnonzero(corpus.split == split) if corpus.codes[i]], int)
    if len(rows) < 2 or not vectors:
        return {}
    depth, k = corpus.tree.depth, min(10, len(rows) - 1)
    labels = corpus.labels[rows][:, np.flatnonzero(depth == depth.max())]
    others = np.random.default_rng(seed).integers(len(rows) - 1, size=(len(rows), k))
    others += others >= np.arange(len(rows))[:, None]
    return {
        name: Metrics([neighbour_purity(np.asarray(v[rows], np.float32), labels, k, seed=seed)])
        for name, v in vectors.items()
    } | {"chance": Metrics([neighbour_purity(None, labels, k, others, seed)])}


def _tuned_less_untuned(by: Mapping[str, Metrics], name: str) -> dict[str, Any]:
    """One figure of the tuned encoder beside that of the untuned one."""
    row, figure = compare(by["untuned"], by["tuned"])[name], by["tuned"].detail[name]
    return {
        "metric": name,
        "higher_is_better": figure.higher_is_better is not False,
        "untuned": plain(row.a),
        "tuned": plain(row.b),
        "difference": plain(row.difference),
        "low": plain(row.low),
        "high": plain(row.high),
        "p": plain(row.p),
        "items": figure.n,
    }


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _markdown(result: Mapping[str, Any]) -> list[str]:
    parts = ["# Figures of the run"]
    tables = {"Codes of held-out patents": result["classifier"]} if result["classifier"] else {}
    tables |= {f"Retrieval: {task}": by for task, by in result["retrieval"].items()}
    for title, systems in tables.items():
        rows = []
        for name in next(iter(systems.values())):
            row = [f"`{name}`"]
            for by in systems.values():
                figure, low, high = by[name], *(_value(by[name][end]) for end in ("low", "high"))
                interval = "" if figure["low"] is None else f" ({low} to {high})"
                row.append(_value(figure["value"]) + interval)
            rows.append(row)
        parts += [f"## {title}", markdown_table(["", *systems], rows)]
    return [*parts, "Brackets: 95 % bootstrap interval over patents or queries."]


def figures_table(systems: Systems) -> str:
    """Figures as text: one row a metric, one column a system."""
    names = list(next(iter(systems.values())))
    rows = [[NAMES.get(n, n), *(_value(by[n]["value"]) for by in systems.values())] for n in names]
    return text_table(["", *systems], rows, indent="  ", rule=False)


# ---- examples -------------------------------------------------------------------------------


def examples(
    corpus: Corpus,
    index: PatentIndex,
    encode: Callable[[Sequence[Any]], np.ndarray],
    model: PatentClassifier | None,
    settings: ReportSettings,
    seed: int = 0,
) -> dict[str, Any]:
    """Neighbours of one held-out patent, and codes and neighbours of another, for the page.

    The other is the text of the settings where they have one; otherwise it is a patent of the test
    split with codes, by the seed, and its true codes stand beside the predicted ones. `encode` goes
    from texts to vectors of the index.
    """
    titles, texts = corpus.titles, corpus.texts
    held_out = [int(i) for i in np.flatnonzero(corpus.split == "test") if titles[i]] or [0]
    coded = [i for i in held_out if corpus.codes[i]] or held_out
    own = coded[0]
    out: dict[str, Any] = {
        "patent": {"id": corpus.ids[own], "title": titles[own], "codes": corpus.codes[own][:6]},
        "nearest": _rows(index.similar_to(corpus.ids[own], 5), corpus),
    }
    if settings.example is not None:
        row, text = None, settings.example
        query: Any = text
        new: dict[str, Any] = {"text": text}
    else:
        described = [i for i in coded if texts[i][1] and i != own] or coded
        row = described[int(np.random.default_rng(seed).integers(len(described)))]
        query, text = texts[row], texts[row][1]
        new = {"id": corpus.ids[row], "title": titles[row], "text": text}
    vector = encode([query])
    near = index.search(vector, 6)
    new["nearest"] = _rows(near[near["id"] != new.get("id")].head(5), corpus)
    if model is not None:
        X = [query] if model.reads_texts else np.asarray(vector, dtype=np.float32)
        new["codes"] = _codes(corpus, model, X, row)
    return out | {"new": new}


def _codes(corpus: Corpus, model: PatentClassifier, X: Any, row: int | None) -> list[dict]:
    """Predicted codes, children below their parents; of a patent of the corpus the true ones, too.

    ``predicted`` and ``true`` say which is which; without a row nothing is known to be true.
    """
    tree = model.tree_
    (_, scores, chosen), *_ = model.decisions(X)
    true = np.zeros(len(tree), dtype=bool)
    if row is not None:
        true = tree.encode([corpus.codes[row]], unknown="drop").toarray()[0]
    return [
        {
            "symbol": tree.symbols[j],
            "level": tree.levels[tree.depth[j]],
            "title": tree.titles[j],
            "probability": round(float(scores[0, j]), 6),
            "sure": bool(chosen[0, j] and scores[0, j] >= model.thresholds_[j]),
            **({} if row is None else {"predicted": bool(chosen[0, j]), "true": bool(true[j])}),
        }
        for j in sorted(np.flatnonzero(chosen[0] | true), key=lambda j: tree.symbols[j])
    ]


def _rows(frame: Any, corpus: Corpus) -> list[dict[str, Any]]:
    """What the page tells of neighbours; the first words of a text for a missing title."""
    texts = dict(zip(corpus.ids, corpus.texts, strict=True))
    return [
        {
            "id": r.id,
            "similarity": round(float(r.similarity), 3),
            "title": title_or_start(r.title, texts[r.id][1], 62),
            "date": "" if r.date is None or r.date != r.date else str(r.date)[:10],
            "codes": [str(c) for c in r.codes][:4],
        }
        for r in frame.itertuples()
    ]


# ---- the page -------------------------------------------------------------------------------


def verdict_text(verdict: Mapping[str, Any] | None) -> str:
    """Say in plain words whether tuning helped."""
    if verdict is None:
        return "There is no tuned encoder to compare."
    gap, low, high = verdict["difference"], verdict["low"], verdict["high"]
    if gap is None or low is None or high is None:
        return "The tuned encoder cannot be compared with the untuned one: no query has an answer."
    figure = (
        f"{NAMES.get(verdict['metric'], verdict['metric'])} {verdict['tuned']:.3f} against "
        f"{verdict['untuned']:.3f} ({verdict['task']}, {verdict['queries']:,} queries; "
        f"difference {gap:+.3f}, 95 % interval {low:+.3f} to {high:+.3f})"
    )
    if not verdict["higher_is_better"]:
        gap, low, high = -gap, -high, -low
    if gap < 0:
        doubt = "" if high < 0 else " (the interval includes no change)"
        return f"The tuned encoder is WORSE than the untuned one: {figure}{doubt}."
    if low > 0:
        return f"The tuned encoder is better than the untuned one: {figure}."
    return f"The tuned encoder is not significantly better than the untuned one: {figure}."


def uses_text(uses: Mapping[str, Mapping[str, Any]]) -> str:
    """Say in one line for which uses the tuned encoder is better, equal or worse."""
    parts: dict[str, list[str]] = {"better": [], "equal": [], "worse": []}
    for use, row in uses.items():
        gap, low, high = row["difference"], row["low"], row["high"]
        if None in (gap, low, high):
            continue
        sign = 1 if row["higher_is_better"] else -1
        ends = sorted((sign * low, sign * high))
        found = "better" if ends[0] > 0 else "worse" if ends[1] < 0 else "equal"
        name = NAMES.get(row["metric"], row["metric"].replace("_", " "))
        parts[found].append(
            f"{use} ({name} {row['untuned']:.3f} to {row['tuned']:.3f}, {low:+.3f} to {high:+.3f})"
        )
    said = "; ".join(f"{found} for {', '.join(of)}" for found, of in parts.items() if of)
    return f"Tuned beside untuned encoder: {said}. Equal: the 95 % interval includes 0."


def render_page(root: Path, title: str, seconds: Sequence[tuple[str, str, float]]) -> str:
    """Write the page of the run in `root` from what its stages left.

    `seconds` holds stage, status and seconds in order of the run.
    """
    counts = (artifacts.read_manifest(root) or {}).get("counts", {})
    mined = (artifacts.read_manifest(root / "triplets") or {}).get("counts", {})
    always = ("patents", "patents with codes", "citations inside the corpus")
    figures = root / "reports" / "metrics.json"
    result = read_record(figures) if figures.is_file() else {}
    lines = [title, "=" * len(title), ""]
    if uses := result.get("uses"):
        lines += [*textwrap.wrap(uses_text(uses), 100), ""]
    lines.append("Data")
    lines += _listed((k, v) for k, v in counts.items() if v or k in always)
    if mined:
        lines += ["", "Triplets", *_listed(mined.items())]
    stages = [(n, s, f"{t:.1f}") for n, s, t in seconds]
    table = text_table(["", "", "seconds"], stages, indent="  ", rule=False)
    lines += ["", "Stages", *table.split("\n")[1:]]
    lines.append(f"  {'in all':<12}{sum(t for _, s, t in seconds if s == 'done'):.1f} seconds")
    reports = root / "reports"
    if result:
        if result["classifier"]:
            lines += ["", "Codes of held-out patents (test split)"]
            lines.append(figures_table(result["classifier"]))
        for task, systems in result["retrieval"].items():
            n = next(iter(next(iter(systems.values())).values()))["items"]
            lines += ["", f"Retrieval: {task} ({n:,} queries)", figures_table(systems)]
        if result["retrieval"]:
            lines += ["", *textwrap.wrap(verdict_text(result["verdict"]), 100)]
    if (reports / "examples.json").is_file():
        shown = read_record(reports / "examples.json")
        lines += [*_neighbour_lines(shown), *_example_lines(shown["new"])]
    if (reports / "map" / "map.html").is_file():
        page = f"  {reports / 'map' / 'map.html'} (opens in a browser, needs no network)"
        lines += ["", "Map", f"  {reports / 'map' / 'map.png'}", page]
    return "\n".join(lines) + "\n"


def _listed(rows: Iterable[Sequence[Any]]) -> list[str]:
    found = list(rows)
    return text_table(None, found, indent="  ").split("\n") if found else []


def _neighbour_lines(shown: Mapping[str, Any]) -> list[str]:
    patent = shown["patent"]
    head = f"The five nearest to {patent['id']}: {one_line(patent['title'])}"
    return ["", head, f"  [{', '.join(patent['codes'])}]", *map(_near, shown["nearest"])]


def _example_lines(new: Mapping[str, Any]) -> list[str]:
    """A text of the user's or a held-out patent: its codes, and what is nearest to it."""
    lines = ["", "A new abstract"]
    if "id" in new:
        what = "A held-out patent, classified" if "codes" in new else "A patent as if it were new"
        lines = ["", f"{what}: {new['id']}  {one_line(new['title'])}"]
    wrapped = textwrap.wrap(new["text"], 96, initial_indent="  ", subsequent_indent="  ")
    lines += wrapped if len(wrapped) <= 6 else [*wrapped[:6], "  ..."]
    if "codes" in new:
        known = any("true" in row for row in new["codes"])
        lines.append("  its codes, predicted and true:" if known else "  its codes:")
        for row in new["codes"]:
            code = f"{'  ' * LEVELS.index(row['level'])}{row['symbol']:<6}"
            lines.append(
                f"    {code} {row['probability']:.2f}  {short(row['title'])}{_mark(row)}".rstrip()
            )
    return [*lines, "  the five nearest:", *map(_near, new["nearest"])]


def _mark(row: Mapping[str, Any]) -> str:
    """What there is to say about a predicted or true code."""
    marks = [] if row["sure"] or not row.get("predicted", True) else ["unsure"]
    if "true" in row:
        marks.append("missed" if not row["predicted"] else "true" if row["true"] else "not true")
    return f"  ({', '.join(marks)})" if marks else ""


def _near(row: Mapping[str, Any]) -> str:
    title = one_line(row["title"], 60) or "(no title)"
    codes = ", ".join(row["codes"])
    return (
        f"    {row['similarity']:.2f}  {row['id']:<12} {row['date']:<10}  {title:<60}  {codes}"
    ).rstrip()


def short(title: str, width: int = 70) -> str:
    """Cut a classification title at its first clause."""
    from patentcl.maps.naming import short_title

    return short_title(title, width) if title else ""
