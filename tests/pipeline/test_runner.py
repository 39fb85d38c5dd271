"""Recipes run whole, skip what is up to date, and go on after being cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tiny import write_tiny_encoder

from patentcl import Corpus, open_run, run_pipeline
from patentcl.core.artifacts import read_manifest
from patentcl.core.errors import ConfigError, DataError, PatentclError
from patentcl.pipeline import stages
from patentcl.sample.writer import write_sample

STAGES = [
    "load",
    "mine",
    "train",
    "embed-base",
    "embed",
    "fit-base",
    "fit",
    "index",
    "evaluate",
    "map",
]
FOLDERS = {
    "mine": "triplets",
    "train": "encoder",
    "embed-base": "vectors-base",
    "embed": "vectors",
    "fit-base": "classifier-base",
    "fit": "classifier",
    "index": "index",
    "evaluate": "reports",
    "map": "reports/map",
}
QUICK = [
    "mining.triplets=48",
    "training.max_length=32",
    "classifier.epochs=3",
    "map.method=pca",
    "classifier.hidden=32",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sample corpus and a tiny encoder that knows its words."""
    root = tmp_path_factory.mktemp("pipeline")
    write_sample(root / "tables", patents=300, seed=1)
    texts = [f"{t} {a}" for t, a in Corpus.read(root / "tables").texts]
    write_tiny_encoder(root / "model", texts)
    return root


@pytest.fixture(scope="module")
def settings(place: Path) -> list[str]:
    return [*QUICK, f"encoder.model={place / 'model'}"]


@pytest.fixture(scope="module")
def finished(place: Path, settings: list[str]) -> Path:
    result = run_pipeline("quickstart", place / "tables", place / "run", settings)
    assert [o.stage for o in result.outcomes] == STAGES
    assert {o.status for o in result.outcomes} == {"done"}
    return place / "run"


def test_files_of_a_run(finished: Path) -> None:
    wanted = [
        "corpus.parquet",
        "cpc.parquet",
        "graph.duckdb",
        "triplets/triplets.parquet",
        "encoder/modules.json",
        "encoder/README.md",
        "vectors/vectors.npy",
        "vectors/ids.parquet",
        "classifier/config.json",
        "classifier/model.safetensors",
        "classifier/tree.parquet",
        "classifier/thresholds.npz",
        "index/index.faiss",
        "index/ids.parquet",
        "index/spec.yaml",
        "reports/metrics.json",
        "reports/metrics.md",
        "reports/page.txt",
        "reports/classifier/metrics.json",
        "reports/map/map.png",
        "reports/map/map.html",
    ]
    assert [w for w in wanted if not (finished / w).is_file()] == []
    for stage, folder in {"load": ".", **FOLDERS}.items():
        manifest = read_manifest(finished / folder)
        assert manifest is not None
        name = "-".join(filter(None, (manifest["stage"], manifest["variant"])))
        assert name == stage
        assert {
            "format",
            "settings",
            "seed",
            "inputs",
            "fingerprint",
            "seconds",
            "libraries",
        } <= set(manifest)
    assert not list(finished.rglob(".*")), "temporary files were left behind"


def test_contents_agree(finished: Path) -> None:
    corpus = Corpus.read(finished)
    vectors = np.load(finished / "vectors" / "vectors.npy")
    assert vectors.shape == (len(corpus), 32) and vectors.dtype == np.float16
    assert pq.read_table(finished / "vectors" / "ids.parquet")["patent_id"].to_pylist() == list(
        corpus.ids
    )
    triplets = pq.read_table(finished / "triplets" / "triplets.parquet").to_pandas()
    train = set(corpus.ids[corpus.split == "train"])
    for column in ("anchor_id", "positive_id", "negative_id"):
        assert set(triplets[column]) <= train
    metrics = json.loads((finished / "reports" / "metrics.json").read_text())
    assert list(metrics["classifier"]) == ["tuned", "untuned", "chance"]
    for systems in metrics["retrieval"].values():
        assert list(systems) == ["tuned", "untuned", "BM25", "chance"]
    assert metrics["verdict"]["tuned"] == pytest.approx(
        metrics["retrieval"][metrics["verdict"]["task"]]["tuned"]["ndcg@10"]["value"]
    )


def test_page_has_all_its_parts(finished: Path) -> None:
    page = (finished / "reports" / "page.txt").read_text()
    for part in (
        "Data",
        "Triplets",
        "Stages",
        "Codes of held-out patents",
        "Retrieval: ",
        "chance",
        "BM25",
        "The tuned encoder is",
        "The five nearest to",
        "its codes, predicted and true:",
        "map.html",
    ):
        assert part in page


def test_second_run_skips_everything_and_says_why(
    place: Path, finished: Path, settings: list[str]
) -> None:
    page = (finished / "reports" / "page.txt", finished / "reports" / "manifest.json")

    def times() -> dict[Path, int]:
        files = (p for p in finished.rglob("*") if p.is_file() and p not in page)
        return {p: p.stat().st_mtime_ns for p in files}

    before = times()
    lines: list[str] = []
    result = run_pipeline("quickstart", place / "tables", finished, settings, say=lines.append)
    assert {o.status for o in result.outcomes} == {"skipped"}
    assert all("same settings and inputs" in line for line in lines)
    assert before == times()
    assert open_run(finished).page == page[0].read_text()


def test_a_stage_of_another_edition_runs_again(
    place: Path, finished: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "MAP", replace(stages.MAP, edition=stages.MAP.edition + 1))
    result = run_pipeline("quickstart", place / "tables", finished, settings, dry=True)
    assert [(o.stage, o.why) for o in result.outcomes if o.status == "planned"] == [
        ("map", "written by an earlier version")
    ]


def test_dry_names_what_would_run_and_why(place: Path, finished: Path, settings: list[str]) -> None:
    result = run_pipeline(
        "quickstart", place / "tables", finished, [*settings, "classifier.epochs=4"], dry=True
    )
    by = {o.stage: o for o in result.outcomes}
    assert [s for s in STAGES if by[s].status == "planned"] == ["fit-base", "fit", "evaluate"]
    assert by["fit"].why == "settings changed: fit.epochs"
    assert "classifier" in by["evaluate"].why and "changed" in by["evaluate"].why
    assert result.page == ""


def test_from_runs_a_stage_and_what_depends_on_it(
    place: Path, finished: Path, settings: list[str]
) -> None:
    result = run_pipeline(
        "quickstart", place / "tables", finished, settings, start="index", dry=True
    )
    by = {o.stage: o.status for o in result.outcomes}
    assert [s for s in STAGES if by[s] == "planned"] == ["index", "evaluate"]
    with pytest.raises(ConfigError, match=r"unknown stage: got indx.*Did you mean index"):
        run_pipeline("quickstart", place / "tables", finished, settings, start="indx")


def test_changed_data_run_again(
    place: Path, finished: Path, settings: list[str], tmp_path: Path
) -> None:
    write_sample(tmp_path / "other", patents=300, seed=2)
    result = run_pipeline("quickstart", tmp_path / "other", finished, settings, dry=True)
    assert {o.status for o in result.outcomes} == {"planned"}
    assert result.outcomes[0].why == "source changed"


def _command(place: Path, out: Path, settings: list[str]) -> list[str]:
    sets = [x for s in settings for x in ("--set", s)]
    return [
        sys.executable,
        "-m",
        "patentcl.cli.app",
        "run",
        "quickstart",
        "--data",
        str(place / "tables"),
        "--out",
        str(out),
        *sets,
    ]


def test_cut_off_at_every_stage(
    place: Path, finished: Path, settings: list[str], tmp_path: Path
) -> None:
    """Ctrl-C and kill -9 in turn, each time a stage further; then all is as if never cut off."""
    out = tmp_path / "run"
    for i, stage in enumerate(STAGES):
        folder = out / FOLDERS.get(stage, ".")
        # A signal may come so late that the next, short stage is finished too: it is repeated.
        again = ["--from", stage] if read_manifest(folder) else []
        with subprocess.Popen(
            [*_command(place, out, settings), *again],
            stderr=subprocess.PIPE,
            text=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        ) as run:
            assert run.stderr is not None
            for line in run.stderr:
                if line.startswith(f"{stage}: running"):
                    run.send_signal(signal.SIGKILL if i % 2 else signal.SIGINT)
                    break
            rest = run.stderr.read()
            # A shell shows 130 for both: ours, and Python's own while it already takes itself down.
            ended = (-signal.SIGKILL,) if i % 2 else (130, -signal.SIGINT)
            assert run.wait() in ended, f"{stage}: {rest}"
            assert "Traceback" not in rest
        manifest = read_manifest(folder)
        assert manifest is None or (folder / "manifest.json").stat().st_size > 0
    result = run_pipeline("quickstart", place / "tables", out, settings)
    # Nearly all stages before the last are kept: a signal can only come in time to undo its own.
    assert [o.status for o in result.outcomes][:-1] == ["skipped"] * (len(STAGES) - 1) or sum(
        o.status == "done" for o in result.outcomes
    ) <= 2
    assert pq.read_table(out / "triplets" / "triplets.parquet").equals(
        pq.read_table(finished / "triplets" / "triplets.parquet")
    )
    assert np.array_equal(
        np.load(out / "vectors-base" / "vectors.npy"),
        np.load(finished / "vectors-base" / "vectors.npy"),
    )
    assert not list(out.rglob(".*")), "temporary files were left behind"


def test_a_half_written_folder_is_not_taken_for_complete(
    place: Path, finished: Path, settings: list[str], tmp_path: Path
) -> None:
    import shutil

    out = tmp_path / "run"
    shutil.copytree(finished, out)
    (out / "vectors" / "manifest.json").unlink()
    plan = run_pipeline("quickstart", place / "tables", out, settings, dry=True)
    why = {o.stage: o for o in plan.outcomes}
    assert why["embed"].status == "planned" and "cut off" in why["embed"].why
    assert why["mine"].status == "skipped"


def test_without_codes_the_rest_still_runs(
    place: Path, settings: list[str], tmp_path: Path
) -> None:
    corpus = Corpus.read(place / "tables")
    rows = [
        {"id": i, "title": t, "abstract": a, "citations": c[:3]}
        for i, (t, a), c in zip(corpus.ids, corpus.texts, corpus.citations, strict=True)
    ]
    (tmp_path / "plain.jsonl").write_text("\n".join(json.dumps(r) for r in rows))
    lines: list[str] = []
    result = run_pipeline(
        "quickstart", tmp_path / "plain.jsonl", tmp_path / "run", settings, say=lines.append
    )
    by = {o.stage: o for o in result.outcomes}
    unable = [s for s in STAGES if by[s].status == "unable"]
    assert unable == ["mine", "train", "embed-base", "fit-base", "fit"]
    assert by["mine"].why == "no patent has a code"
    assert {by[s].status for s in STAGES if s not in unable} == {"done"}
    assert "There is no tuned encoder to compare" in result.page


@pytest.mark.parametrize(
    ("n", "unable"),
    [(2, ["mine", "train", "embed-base", "fit-base", "fit", "map"]), (12, ["fit-base", "fit"])],
)
def test_a_run_on_few_patents_ends_with_a_page(
    place: Path, settings: list[str], tmp_path: Path, n: int, unable: list[str]
) -> None:
    codes = ["F04D1/00", "B23D45/00", "A01D34/00"]
    rows = [
        {"id": i, "title": f"pump {i}", "abstract": f"part {chr(97 + i)}", "codes": codes[i % 3]}
        for i in range(n)
    ]
    (tmp_path / "few.jsonl").write_text("\n".join(json.dumps(r) for r in rows))
    out, lines = tmp_path / "run", list[str]()
    result = run_pipeline(
        "quickstart", tmp_path / "few.jsonl", out, [*settings, "split.dev=0"], say=lines.append
    )
    assert [o.stage for o in result.outcomes if o.status == "unable"] == unable
    assert "no patent of the dev split has a code" in result.outcomes[STAGES.index("fit")].why
    assert [line for line in lines if "cannot run" in line]
    assert result.page and (out / "index").is_dir() and not (out / "classifier").exists()
    assert (out / "reports" / "map" / "map.png").is_file() == (n > 2)


@pytest.mark.parametrize("n", [20, 300])
def test_a_static_encoder_serves_a_run(
    place: Path, settings: list[str], tmp_path: Path, n: int
) -> None:
    """It is distilled and then tuned; too few texts leave the model as it is in its place."""
    static = n > 100
    result = run_pipeline(
        "patentcl-static", place / "tables", tmp_path / "run", [*settings, f"data.limit={n}"]
    )
    run, status = open_run(tmp_path / "run"), {o.stage: o.status for o in result.outcomes}
    made = ("done",) if static else ("unable",)
    assert (status["distill"], status["train"], status["embed-base"]) == 3 * made
    assert (status["embed"], status["index"], status["map"]) == 3 * ("done",)
    about = read_manifest(run.folder / "vectors") or {}
    encoder = run.folder / "encoder" if static else place / "model"
    assert about["inputs"]["encoder"]["path"] == str(encoder)
    assert about["max_length"] == (None if static else 128)
    text = run.corpus.texts[3]
    assert run.similar([text], k=1)["id"].tolist() == [run.corpus.ids[3]]
    np.testing.assert_allclose(run.encoder.encode([text])[0], run.vectors[3], atol=2e-3)


def test_without_codes_and_citations(place: Path, settings: list[str], tmp_path: Path) -> None:
    corpus = Corpus.read(place / "tables")
    rows = [
        {"id": i, "title": t, "abstract": a}
        for i, (t, a) in zip(corpus.ids, corpus.texts, strict=True)
    ]
    (tmp_path / "plain.jsonl").write_text("\n".join(json.dumps(r) for r in rows))
    result = run_pipeline("quickstart", tmp_path / "plain.jsonl", tmp_path / "run", settings)
    by = {o.stage: o for o in result.outcomes}
    assert by["evaluate"].status == "unable" and "none cites another" in by["evaluate"].why
    assert by["index"].status == by["map"].status == "done"


def test_without_citations_pairs_come_from_classes(
    place: Path, settings: list[str], tmp_path: Path
) -> None:
    corpus = Corpus.read(place / "tables")
    rows = [
        {"id": i, "title": t, "abstract": a, "codes": c}
        for i, (t, a), c in zip(corpus.ids, corpus.texts, corpus.codes, strict=True)
    ]
    (tmp_path / "plain.jsonl").write_text("\n".join(json.dumps(r) for r in rows))
    result = run_pipeline("quickstart", tmp_path / "plain.jsonl", tmp_path / "run", settings)
    assert {o.status for o in result.outcomes} == {"done"}
    counts = (read_manifest(tmp_path / "run" / "triplets") or {})["counts"]
    assert counts["pairs by cites"] == 0 and counts["triplets"] == 48


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.epoch=2"], r"unknown setting 'train.epoch'.*Did you mean epochs"),
        (["mapp.method=pca"], r"unknown setting 'mapp'.*Did you mean map"),
        (["encoder.model=/no/such/folder"], r"no such encoder folder: got /no/such/folder"),
    ],
)
def test_bad_settings_stop_before_anything_is_written(
    place: Path, tmp_path: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(PatentclError, match=message):
        run_pipeline("quickstart", place / "tables", tmp_path / "run", overrides)
    assert not (tmp_path / "run").exists()


def test_a_model_out_of_reach_is_one_clear_line(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        ConfigError, match=r"AI-Growth-Lab/PatentSBERTa.*--set encoder.model=FOLDER"
    ):
        run_pipeline("patentcl", place / "tables", tmp_path / "run")


def test_patentcl_recipe_runs_on_another_model(place: Path, tmp_path: Path) -> None:
    """The full design differs from the quickstart in names and sizes only."""
    result = run_pipeline(
        "patentcl",
        place / "tables",
        tmp_path / "run",
        [
            f"encoder.model={place / 'model'}",
            "mining.triplets=48",
            "training.epochs=1",
            "classifier.epochs=2",
            "map.method=pca",
        ],
    )
    assert {o.status for o in result.outcomes} == {"done"}
    # Base and tuned encoder side by side on one map.
    assert (tmp_path / "run" / "reports" / "map" / "compare.png").stat().st_size > 10_000


def test_no_data_left_is_an_error_not_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no patents found in the folder"):
        run_pipeline("quickstart", tmp_path / "empty", tmp_path / "run")


def test_the_encoder_of_a_text_classifier_serves_every_use(place: Path, tmp_path: Path) -> None:
    """After a recipe that learns from texts, `similar` and `map` use the encoder that it tuned."""
    settings = [f"encoder.model={place / 'model'}", "encoder.max_length=32", "fit.epochs=1"]
    result = run_pipeline(
        "sheffield", place / "tables", tmp_path / "run", [*settings, "map.method=pca"]
    )
    assert [o.stage for o in result.outcomes] == [
        "load",
        "fit",
        "encoder",
        "embed",
        "index",
        "evaluate",
        "map",
    ]
    assert {o.status for o in result.outcomes} == {"done"}
    run = open_run(tmp_path / "run")
    title, abstract = run.corpus.texts[0]
    found = run.similar([(title, abstract)], k=1)
    assert found["similarity"][0] == pytest.approx(1.0, abs=2e-3)
    prints = {
        (read_manifest(run.where(p)) or {})["encoder"] for p in ("encoder", "vectors", "index")
    }
    assert len(prints) == 1 and prints != {open_run_base(place)}
    assert run.similar(ids=run.corpus.ids[:1], k=3)["rank"].tolist() == [1, 2, 3]
    assert (tmp_path / "run" / "reports" / "map" / "map.png").is_file()
    assert "Retrieval" in result.page


def open_run_base(place: Path) -> str:
    """The fingerprint of the model before it was tuned."""
    from patentcl import PatentEncoder

    return PatentEncoder.load(place / "model", 32).fingerprint


def test_a_recipe_without_an_encoder_says_so(place: Path, tmp_path: Path) -> None:
    result = run_pipeline("twistbytes", place / "tables", tmp_path / "run")
    by = {o.stage: o for o in result.outcomes}
    for stage in ("encoder", "embed", "index", "map"):
        assert by[stage].status == "unable" and "has no encoder" in by[stage].why
    assert by["fit"].status == by["evaluate"].status == "done"
    with pytest.raises(DataError, match="no index"):
        open_run(tmp_path / "run").similar("a pump")


def test_without_tuning_nothing_is_mined(place: Path, settings: list[str], tmp_path: Path) -> None:
    result = run_pipeline("pretrained", place / "tables", tmp_path / "run", settings)
    assert [o.stage for o in result.outcomes] == [
        "load",
        "embed",
        "fit",
        "index",
        "evaluate",
        "map",
    ]
    assert {o.status for o in result.outcomes} == {"done"}
    assert "There is no tuned encoder to compare" in result.page
