"""`Run` with the way to build one: the door for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patentcl.core.files import whole_file
from patentcl.core.progress import StageProgress
from patentcl.pipeline.recipe import load_recipe
from patentcl.pipeline.runner import Say, run_pipeline
from patentcl.workspace.run import Run as FinishedRun
from patentcl.workspace.run import open_run as open_finished

if TYPE_CHECKING:
    import pandas as pd


class Run(FinishedRun):
    __doc__ = FinishedRun.__doc__

    @classmethod
    def build(
        cls,
        data: str | Path | pd.DataFrame,
        recipe: str = "quickstart",
        out: str | Path | None = None,
        overrides: Sequence[str] = (),
        say: Say | None = print,
        progress: StageProgress | None = None,
    ) -> Run:
        """Run a recipe on patents, or the part of it that is not up to date, and open the result.

        Parameters
        ----------
        data : path or DataFrame
            A file, a folder of PatentsView tables, or a table with the columns title or abstract,
            and perhaps patent_id, date, codes, citations and more.
        recipe : str
            A name such as ``quickstart``, or a YAML file.
        out : path, optional
            Folder of the run; ``artifacts/<recipe>`` by default.
        overrides : sequence of str
            Settings, ``section.key=value``.
        say : callable, optional
            Called with a line for each stage.
        progress : callable, optional
            Called with (stage, done, total).

        Raises
        ------
        ConfigError, DataError
            See `patentcl.run_pipeline`.
        """
        chosen = load_recipe(recipe, overrides)
        root = Path(out) if out is not None else Path("artifacts") / chosen.name
        if isinstance(data, str | Path):
            source = Path(data)
        else:
            source = root / "input.parquet"
            with whole_file(source) as part:
                data.to_parquet(part, index=False)
        run_pipeline(chosen, source, root, say=say, progress=progress)
        return cls(root)


def open_run(folder: str | Path, **parts: Any) -> Run:
    """Open the folder of a run; see `Run`.

    Parameters
    ----------
    folder : path
        The run's folder.
    **parts
        As of `Run`.

    Raises
    ------
    DataError
        If the folder is not there, or holds nothing that a stage wrote.
    """
    open_finished(folder, **parts)  # refuses a folder that holds no run
    return Run(folder, **parts)
