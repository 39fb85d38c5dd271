"""Settings of reading patents and of dividing them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from patentcl.core.settings import Level, Positive, Settings, Share


class DataSettings(Settings):
    """What to read. Without a source, a synthetic sample is written and read."""

    source: str | None = None
    """File or folder of patents; None: a synthetic sample is made."""
    sample_patents: Annotated[int, Field(ge=100, strict=True)] = 5000
    """Size of the synthetic sample."""
    scheme: Literal["cpc", "ipc", "both"] = "both"
    """Which classification the labels come from; both: CPC, and IPC where there is none."""
    level: Level = "subclass"
    """Deepest level of the labels that the classifier learns."""
    limit: Positive | None = None
    """A random sample of this many patents; None: all."""
    columns: dict[str, str] = Field(default_factory=dict)
    """For plain files: our column name to the file's."""
    dates: Literal["auto", "dmy", "mdy"] = "auto"
    """What comes first in dates such as 05/04/2010; auto: what a day above 12 shows."""
    encoding: str | None = None
    """Of text files, e.g. cp1252; None: it is recognised."""
    graph: str | None = None
    """neo4j://HOST:PORT to load and mine in that server; None: a DuckDB file of the run."""


class SplitSettings(Settings):
    """How patents are divided into train, dev and test; a division that the data bring wins."""

    method: Literal["stratified", "random", "date", "family"] = "stratified"
    """How patents are divided; none separates near-copies or a family. family means stratified."""
    dev: Share = 0.1
    """Share of the patents to tune on."""
    test: Share = 0.1
    """Share of the patents to evaluate on."""

    @model_validator(mode="after")
    def _some_train(self) -> SplitSettings:
        if self.dev + self.test >= 1:
            raise ValueError("dev + test below 1, so that something is left to train on")
        return self
