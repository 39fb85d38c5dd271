"""Fine-tuning that is killed, out of time, diverging, or resumed in another way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import write_tiny_encoder

from patentcl.core.errors import DataError
from patentcl.data.corpus import Corpus
from patentcl.encoders import trainer as loop
from patentcl.encoders import training as module
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.training import train_encoder

WORDS = [*"abcdefghijkl"]
SETTINGS = {"epochs": 3.0, "batch_size": 4, "precision": "fp32", "learning_rate": 1e-3}
KILLED = """
import os, signal, sys
import pandas as pd
from patentcl.data.corpus import Corpus
from patentcl.encoders import trainer
from patentcl.encoders.training import train_encoder
trainer.PAUSE = 0.0
place = sys.argv[1]

def stop(done, total):
    if done == 8:
        os.kill(os.getpid(), signal.SIGKILL)

train_encoder(f"{place}/base", pd.read_parquet(f"{place}/triplets.parquet"),
              Corpus(f"{place}/corpus.parquet"), %r, 5, stop, f"{place}/unfinished")
"""


RESUMED = """
import json, sys
import pandas as pd
from patentcl.data.corpus import Corpus
from patentcl.encoders.training import train_encoder
place, seen = sys.argv[1], []
given = (f"{place}/base", pd.read_parquet(f"{place}/triplets.parquet"),
         Corpus(f"{place}/corpus.parquet"))
resumed = train_encoder(*given, %r, 5, lambda done, total: seen.append(done), f"{place}/unfinished")
whole = train_encoder(*given, %r, 5)
print(json.dumps([seen, *([list(r.losses), r.encoder.fingerprint] for r in (resumed, whole))]))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random encoder, a corpus and triplets."""
    folder = tmp_path_factory.mktemp("resume")
    write_tiny_encoder(folder / "base", WORDS)
    rng = np.random.default_rng(0)
    records = [
        {"patent_id": str(i), "title": WORDS[i % 12], "abstract": " ".join(rng.choice(WORDS, 12))}
        for i in range(24)
    ]
    (folder / "corpus.parquet").write_bytes(Corpus.from_records(records).path.read_bytes())
    rows = [rng.choice(24, 3, replace=False).astype(str) for _ in range(20)]
    table = pd.DataFrame(rows, columns=["anchor_id", "positive_id", "negative_id"])
    table.to_parquet(folder / "triplets.parquet")
    return folder


def tune(place: Path, settings: dict, seed: int = 5, **given: object):
    triplets = pd.read_parquet(place / "triplets.parquet")
    corpus = Corpus(place / "corpus.parquet")
    return train_encoder(place / "base", triplets, corpus, settings, seed, **given)


def test_a_killed_training_ends_as_one_without_interruption(place: Path) -> None:
    script = KILLED % SETTINGS
    done = subprocess.run([sys.executable, "-c", script, str(place)], check=False)
    assert done.returncode == -signal.SIGKILL
    kept = place / "unfinished"
    steps = sorted(int(p.parent.name.split("-")[1]) for p in kept.glob("*/whole"))
    assert steps == [6, 7]  # two are kept; that of step 8 was not reached
    (kept / "checkpoint-9").mkdir()  # cut off while it was written
    # In a new process as the first: PyTorch sums in another order once its threads were changed.
    again = [sys.executable, "-c", RESUMED % (SETTINGS, SETTINGS), str(place)]
    done = subprocess.run(again, check=True, capture_output=True, text=True)
    seen, resumed, whole = json.loads(done.stdout)
    assert seen == list(range(8, 16)) and not kept.exists()
    assert resumed == whole and len(whole[0]) == 15


class Stop(Exception):
    """Ends a training early."""


def begin(place: Path, settings: dict, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train for two steps and keep a checkpoint."""

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise Stop

    monkeypatch.setattr(loop, "PAUSE", 0.0)
    with pytest.raises(Stop):
        tune(place, settings, checkpoint=kept, progress=stop)
    assert (kept / "checkpoint-1" / "whole").is_file()


def test_other_settings_are_refused_and_the_difference_is_shown(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "unfinished"
    begin(place, SETTINGS, kept, monkeypatch)
    with pytest.raises(DataError) as error:
        tune(place, {**SETTINGS, "margin": 0.5}, seed=6, checkpoint=kept)
    assert "got margin 0.5 (was 0.2), seed 6 (was 5)" in str(error.value)
    assert str(kept) in str(error.value) and "remove the folder" in str(error.value)
    other = PatentEncoder.load(place / "base", max_length=32)
    triplets = pd.read_parquet(place / "triplets.parquet")
    with pytest.raises(DataError, match="got base model"):
        train_encoder(
            other, triplets, Corpus(place / "corpus.parquet"), SETTINGS, 5, checkpoint=kept
        )
    (kept / "about.json").write_text("{")
    with pytest.raises(DataError, match="notes on an unfinished training cannot be read"):
        tune(place, SETTINGS, checkpoint=kept)


def test_a_loss_that_is_no_number_stops_and_the_checkpoint_stays(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PAUSE", 0.0)
    kept = tmp_path / "unfinished"
    with pytest.raises(DataError) as error:
        tune(place, {**SETTINGS, "learning_rate": 1e30}, checkpoint=kept)
    message = str(error.value)
    assert "training has diverged (in step 3, objective triplets, patents " in message
    assert "got loss nan. Lower train.learning_rate; the last checkpoint" in message
    first = {row[0] for row in pd.read_parquet(place / "triplets.parquet").to_numpy()}
    named = message.partition("patents ")[2].partition(" ...")[0].split(", ")
    assert len(named) == 5 and named[0] in first
    assert (kept / "checkpoint-2" / "whole").is_file()
    with pytest.raises(DataError, match=r"got learning_rate 0\.001 \(was 1e\+30\)"):
        tune(place, SETTINGS, checkpoint=kept)


def test_minutes_decide_the_steps_and_the_speed_is_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loop, "time_of_a_step", lambda *given: 2.0)
    hour = {**SETTINGS, "epochs": 100.0}
    assert (
        len(tune(place, {**hour, "minutes": 0.41}).losses) == 12
    )  # of 2 s in 24.6 s, less a start
    # 4 triplets are 12 texts in 2 s.
    assert caplog.messages == ["training reads 6 texts/s: 12 steps, about 24 s"]
    caplog.clear()
    assert len(tune(place, {**SETTINGS, "minutes": 60.0}).losses) == 15
    assert len(tune(place, {**SETTINGS, "minutes": 0.001}).losses) == 1


def test_the_speed_is_that_of_real_steps_and_leaves_no_trace(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tune(place, SETTINGS)
    monkeypatch.setattr(module, "_MANY", 1)
    measured = tune(place, SETTINGS)
    assert measured.losses == plain.losses
    assert measured.encoder.fingerprint == plain.encoder.fingerprint
