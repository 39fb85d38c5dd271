"""The command line: the only module that prints or exits.

Results go to stdout, progress and notes to stderr. Exit codes: 0 done, 1 the user's data or
settings (one line), 2 usage, 130 interrupted. Heavy libraries are imported inside the commands.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from patentcl.errors import ConfigError, PatentclError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Embeddings, classification, similarity search and maps for patents.",
)

Sets = Annotated[list[str], typer.Option("--set", help="A setting: key=value. May be repeated.")]
Seed = Annotated[int, typer.Option(help="Decides everything random.")]
Limit = Annotated[int | None, typer.Option(help="A sample of so many patents, for a quick try.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
LevelName = Annotated[str, typer.Option(help="Deepest level of labels.")]
RUN = Path("artifacts/quickstart")


# ---- talking --------------------------------------------------------------------------------


def out(text: str) -> None:
    """A line of results."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line of notes."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextmanager
def bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar with rate and time left; nothing where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:,.1f}/s" if task.speed else "")

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        tasks: dict[str, Any] = {}

        def update(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done, visible=done < total)

        yield update


def main() -> None:
    """Run the command line; the entry point of ``patentcl``."""
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    _quiet_libraries()
    try:
        app(args=arguments, prog_name="patentcl")
    except PatentclError as error:
        if debug:
            raise
        note(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        note("interrupted: complete stages are kept, and the next run goes on from there")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `patentcl ... | head`
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        text = (str(error).splitlines() or [""])[0][:300]
        note(f"error: {type(error).__name__}: {text} (--debug shows where)")
        sys.exit(1)


def _quiet_libraries() -> None:
    """Keep other libraries' bars and warnings off the screen; ours is the only output."""
    import warnings

    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.WARNING, format="note: %(message)s", stream=sys.stderr)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)


# ---- helpers of several verbs ---------------------------------------------------------------


def _settings(kind: Any, pairs: list[str], **fixed: Any) -> Any:
    from patentcl.config import apply_overrides, make_settings

    values = {k: v for k, v in fixed.items() if v is not None}
    return make_settings(kind, apply_overrides(values, pairs), where="--set")


def _record(stage: str, settings: Any, seed: int = 0, **inputs: Any) -> dict[str, Any]:
    from patentcl.artifacts import fingerprint

    plain = settings.model_dump() if hasattr(settings, "model_dump") else settings
    given = {k: str(v) for k, v in inputs.items()}
    return {
        "stage": stage,
        "settings": plain,
        "inputs": given,
        "seed": seed,
        "fingerprint": fingerprint([stage, plain, given, seed]),
    }


def _graph_path(url: str) -> Path:
    scheme, sign, rest = url.partition("://")
    if not sign:
        return Path(url)
    if scheme != "duckdb":
        raise ConfigError("unknown kind of graph", got=url, wanted="duckdb://FILE")
    if not rest:
        raise ConfigError("the graph needs a file", got=url, wanted="duckdb://FILE")
    return Path(rest)


def _columns(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, sign, theirs = pair.partition("=")
        if not sign:
            raise ConfigError(
                "a column must be given as ours=theirs",
                got=pair,
                fix="For example --columns abstract=summary",
            )
        found[name.strip()] = theirs.strip()
    return found


def _counts(counts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        out(json.dumps(counts))
        return
    width = max(map(len, counts))
    for name, value in counts.items():
        out(
            f"{name:<{width}}  {value:>12,}"
            if isinstance(value, int)
            else f"{name:<{width}}  {value:>12}"
        )


def _one(text: str | None, id_: str | None, file: Path | None) -> None:
    if sum(x is not None for x in (text, id_, file)) != 1:
        raise typer.BadParameter("give exactly one of a text, --id and --file")


# ---- verbs: data ----------------------------------------------------------------------------


@app.command()
def sample(
    folder: Path,
    patents: Annotated[int, typer.Option(help="How many.")] = 5000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write a synthetic corpus in PatentsView's own file layout."""
    from patentcl.sample import write_sample

    counts = write_sample(folder, patents, seed)
    _counts(counts, as_json)
    note(f"synthetic patents written to {folder}: for trying things, not for findings")


@app.command()
def load(
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder of PatentsView tables; a CSV, TSV, JSONL "
            "or Parquet file; a folder with train/dev Parquet."
        ),
    ],
    graph: Annotated[
        str, typer.Option(help="duckdb://FILE; the corpus is written beside it.")
    ] = "duckdb://artifacts/graph.duckdb",
    scheme: Annotated[
        str, typer.Option(help="cpc, ipc or both (IPC where CPC is absent).")
    ] = "both",
    level: LevelName = "subclass",
    limit: Limit = None,
    columns: Annotated[
        list[str],
        typer.Option(
            help="For plain files: ours=theirs, where ours is "
            "patent_id, title, abstract, date, codes, citations "
            "or split. May be repeated."
        ),
    ] = [],
    sets: Sets = [],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Read patents into a corpus and its graph."""
    from patentcl import stages
    from patentcl.artifacts import fingerprint_path, read_manifest
    from patentcl.config import DataSettings, SplitSettings

    path = _graph_path(graph)
    settings = _settings(
        DataSettings, [], scheme=scheme, level=level, limit=limit, columns=_columns(columns)
    )
    split = _settings(SplitSettings, sets)
    record = _record(
        "load",
        {**settings.model_dump(), "split": split.model_dump()},
        seed,
        source=fingerprint_path(data),
    )
    stages.load(data, path.parent, settings, split, seed, record, path.name)
    manifest = read_manifest(path.parent) or {}
    _counts(
        {**manifest["counts"], **{f"graph: {k}": v for k, v in manifest["graph"].items()}}, as_json
    )
    note(f"corpus and graph written to {path.parent} in {manifest['seconds']} s")


@app.command()
def mine(
    graph: Annotated[
        str, typer.Argument(help="duckdb://FILE, as written by load.")
    ] = f"{RUN}/graph.duckdb",
    to: Annotated[Path, typer.Option("--out", help="Folder for the triplets.")] = Path("triplets"),
    sets: Sets = [],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Mine triplets (anchor, positive, negative) among the training patents."""
    from patentcl import stages
    from patentcl.artifacts import read_manifest
    from patentcl.config import MiningRules

    rules = _settings(MiningRules, sets)
    path = _graph_path(graph)
    stages.mine(path, to, rules, seed, _record("mine", rules, seed, graph=path))
    _counts((read_manifest(to) or {})["counts"], as_json)
    note(f"triplets written to {to}")


# ---- verbs: encoder -------------------------------------------------------------------------


@app.command()
def train(
    triplets: Path,
    corpus: Annotated[Path, typer.Option(help="Folder of the corpus.")] = RUN,
    model: Annotated[str, typer.Option(help="minilm, a hub name, or a folder.")] = "minilm",
    to: Annotated[Path, typer.Option("--out", help="Folder for the encoder.")] = Path("encoder"),
    sets: Sets = [],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Fine-tune an encoder on triplets."""
    from patentcl import stages
    from patentcl.artifacts import read_manifest
    from patentcl.config import EncoderSettings, TrainingSettings

    settings = _settings(TrainingSettings, sets)
    encoder = _settings(EncoderSettings, [], model=model)
    patents = stages.open_corpus(corpus)
    with bar() as progress:
        stages.train(
            triplets,
            patents,
            to,
            encoder,
            settings,
            seed,
            _record("train", settings, seed, triplets=triplets, model=model),
            lambda done, total: progress("train", done, total),
        )
    _counts((read_manifest(to) or {})["results"], as_json)
    note(f"encoder written to {to}")


@app.command()
def embed(
    corpus: Annotated[Path, typer.Argument(help="Folder of the corpus.")] = RUN,
    encoder: Annotated[str, typer.Option(help="minilm, a hub name, or a folder.")] = "minilm",
    to: Annotated[Path, typer.Option("--out", help="Folder for the vectors.")] = Path("vectors"),
    sets: Sets = [],
    as_json: Json = False,
) -> None:
    """Turn a corpus into vectors."""
    from patentcl import stages
    from patentcl.artifacts import read_manifest
    from patentcl.config import EncoderSettings

    settings = _settings(EncoderSettings, sets, model=encoder)
    patents = stages.open_corpus(corpus)
    with bar() as progress:
        stages.embed(
            patents,
            encoder,
            to,
            settings,
            _record("embed", settings, corpus=corpus),
            lambda done, total: progress("embed", done, total),
        )
    manifest = read_manifest(to) or {}
    rate = manifest["counts"]["vectors"] / max(manifest["seconds"], 0.01)
    _counts({**manifest["counts"], "per second": round(rate, 1)}, as_json)
    note(f"vectors written to {to}")


# ---- verbs: classifier ----------------------------------------------------------------------


@app.command()
def fit(
    vectors: Path,
    corpus: Annotated[Path, typer.Option(help="Folder of the corpus.")] = RUN,
    to: Annotated[Path, typer.Option("--out", help="Folder for the classifier.")] = Path(
        "classifier"
    ),
    level: LevelName = "subclass",
    sets: Sets = [],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a classifier on the train split and tune it on the dev split."""
    from patentcl import stages
    from patentcl.artifacts import read_manifest
    from patentcl.config import ClassifierSettings

    settings = _settings(ClassifierSettings, sets)
    with bar() as progress:
        stages.fit(
            vectors,
            stages.open_corpus(corpus, level),
            to,
            settings,
            seed,
            _record("fit", settings, seed, vectors=vectors, corpus=corpus),
            lambda done, total: progress("fit", done, total),
        )
    _counts((read_manifest(to) or {})["counts"], as_json)
    note(f"classifier written to {to}")


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="A classifier, an encoder or an index.")],
    corpus: Annotated[
        Path | None, typer.Option(help="Folder of the corpus; by default the one beside.")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Folder of the vectors; by default the one beside.")
    ] = None,
    split: Annotated[str, typer.Option(help="Whose patents to judge by.")] = "test",
    metrics: Annotated[
        list[str], typer.Option("--metric", help="A metric by name. May be repeated.")
    ] = [],
    report: Annotated[
        Path | None, typer.Option(help="For a classifier: all metrics, tables and pictures here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge a classifier, an encoder or an index on a held-out split."""
    from patentcl.judging import judge_folder, report_folder

    with bar() as progress:
        title, result = judge_folder(
            folder,
            corpus or folder.parent,
            vectors,
            split,
            metrics,
            lambda done, total: progress("embed", done, total),
        )
    if report is not None:
        report_folder(folder, report, corpus or folder.parent, vectors, split)
        note(f"report written to {report}")
    if as_json:
        out(json.dumps(result))
        return
    from patentcl.reporting import cells, plain_table

    for name, systems in result.items():
        out(f"{title}: {name} ({split} split)")
        out("\n".join(plain_table(*cells(systems))))


@app.command()
def classify(
    text: Annotated[str | None, typer.Argument(help="An abstract.")] = None,
    file: Annotated[Path | None, typer.Option(help="CSV, TSV, JSONL or Parquet.")] = None,
    model: Annotated[Path, typer.Option(help="Folder of the classifier.")] = RUN / "classifier",
    encoder: Annotated[str | None, typer.Option(help="Where its encoder is now.")] = None,
    all_scores: Annotated[bool, typer.Option("--all-scores", help="Scores of all nodes.")] = False,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Predict the codes of an abstract, or of each patent in a file."""
    from patentcl import stages
    from patentcl.artifacts import require
    from patentcl.classifier import PatentClassifier

    _one(text, None, file)
    require(model, "classifier", "fit VECTORS")
    ids: list[str] = ["text"]
    items: list[Any] = [text]
    if file is not None:
        from patentcl.corpus import Corpus

        patents = Corpus.read(file, limit=limit)
        ids, items = patents.ids.tolist(), patents.texts
    loaded = PatentClassifier.load(model)
    reader = stages.encoder_for(model, encoder)
    with bar() as progress:
        for start in range(0, len(items), 1024):
            X = reader.encode(items[start : start + 1024])
            _print_codes(loaded, X, ids[start : start + 1024], as_json, all_scores)
            progress("classify", start + len(X), len(items))


def _print_codes(model: Any, X: Any, ids: list[str], as_json: bool, all_scores: bool) -> None:
    table = model.decide(X, ids)
    if not as_json:
        from patentcl.reporting import short

        depth = {level: i for i, level in enumerate(model.tree_.levels)}
        for pid in ids:
            out(pid)
            rows = table[table["patent_id"] == pid]
            for r in rows.itertuples():
                unsure = "" if r.sure else "  (unsure)"
                indent = "  " * (1 + depth[r.level])
                out(f"{indent}{r.symbol:<12} {r.probability:.2f}  {short(r.title)}{unsure}")
            if rows.empty:
                out("  no code is likely enough")
        return
    proba = model.predict_proba(X) if all_scores else None
    levels = model.answered(X)
    groups = dict(tuple(table.groupby("patent_id", sort=False)))
    for i, pid in enumerate(ids):
        rows = groups.get(pid, table.iloc[:0])
        kept = rows[rows["predicted"]]
        scores = (
            dict(zip(model.tree_.symbols, map(float, proba[i].round(5)), strict=True))
            if proba is not None
            else {
                s: round(float(p), 5)
                for s, p in zip(kept["symbol"], kept["probability"], strict=True)
            }
        )
        out(
            json.dumps(
                {
                    "patent_id": pid,
                    "predicted": kept["symbol"].tolist(),
                    "scores": scores,
                    "level": levels[i] or None,
                }
            )
        )


# ---- verbs: index and map -------------------------------------------------------------------


@app.command()
def index(
    vectors: Path,
    corpus: Annotated[Path, typer.Option(help="Folder of the corpus.")] = RUN,
    spec: Annotated[str, typer.Option(help="auto, a name from indexes/, or a YAML file.")] = "auto",
    to: Annotated[Path, typer.Option("--out", help="Folder for the index.")] = Path("index"),
    as_json: Json = False,
) -> None:
    """Build a similarity index."""
    from patentcl import stages
    from patentcl.artifacts import read_manifest
    from patentcl.config import IndexSettings

    settings = _settings(IndexSettings, [], spec=spec)
    stages.index(
        vectors,
        stages.open_corpus(corpus),
        to,
        settings,
        _record("index", settings, vectors=vectors, corpus=corpus),
    )
    _counts((read_manifest(to) or {})["counts"], as_json)
    note(f"index written to {to}")


@app.command()
def similar(
    text: Annotated[str | None, typer.Argument(help="An abstract.")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="A patent of the index.")] = None,
    file: Annotated[Path | None, typer.Option(help="CSV, TSV, JSONL or Parquet.")] = None,
    folder: Annotated[Path, typer.Option("--index", help="Folder of the index.")] = RUN / "index",
    encoder: Annotated[str | None, typer.Option(help="Where its encoder is now.")] = None,
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    before: Annotated[str | None, typer.Option(help="Only older than this date.")] = None,
    after: Annotated[str | None, typer.Option(help="Only from this date on.")] = None,
    cpc: Annotated[
        list[str], typer.Option(help="Only with a code below this. May be repeated.")
    ] = [],
    exclude_cpc: Annotated[list[str], typer.Option(help="None with a code below this.")] = [],
    as_json: Json = False,
) -> None:
    """Find the nearest patents of a text, of a patent, or of each patent in a file."""
    from patentcl import stages
    from patentcl.artifacts import require
    from patentcl.search import PatentIndex

    _one(text, id_, file)
    require(folder, "index", "index VECTORS")
    loaded = PatentIndex.load(folder)
    filters = {
        "before": before,
        "after": after,
        "cpc": cpc or None,
        "exclude_cpc": exclude_cpc or None,
    }
    if id_ is not None:
        names, found = [id_], loaded.similar_to(id_, k, **filters)
    else:
        names = ["text"]
        items: list[Any] = [text]
        if file is not None:
            from patentcl.corpus import Corpus

            patents = Corpus.read(file)
            names, items = patents.ids.tolist(), patents.texts
        found = loaded.search(stages.encoder_for(folder, encoder).encode(items), k, **filters)
    _print_neighbours(names, found, as_json)


def _print_neighbours(names: list[str], found: Any, as_json: bool) -> None:
    for q, rows in found.groupby("query", sort=True):
        if not as_json and len(names) > 1:
            out(names[int(q)])
        for r in rows.itertuples():
            date = "" if r.date is None or r.date != r.date else str(r.date)[:10]
            codes = [str(c) for c in r.codes]
            if as_json:
                out(
                    json.dumps(
                        {
                            "query": names[int(q)],
                            "rank": int(r.rank),
                            "patent_id": r.id,
                            "similarity": round(float(r.similarity), 5),
                            "date": date or None,
                            "title": r.title,
                            "codes": codes,
                        },
                        ensure_ascii=False,
                    )
                )
            else:
                out(
                    f"{r.rank:>3}  {r.similarity:.3f}  {r.id:<12} {date:<10}  "
                    f"{(r.title or '(no title)')[:60]:<60}  {', '.join(codes[:4])}".rstrip()
                )


@app.command("map")
def map_(
    vectors: Path,
    corpus: Annotated[Path, typer.Option(help="Folder of the corpus.")] = RUN,
    to: Annotated[Path, typer.Option("--out", help="Folder for the map.")] = Path("map"),
    title: Annotated[str, typer.Option(help="Over the picture.")] = "Patents",
    sets: Sets = [],
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Draw a map: PNG, SVG, a page that opens without a network, and coordinates."""
    from patentcl import stages
    from patentcl.artifacts import read_manifest
    from patentcl.config import MapSettings

    settings = _settings(MapSettings, sets)
    stages.draw(
        vectors,
        stages.open_corpus(corpus),
        to,
        settings,
        seed,
        title,
        _record("map", settings, seed, vectors=vectors, corpus=corpus),
    )
    _counts((read_manifest(to) or {})["counts"], as_json)
    note(f"map written to {to}: map.png, map.svg, map.html, coordinates.parquet")


# ---- verbs: whole runs ----------------------------------------------------------------------


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="A name from pipelines/, or a YAML file.")],
    data: Annotated[
        Path | None, typer.Option(help="What to read instead of the recipe's source.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--out", help="Folder of the run.")] = None,
    sets: Sets = [],
    limit: Limit = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Run this stage and what depends on it again.")
    ] = None,
    dry: Annotated[bool, typer.Option("--dry", help="Only say what would run, and why.")] = False,
    as_json: Json = False,
) -> None:
    """Run a recipe: all of its stages that are not up to date."""
    from patentcl.pipeline import run_pipeline

    overrides = [*sets, *([f"data.limit={limit}"] if limit else [])]
    with bar() as progress:
        result = run_pipeline(recipe, data, to, overrides, start, dry, note, progress)
    if as_json:
        out(
            json.dumps({"folder": str(result.folder), "stages": [vars(o) for o in result.outcomes]})
        )
    elif not dry:
        out("\n" + result.page.rstrip())


@app.command()
def doctor(as_json: Json = False) -> None:
    """Show versions, processor, GPU, models and resources, and say what is missing."""
    from patentcl.doctor import examine

    rows = examine()
    if as_json:
        out(json.dumps([{"what": w, "found": f, "ok": ok} for w, f, ok in rows]))
        return
    width = max(len(w) for w, _, _ in rows)
    for what, found, ok in rows:
        out(f"{'ok ' if ok else '-- '} {what:<{width}}  {found}")
    if not all(ok for _, _, ok in rows):
        note("-- marks what is missing; only uses that need it are affected")


if __name__ == "__main__":
    main()
