"""Says when a text is unlike those of the training: nonsense, or in another language."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import binom

from patentcl.core import artifacts
from patentcl.core.files import write_whole
from patentcl.core.reading import read_record, reading

FILE = "known_words.json"
_ONE_IN = 10_000  # a word of fewer texts than one in so many may be a foreign or misspelt one
_RARE = 1e-3  # how seldom a text of the training's kind may have so few known words
_SHARE = 2 / 3  # of the usual share of known words: less of them, and a text is reported
# Chinese, Japanese and Korean are written without spaces: each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\d_]+")


@dataclass(frozen=True)
class KnownWords:
    """The words of the training texts, and how many of a text's words are among them.

    Attributes
    ----------
    words : frozenset of str
    usual, low : float
        Share of known words in the held-out texts: the median, and the lowest of 95 %.
    """

    words: frozenset[str]
    usual: float
    low: float

    @classmethod
    def of(cls, train: Iterable[str], held_out: Iterable[str]) -> KnownWords:
        """Take the words of the training texts, and the shares of texts that were held out."""
        texts = [set(_words(text)) for text in train]
        counts = Counter(word for words in texts for word in words)
        known = frozenset(w for w, n in counts.items() if n * _ONE_IN >= len(texts))
        shares = [
            sum(w in known for w in words) / len(words) for words in map(_words, held_out) if words
        ]
        usual, low = np.quantile(shares, [0.5, 0.05]) if shares else (0.0, 0.0)
        return cls(known, float(usual), float(low))

    def complaint(self, text: str) -> str | None:
        """Why a text is outside of what was trained on, or None where it is not.

        About 1 in 7,000 real abstracts is reported: ``benchmarks/familiarity.py``.
        """
        words = _words(text)
        found = sum(word in self.words for word in words)
        none = found == 0 and len(words) > 2
        few = found < _SHARE * self.usual * len(words)
        if none or (few and binom.cdf(found, len(words), self.low) < _RARE):
            return (
                f"the training texts have {found or 'none'} of its {len(words):,} words: "
                "nonsense, or another language?"
            )
        return None

    def save(self, folder: Path) -> None:
        """Write ``known_words.json`` into the folder of a classifier."""
        record = {"usual": self.usual, "low": self.low, "words": sorted(self.words)}
        write_whole(folder / FILE, json.dumps(record, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> KnownWords | None:
        """Read what `save` wrote; None where a classifier has none (older, or saved alone)."""
        return artifacts.opened(folder, partial(cls._load, folder / FILE))

    @classmethod
    def _load(cls, path: Path) -> KnownWords | None:
        if not path.is_file():
            return None
        what = "the known words cannot be read"
        record = read_record(path, what)
        with reading(path, what):
            usual, low = float(record["usual"]), float(record["low"])
            if not (0 <= usual <= 1 and 0 <= low <= 1):
                raise ValueError(f"shares {usual} and {low}")
            return cls(frozenset(map(str, record["words"])), usual, low)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
