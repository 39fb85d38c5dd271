"""Labels from networks for each node, without computing what no label can come of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from patentcl.classification.decisions import Rules, choose, needed
from patentcl.classification.heads.nodes import TmmHead
from patentcl.classification.training import CHUNK, Model, predict_blocks


def label_blocks(
    model: Model,
    vectors: np.ndarray,
    device: torch.device,
    thresholds: np.ndarray,
    rules: Rules,
    prune: float,
) -> Iterator[np.ndarray]:
    """Yield the labels that `choose` makes of all probabilities, some patents at a time.

    A node is computed where one below it can reach its threshold, or be the one label that a
    patent is given at least.

    Parameters
    ----------
    model : Model
        Of a `TmmHead` or `ThmmHead`.
    vectors : ndarray of float, shape (n_patents, dim)
    device : torch.device
    thresholds : ndarray of float32, shape (n_nodes,)
    rules : Rules
    prune : float
        Below nodes less likely than this nothing is computed in any case.

    Yields
    ------
    ndarray of bool, shape (rows, n_nodes)
    """
    head = model.head
    assert isinstance(head, TmmHead)
    tree = head.tree
    below = needed(thresholds, tree, rules.hard)
    least = np.maximum(np.minimum(below, thresholds), prune)
    best = prune if rules.at_least > 0 else np.inf
    upper = (tree.depth < rules.at_least) & np.isfinite(below)
    levels = [tree.at_level(d) for d in range(max(rules.at_least, 0))]
    model.eval()
    for start in range(0, len(vectors), CHUNK):
        block = np.array(vectors[start : start + CHUNK], dtype=np.float32)
        with torch.inference_mode():
            x = model.scaled(torch.from_numpy(block).to(device))
            scores = head.predict(x, torch.from_numpy(least), best).cpu().numpy()
        chosen = choose(scores, thresholds, tree, rules)
        # Chosen, but nothing below it has been computed: only by the rule of at least one.
        bare = chosen & upper & (scores < least)
        for columns in levels:
            bare[np.arange(len(bare)), columns[scores[:, columns].argmax(axis=1)]] = False
        again = np.flatnonzero(bare.any(axis=1))
        for at, scores in predict_blocks(model, block[again], device, prune):
            chosen[again[at : at + len(scores)]] = choose(scores, thresholds, tree, rules)
        yield chosen
