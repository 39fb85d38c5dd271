"""Finds patents whose texts are nearly the same, as those of continuations are.

MinHash (Broder 1997) over pairs of neighbouring words: equal slots of two signatures estimate the
Jaccard similarity of two texts. Bands of a signature bring likely pairs together, so the cost is
linear in the number of texts. Everything is vectorised; no text is handled one by one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse
from scipy.sparse.csgraph import connected_components

SIMILARITY = 0.6
"""Share of word pairs in common from which two texts are near-copies of each other."""

_BANDS, _ROWS = 16, 4  # texts alike by 0.6 meet with probability .89, by 0.8 with .9998
_SLOTS = _BANDS * _ROWS
_CHUNK = 20_000


def near_copies(titles: pa.ChunkedArray, abstracts: pa.ChunkedArray) -> np.ndarray:
    """Number texts so that near-copies, and near-copies of those, have the same number.

    Case, punctuation, spaces and line ends do not count. A patent without an abstract is its title;
    one without any word stands alone.

    Parameters
    ----------
    titles, abstracts : pyarrow.ChunkedArray of string, shape (n,)

    Returns
    -------
    ndarray of int64, shape (n,)
        Numbers from 0, in the order in which they first appear.

    Examples
    --------
    >>> import pyarrow as pa
    >>> none = pa.chunked_array([["", "", ""]])
    >>> near_copies(pa.chunked_array([["Lawn mower", "Pump", "LAWN-MOWER"]]), none).tolist()
    [0, 1, 0]
    """
    n = len(titles)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    signatures = np.concatenate(
        [
            _signatures(titles.slice(i, _CHUNK), abstracts.slice(i, _CHUNK))
            for i in range(0, n, _CHUNK)
        ]
    )
    has_words = np.flatnonzero(signatures[:, 0] != np.iinfo(np.uint32).max)
    left, right = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for band in range(_BANDS):
        key = np.ascontiguousarray(signatures[has_words, band * _ROWS : (band + 1) * _ROWS])
        bucket = pd.factorize(_mixed(key))[0]
        order = np.argsort(bucket, kind="stable")
        rows, bucket = has_words[order], bucket[order]
        # Neighbours in a bucket, and everyone with the bucket's first: enough to tie a family
        # together without comparing all pairs of a large bucket.
        same = np.flatnonzero(bucket[1:] == bucket[:-1])
        first = rows[np.searchsorted(bucket, bucket[same + 1])]
        left += [rows[same], first]
        right += [rows[same + 1], rows[same + 1]]
    a, b = np.concatenate(left), np.concatenate(right)
    alike = np.zeros(len(a), dtype=bool)
    for i in range(0, len(a), 1 << 16):
        part = slice(i, i + (1 << 16))
        alike[part] = (signatures[a[part]] == signatures[b[part]]).mean(axis=1) >= SIMILARITY
    pairs = sparse.coo_matrix(
        (np.ones(int(alike.sum()), dtype=bool), (a[alike], b[alike])), shape=(n, n)
    )
    return pd.factorize(connected_components(pairs, directed=False)[1])[0].astype(np.int64)


def _signatures(titles: pa.ChunkedArray, abstracts: pa.ChunkedArray) -> np.ndarray:
    """MinHash signatures: uint32 (n, slots); the largest number in every slot without words."""
    titles, abstracts = pc.fill_null(titles, ""), pc.fill_null(abstracts, "")
    text = pc.if_else(pc.equal(pc.utf8_length(abstracts), 0), titles, abstracts)
    text = pc.utf8_trim_whitespace(
        pc.replace_substring_regex(pc.utf8_lower(text), r"[^\p{L}\p{N}]+", " ")
    )
    lists = pc.split_pattern(text, " ").combine_chunks()
    words = pc.dictionary_encode(lists.flatten())
    starts = lists.offsets.to_numpy() - lists.offsets[0].as_py()
    if len(starts) < 2 or not len(words):
        return np.full((len(lists), _SLOTS), np.iinfo(np.uint32).max, dtype=np.uint32)
    spelled = words.dictionary.to_numpy(zero_copy_only=False)
    # A fixed hash of the spelling, so that equal words get equal numbers in every chunk and run.
    word = pd.util.hash_array(spelled, categorize=False)[words.indices.to_numpy()]
    empty = (spelled == "")[words.indices.to_numpy()]
    with np.errstate(over="ignore"):
        following = np.append(word[1:], np.uint64(0))
        following[starts[1:] - 1] = 0  # the last word of a text is followed by nothing
        pair = word * np.uint64(0x9E3779B97F4A7C15) ^ following
        draws = np.random.default_rng(20).integers(1, 2**63, size=(_SLOTS, 2), dtype=np.uint64)
        out = np.empty((len(lists), _SLOTS), dtype=np.uint32)
        for slot, (factor, shift) in enumerate(draws):
            # multiply-shift hashing: the upper half of an odd multiple
            hashed = ((pair * (factor | np.uint64(1)) + shift) >> np.uint64(32)).astype(np.uint32)
            hashed[empty] = np.iinfo(np.uint32).max
            out[:, slot] = np.minimum.reduceat(hashed, starts[:-1])
    return out


def _mixed(key: np.ndarray) -> np.ndarray:
    """One uint64 of each row of slots."""
    mixed = np.zeros(len(key), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in key.T:
            mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
    return mixed
