"""What a notebook shows of a run."""

from __future__ import annotations

from typing import Any

from patentcl.core.tables import cell, html_summary, html_table, number
from patentcl.workspace.folders import manifest_of

_CALLS = {
    "corpus": "run.corpus",
    "index": "run.similar(text, k=5)",
    "classifier": "run.classify(text)",
    "report": "run.report, print(run.page)",
    "map": "run.map(), run.landscape(), run.footprint(where)",
}
"""What to call once a part is there."""
_HEADLINES = ("hier_f1:micro", "ndcg@10")


def run_html(run: Any, commands: dict[str, str]) -> str:
    """Parts with their folders and counts, what to call next, and one figure of each task."""
    parts = []
    for name, command in commands.items():
        counts = sorted(manifest_of(run.where(name)).get("counts", {}).items())
        counts.sort(key=lambda each: each[0] != "patents")
        held = ", ".join(f"{cell(value)} {key}" for key, value in counts[:2])
        next_ = _CALLS.get(name, f"run.{name}") if run.has(name) else f"patentcl {command}"
        parts.append([name, held if run.has(name) else "missing", next_])
    tables = [html_table(["part", "holds", "next"], parts)]
    if run.has("report"):
        shown = run.report[run.report["metric"].isin(_HEADLINES)].itertuples()
        rows = [
            [f.task, f.system, f.metric, f.value, f"{number(f.low)} to {number(f.high)}"]
            for f in shown
        ]
        tables.append(html_table(["task", "system", "metric", "value", "95 % interval"], rows))
    return html_summary("Run", str(run.folder), *tables)
