"""The weight of hybrid search goes to the side that finds what is cited."""

from __future__ import annotations

import numpy as np

from patentcl import Corpus, PatentIndex
from patentcl.evaluation.retrieval import WEIGHTS, hybrid_weight


def made(paired_words: bool) -> tuple[Corpus, PatentIndex]:
    """Pairs that cite each other, alike in their words or else in their vectors."""
    rng = np.random.default_rng(0)
    n, d = 120, 16
    vectors, words = rng.normal(size=(n, d)), [rng.integers(0, 40, 8) for _ in range(n)]
    for i in range(0, n, 2):
        if paired_words:
            words[i + 1] = words[i]
        else:
            vectors[i + 1] = vectors[i] + 0.3 * rng.normal(size=d)
    corpus = Corpus.from_records(
        [
            {
                "patent_id": f"P{i:03d}",
                "title": " ".join(f"w{w}" for w in words[i]),
                "citations": [f"P{i ^ 1:03d}"],
                "split": "test" if i >= 100 else "train",
            }
            for i in range(n)
        ]
    )
    texts = [" ".join(pair) for pair in corpus.texts]
    return corpus, PatentIndex.build(vectors, corpus.ids, texts=texts)


def test_the_better_side_gets_the_weight() -> None:
    by_words, by_vectors = hybrid_weight(*made(True)), hybrid_weight(*made(False))
    assert by_words is not None and by_vectors is not None
    assert by_words == (WEIGHTS[0], 100)
    assert by_vectors[0] > WEIGHTS[0] and by_vectors[1] == 100


def test_too_few_links_or_no_words() -> None:
    corpus, index = made(True)
    index.words = None
    assert hybrid_weight(corpus, index) is None
    few = corpus.select(np.arange(20))
    bare = PatentIndex.build(np.eye(20), few.ids, texts=["a word"] * 20)
    assert hybrid_weight(few, bare) is None
