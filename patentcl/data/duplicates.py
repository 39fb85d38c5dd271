"""Groups of patents that are one invention: near-copies of a text, and families.

Near-copies are found with MinHash (Broder 1997) over pairs of neighbouring words, in linear time:
equal slots of two signatures estimate the Jaccard similarity of two texts, and bands of a signature
bring likely pairs together. A family is a connected component of patents and what they continue.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from patentcl.core.reading import read_table

FAMILIES = "family.parquet"
"""Beside ``corpus.parquet`` where the source names relatives: patent_id, family."""
SIMILARITY = 0.6
"""Share of word pairs in common from which two texts are near-copies of each other."""

_BANDS, _ROWS = 16, 4  # texts alike by 0.6 meet with probability .89, by 0.8 with .9998
_SLOTS = _BANDS * _ROWS
_CHUNK = 20_000
_NO_WORDS = np.iinfo(np.uint32).max


def duplicate_groups(
    titles: pa.ChunkedArray, abstracts: pa.ChunkedArray, families: np.ndarray
) -> np.ndarray:
    """Number patents so that near-copies of a text and patents of a family have the same number.

    `families` is int (n,), equal within a family and -1 for none. Returns int64 (n,): numbers from
    0, in the order in which they first appear.
    """
    return united(near_copies(titles, abstracts), families)


def near_copies(titles: pa.ChunkedArray, abstracts: pa.ChunkedArray) -> np.ndarray:
    """Number texts so that near-copies, and near-copies of those, have the same number: int64 (n,).

    Case, punctuation, spaces and line ends do not count. A patent without an abstract is its title;
    one without any word stands alone. Numbers are in the order in which they first appear.
    """
    n = len(titles)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    parts = ((titles.slice(i, _CHUNK), abstracts.slice(i, _CHUNK)) for i in range(0, n, _CHUNK))
    signatures = np.concatenate([_signatures(*part) for part in parts])
    has_words = np.flatnonzero(signatures[:, 0] != _NO_WORDS)
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
    return pd.factorize(components(a[alike], b[alike], n))[0].astype(np.int64)


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
        return np.full((len(lists), _SLOTS), _NO_WORDS, dtype=np.uint32)
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
            hashed[empty] = _NO_WORDS
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


def components(left: np.ndarray, right: np.ndarray, n: int) -> np.ndarray:
    """Connected components of n things: int64 (n,), the least of each component stands for it.

    `left` and `right` are int (m,), pairs that are linked.
    """
    links = sparse.coo_matrix((np.ones(len(left), dtype=bool), (left, right)), shape=(n, n))
    of = connected_components(links, directed=False)[1]
    least = np.full(of.max() + 1 if n else 0, n, dtype=np.int64)
    np.minimum.at(least, of, np.arange(n))
    return least[of]


def united(keys: np.ndarray, families: np.ndarray) -> np.ndarray:
    """Join groups of near-copies that have a family in common, and families that share a text.

    `keys` is int (n,), equal for near-copies; `families` as in `duplicate_groups`, and the result.
    """
    groups = pd.factorize(keys)[0].astype(np.int64)
    inside = families >= 0
    if inside.any():
        n = int(groups.max()) + 1
        of = n + pd.factorize(families[inside])[0]
        groups = components(groups[inside], of, int(of.max()) + 1)[groups]
    return pd.factorize(groups)[0].astype(np.int64)


def write_families(path: Path, relatives: pa.Table, ids: pa.ChunkedArray) -> int:
    """Write the families of two patents and more; returns how many patents are in one.

    `relatives` has patent_id and document: a patent, and what it continues, divides or reissues,
    which may be a patent, or an application that others name too. Only patents among `ids` are
    written.
    """
    pairs = relatives.to_pandas()
    nodes, names = pd.factorize(pd.concat([pairs["patent_id"], pairs["document"]]))
    family = components(nodes[: len(pairs)], nodes[len(pairs) :], len(names))
    table = pd.DataFrame({"patent_id": names, "family": family})
    table = table[table["patent_id"].isin(ids.to_pandas())]
    table = table[table.groupby("family")["patent_id"].transform("size") > 1]
    pq.write_table(pa.Table.from_pandas(table.sort_values("patent_id"), preserve_index=False), path)
    return len(table)


def read_families(corpus: Path, ids: pa.ChunkedArray) -> np.ndarray:
    """Families of patents, from the file beside a ``corpus.parquet``: int64 (n,), -1 for none."""
    path = corpus.with_name(FAMILIES)
    if not path.is_file():
        return np.full(len(ids), -1, dtype=np.int64)
    table = read_table(path, ["patent_id", "family"]).to_pandas()
    found = pd.Series(table["family"].to_numpy(), index=table["patent_id"])
    return found.reindex(ids.to_pandas()).fillna(-1).to_numpy().astype(np.int64)
