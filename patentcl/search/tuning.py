"""The search effort of an approximate index: the least that finds enough of the true nearest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from patentcl.core.arrays import nearest, unit_rows
from patentcl.core.errors import ConfigError
from patentcl.search.nearest import TIE, Nearest
from patentcl.search.specification import IndexSpec

K = 10
SAMPLE = 256
"""Questions of each of two kinds, at most."""


def held_out(rows: int) -> int:
    """How many of the last vectors are questions before they are added."""
    return min(SAMPLE, rows // 10)


def tuned(found: Nearest, unit: np.ndarray) -> tuple[IndexSpec, float]:
    """The specification with the search effort that reaches its target, and the recall@10 then.

    `unit` (n, d) holds the vectors of the index, and after them those that are still to be added.
    The nearest to these are compared with those of exact search, and the nearest to the middle of
    two of the index: a graph finds its own vectors more easily than what it has not seen. Of these
    alone and of all, the lower recall counts. Near-copies stand for each other. Efforts are doubled
    until the target is reached; one that the specification gives is kept. Of packed vectors, where
    that helps no more, twice the candidates are compared exactly.

    Raises
    ------
    ConfigError
        If the target is not reached.
    """
    n = len(found)
    spec, k, inside = found.spec, min(K, n), unit[:n]
    if found.exhaustive:
        return spec, 1.0
    some = np.random.default_rng(0).choice(n, min(SAMPLE, n), replace=False)
    middle = unit_rows(inside[some] + inside[np.roll(some, 1)], zeros=True)
    asked = np.concatenate([unit[n:][-SAMPLE:], middle])
    last = nearest(asked, inside, k)[1][:, -1:] - TIE
    value, more = 0.0, 1 < spec.rerank <= 80
    for search in _efforts(found):
        for name, effort in search.items():
            found.set_effort(name, effort)
        position = found.search(asked, k)[1].reshape(len(asked), k)
        right = (np.einsum("qd,qkd->qk", asked, unit[position]) >= last).mean(axis=1)
        unseen = right[: len(asked) - len(middle)]
        before, value = value, float(min(part.mean() for part in (right, unseen) if len(part)))
        spec = spec.model_copy(update={"search": search})
        if spec.target is None or value >= spec.target:
            return spec, value
        if more and before and value < before + 0.001:  # what is lost, the packed vectors lose
            break
    if more:
        found.spec = found.spec.model_copy(update={"rerank": 2 * found.spec.rerank})
        return tuned(found, unit)
    raise ConfigError(
        f"the index {spec.name!r} misses its target",
        got=f"recall@{K} {value:.3f} with {effort_text(spec) or 'this search'}",
        wanted=f"recall@{K} {spec.target}",
        fix="Use flat, or give it a lower target",
    )


def effort_text(spec: IndexSpec) -> str:
    """The search effort in words, such as ``efSearch 32``."""
    return ", ".join(f"{name} {value}" for name, value in spec.search.items())


def _efforts(found: Nearest) -> Iterator[dict[Any, int]]:
    """What `search` of a specification may be, the least effort first."""
    if found.spec.search or found.spec.target is None or found.family == "Flat":
        yield found.spec.search
        return
    name: Literal["efSearch", "nprobe"] = "efSearch" if found.family == "HNSW" else "nprobe"
    effort, most = (16, 1024) if name == "efSearch" else (1, found.index.nlist)
    while effort < 2 * most:
        yield {name: min(effort, most)}
        effort *= 2
