"""600 vectors in six groups, and what is known of the patents they stand for."""

from __future__ import annotations

import numpy as np
import pandas as pd

TOPICS = ["mower", "battery", "antenna", "protein", "valve", "camera"]
SYMBOLS = ["A01D34/68", "H01M10/44", "H01Q1/00", "C07K14/00", "F16K1/00", "H04N23/00"]
TITLES = {
    "A01D": "HARVESTING; MOWING",
    "H01M": "BATTERIES, FOR THE CONVERSION OF ENERGY",
    "H01Q": "ANTENNAS, i.e. RADIO AERIALS",
    "C07K": "PEPTIDES (beta-lactams C07D)",
    "F16K": "VALVES; TAPS; COCKS",
    "H04N": "PICTORIAL COMMUNICATION, e.g. TELEVISION",
}


def topics(n: int = 600, d: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors in six groups, and the number of each one's group."""
    rng = np.random.default_rng(seed)
    centres = 3 * np.eye(6, d)
    group = rng.integers(0, 6, n)
    return (centres[group] + 0.35 * rng.normal(size=(n, d))).astype(np.float32), group


VECTORS, GROUP = topics()
META = pd.DataFrame(
    {
        "id": [f"US{i}" for i in range(600)],
        "title": [f"{TOPICS[g].title()} device <b>& {i}</b>" for i, g in enumerate(GROUP)],
        "date": ["2001-02-03" if i % 5 else None for i in range(600)],
        "codes": [[SYMBOLS[g], "B60K1/00"] if i % 3 else [] for i, g in enumerate(GROUP)],
    }
)


def purity(points: np.ndarray, group: np.ndarray, k: int = 10) -> float:
    """Share of each point's k nearest on the map that are of its group."""
    gap = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gap, np.inf)
    return float(np.mean(group[np.argsort(gap, axis=1)[:, :k]] == group[:, None]))
