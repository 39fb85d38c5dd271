"""Texts unlike those of the training: shares by hand, and false alarms on real abstracts."""

from __future__ import annotations

import pandas as pd
import pytest

from patentcl.classification.familiarity import FILE, KnownWords
from patentcl.core.errors import DataError

FOREIGN = (
    "Die Erfindung betrifft ein Verfahren zum Schneiden von Gras mit einem rotierenden Messer.",
    "Une batterie avec une plaque de refroidissement qui se trouve entre les cellules.",
    "Una batería con una placa de refrigeración dispuesta entre las celdas.",
    "Una batteria con una piastra di raffreddamento disposta tra le celle.",
    "一种电池组，包括冷却板和多个电池单元",
    "asdf qwer zxcv",
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor",
)


def test_shares_by_hand() -> None:
    train = ["A pump with a rotor", "a valve"]
    known = KnownWords.of(train, ["a pump", "A strange valve pump", "rotor rotor"])
    assert known.words == {"a", "pump", "with", "rotor", "valve"}
    assert known.usual == 1
    assert known.low == pytest.approx(0.775)  # of shares .75, 1 and 1, a tenth above the lowest
    assert known.complaint("a pump") is None
    assert known.complaint("") is None
    assert known.complaint("pumpe ventil") is None  # two words say too little
    assert known.complaint("Ein Ventil 12 34 mit Rotoren") == (
        "the training texts have none of its 4 words: nonsense, or another language?"
    )
    assert known.complaint("with eine Pumpe und ein Ventil daneben") == (
        "the training texts have 1 of its 7 words: nonsense, or another language?"
    )


def test_characters_of_scripts_without_spaces_count_each() -> None:
    known = KnownWords.of(["电池 pump"], ["电池"])
    assert known.words == {"电", "池", "pump"}
    assert known.complaint("电池组") is None
    assert known.complaint("电池组冷却板") is not None


def test_saved_and_loaded(tmp_path) -> None:
    known = KnownWords.of(["a größe", "电"], ["a"])
    known.save(tmp_path)
    assert KnownWords.load(tmp_path) == known
    assert KnownWords.load(tmp_path / "none") is None
    (tmp_path / FILE).write_text("[]")
    with pytest.raises(DataError, match="known words"):
        KnownWords.load(tmp_path)


@pytest.mark.parametrize("size", [300, 12_408])
def test_real_abstracts_are_seldom_reported(real_data, size) -> None:
    train, dev = (
        pd.read_parquet(real_data / f"classification/{name}.parquet", columns=["title", "abstract"])
        for name in ("train", "dev")
    )
    train = train.sample(size, random_state=0)
    texts, held_out = (
        (t.title.fillna("") + " " + t.abstract.fillna("")).tolist() for t in (train, dev)
    )
    known = KnownWords.of(texts, held_out[: max(size // 10, 30)])
    others = held_out[900:]
    assert sum(known.complaint(text) is not None for text in others) <= 4
    assert sum(known.complaint(text[:60]) is not None for text in others) <= 4
    assert [text for text in FOREIGN if known.complaint(text) is None] == []
