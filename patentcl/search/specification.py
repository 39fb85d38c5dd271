"""Specifications of search indexes: what to build with FAISS, and how to search it.

They are YAML files. Those in ``indexes/`` come with patentcl; a path names one of your own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from patentcl.core import resources
from patentcl.core.errors import ConfigError, did_you_mean

_BUILD_KEYS = {"efConstruction": "HNSW"}
_SEARCH_KEYS = {"efSearch": "HNSW", "nprobe": "IVF"}


@dataclass(frozen=True)
class IndexSpec:
    """What kind of FAISS index to build and how to search it.

    Parameters
    ----------
    name : str
        Name of the file it was read from, without the suffix.
    factory : str
        FAISS factory string of the families Flat, SQ, PQ, HNSW and IVF. ``{lists}`` becomes about
        four square roots of the number of rows (a power of two, at least 39 rows to a list), and
        ``{bytes}`` the dimension over eight, or the next smaller divisor of the dimension.
    description : str
        What it is for.
    build : dict of str to int
        ``efConstruction`` for HNSW.
    search : dict of str to int
        ``efSearch`` for HNSW, ``nprobe`` for IVF.
    min_rows : int
        Fewest vectors for which it makes sense.
    device : {"cpu", "gpu"}
        Where to search.

    Examples
    --------
    >>> IndexSpec.read("hnsw").search
    {'efSearch': 128}
    """

    name: str
    factory: str
    description: str = ""
    build: dict[str, int] = field(default_factory=dict)
    search: dict[str, int] = field(default_factory=dict)
    min_rows: int = 1
    device: str = "cpu"

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
            raise ConfigError(
                "no such index specification",
                got=path,
                fix=f"Name a YAML file, or one of {', '.join(spec_names())}",
            )
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(
                "not a YAML file", where=path, got=" ".join(str(error).split())
            ) from error
        return cls.from_mapping(values, name=path.stem, where=path)

    @classmethod
    def from_mapping(cls, values: Any, name: str, where: object = None) -> IndexSpec:
        """Check plain data and make a specification of it; every key is known or refused."""
        where = where or f"index specification {name!r}"
        if not isinstance(values, dict):
            raise ConfigError(
                "an index specification is a mapping",
                where=where,
                got=type(values).__name__,
                wanted="keys such as factory",
            )
        known = ("description", "factory", "build", "search", "min_rows", "device")
        for key in values:
            if key not in known:
                raise ConfigError(
                    "unknown setting", where=where, got=key, fix=did_you_mean(str(key), known)
                )
        factory = values.get("factory")
        if not isinstance(factory, str) or not factory.strip():
            raise ConfigError(
                "an index specification needs a factory string",
                where=where,
                got=repr(factory),
                wanted="e.g. Flat or HNSW32,Flat",
            )
        if not isinstance(values.get("description", ""), str):
            raise ConfigError(
                "the description is not text", where=where, got=repr(values["description"])
            )
        device = values.get("device", "cpu")
        if device not in ("cpu", "gpu"):
            raise ConfigError("unknown device", where=where, got=repr(device), wanted="cpu or gpu")
        min_rows = _positive(values.get("min_rows", 1), "min_rows", where)
        build = _numbers(values.get("build"), _BUILD_KEYS, factory, f"{where}: build")
        search = _numbers(values.get("search"), _SEARCH_KEYS, factory, f"{where}: search")
        return cls(
            name,
            factory.strip(),
            str(values.get("description", "")).strip(),
            build,
            search,
            min_rows,
            device,
        )

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


def spec_names() -> list[str]:
    """Names of the index specifications that come with patentcl."""
    return resources.names("indexes")


def _positive(value: Any, name: str, where: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigError(f"{name} is not a positive whole number", where=where, got=repr(value))
    return int(value)


def _numbers(values: Any, known: dict[str, str], factory: str, where: object) -> dict[str, int]:
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(
            "index parameters are a mapping",
            where=where,
            got=type(values).__name__,
            wanted=", ".join(known),
        )
    for key in values:
        if key not in known:
            raise ConfigError(
                "unknown index parameter", where=where, got=key, fix=did_you_mean(str(key), known)
            )
        if known[key] not in factory:
            raise ConfigError(f"{key} is for {known[key]} indexes", where=where, got=factory)
    return {key: _positive(value, key, where) for key, value in values.items()}
