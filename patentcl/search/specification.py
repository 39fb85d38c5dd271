"""Specifications of search indexes: what to build with FAISS, and how to search it.

They are YAML files. Those in ``indexes/`` come with patentcl; a path names one of your own.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from patentcl.core import resources
from patentcl.core.devices import memory_of_machine
from patentcl.core.errors import ConfigError
from patentcl.core.settings import Positive, Settings, make_settings, read_yaml

AUTO_FLAT_ROWS = 200_000
"""Up to this many vectors ``auto`` is the exact index, if they fit into the memory."""
_FAMILIES = {"efConstruction": "HNSW", "efSearch": "HNSW", "nprobe": "IVF"}
_Text = Annotated[str, StringConstraints(strip_whitespace=True)]


class IndexSpec(Settings):
    """What kind of FAISS index to build and how to search it.

    Examples
    --------
    >>> IndexSpec.read("hnsw").target
    0.98
    """

    name: str
    """Of the file it was read from, without the suffix."""
    factory: Annotated[_Text, Field(min_length=1)]
    """FAISS factory string of the families Flat, SQ, PQ, HNSW and IVF, e.g. ``HNSW32,Flat``.

    ``{lists}`` becomes about four square roots of the number of rows (a power of two, at least 39
    rows to a list), and ``{bytes}`` the dimension over eight, or the next smaller divisor of it.
    """
    description: _Text = ""
    """What it is for."""
    build: dict[Literal["efConstruction"], Positive] = Field(default_factory=dict)
    """``efConstruction`` for HNSW."""
    search: dict[Literal["efSearch", "nprobe"], Positive] = Field(default_factory=dict)
    """``efSearch`` for HNSW, ``nprobe`` for IVF; chosen by the target where it is not given."""
    target: Annotated[float, Field(gt=0, le=1)] | None = None
    """Recall@10 against exact search that it must reach, measured when it has been built."""
    rerank: Positive = 1
    """Candidates for each result, from which exact similarities choose; above 1 the vectors lie
    beside the index and are read from the disk."""
    min_rows: Positive = 1
    """Fewest vectors for which it makes sense."""
    device: Literal["cpu", "gpu"] = "cpu"
    """Where to search."""

    @field_validator("build", "search", mode="before")
    @classmethod
    def _nothing_below(cls, value: Any) -> Any:
        return {} if value is None else value

    @model_validator(mode="after")
    def _suits_the_family(self) -> IndexSpec:
        for key in (*self.build, *self.search):
            if _FAMILIES[key] not in self.factory:
                raise ValueError(f"{key} is for {_FAMILIES[key]} indexes, not {self.factory}")
        return self

    @classmethod
    def read(cls, spec: str | Path) -> IndexSpec:
        """Read a specification by its name in ``indexes/``, or from a YAML file of one's own.

        Raises
        ------
        ConfigError
            If there is none of that name, or the file does not hold a specification.
        """
        path = Path(spec)
        own = isinstance(spec, Path) or path.suffix in (".yaml", ".yml") or len(path.parts) > 1
        if not own:
            path = resources.path("indexes", str(spec))
        elif not path.is_file():
            fix = f"Name a YAML file, or one of {', '.join(spec_names())}"
            raise ConfigError("no such index specification", got=path, fix=fix)
        values = read_yaml(path)
        named = {"name": path.stem, **values} if isinstance(values, dict) else values
        return make_settings(cls, named, path)

    def resolve(self, rows: int, dimension: int) -> str:
        """Fill the factory string in for a number of vectors and their dimension.

        Examples
        --------
        >>> IndexSpec.read("ivf-pq").resolve(100_000, 384)
        'IVF1024,PQ48'
        """
        lists = 2 ** round(math.log2(4 * math.sqrt(rows)))
        while lists > 1 and lists * 39 > rows:  # FAISS wants 39 training vectors for each centre
            lists //= 2
        codes = max(1, dimension // 8)
        while dimension % codes:
            codes -= 1
        return self.factory.replace("{lists}", str(lists)).replace("{bytes}", str(codes))


def choose_spec(rows: int, dimension: int, memory: int | None = None) -> tuple[str, str]:
    """The specification that suits a number of vectors in so many bytes of memory, and why.

    Examples
    --------
    >>> choose_spec(1_000_000, 768, 4 << 30)[0]
    'ivf-pq'
    """
    room = (memory_of_machine() if memory is None else memory) / 2
    said = f"{rows:,} vectors of {dimension:,} numbers"
    flat, hnsw = 4 * rows * dimension, rows * (4 * dimension + 280)
    half = f"half of the memory ({room / 1e9:.1f} GB)"
    if rows <= AUTO_FLAT_ROWS and flat <= room:
        return "flat", f"exact search is quick for {said}"
    if hnsw <= room:
        return (
            "hnsw",
            f"exact search is slow for {said}; with links ({hnsw / 1e9:.1f} GB) in {half}",
        )
    return "ivf-pq", f"{said} ({flat / 1e9:.1f} GB) and links do not fit into {half}"


def spec_names() -> list[str]:
    """Names of the index specifications that come with patentcl."""
    return resources.names("indexes")
