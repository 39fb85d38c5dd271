"""What do networks for each node cost, one by one and level by level, and what does width bring?

Compares `thmm` with the loop that its definition reads like (a network for each node, called one
after the other for every patent): prediction and training on one thread, in one run. Then trains it
at several widths and policies. Rows go into a file of JSON lines as soon as they are known;
the table is written from that file.

    OMP_NUM_THREADS=1 python benchmarks/node_heads.py DATA --vectors DIR [--part predict] ...

DATA holds train.parquet and dev.parquet; DIR holds emb_train.npy and emb_dev.npy in their order,
and is filled with vectors of all-MiniLM-L6-v2 where it does not.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from patentcl.classification.decisions import Rules, choose
from patentcl.classification.estimator import PatentClassifier
from patentcl.classification.heads import HeadSettings
from patentcl.classification.heads.nodes import ThmmHead
from patentcl.cpc import CpcTree
from patentcl.metrics import compare, evaluate

PARTS = ["predict", "steps", "policies", "width"]
BATCH = 512
LEAST = (0.01, 0.05, 0.1, 0.2, 0.3)
"""Below nodes less likely than this, nothing is computed; the first is the classifier's default."""
NAMES = ["hier_f1:micro", "hier_f1:macro", "average_precision:micro"]


class Loop(nn.Module):
    """THMM as it is defined: two layers and an output for each node, one node after the other."""

    def __init__(self, head: ThmmHead) -> None:
        super().__init__()
        self.parent = head.tree.parent
        place = {}
        order = np.arange(len(head.tree)) if head.layout.order is None else head.layout.order
        for depth, (start, stop) in enumerate(head.layout.bounds):
            place |= {int(n): (depth, k) for k, n in enumerate(order[start:stop])}
        self.first, self.second, self.out = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for node in range(len(head.tree)):
            level: Any = head.levels[place[node][0]]
            k = place[node][1]
            weight = (
                level.first[k]
                if level.above is None
                else torch.cat([level.first[k], level.above[k]])
            )
            self.first.append(_linear(weight, level.first_bias[k]))
            self.second.append(_linear(level.second[k], level.second_bias[k]))
            self.out.append(_linear(level.out[k][:, None], level.out_bias[k][None]))

    def forward(self, x: Tensor) -> Tensor:
        hidden: list[Tensor] = []
        logits = []
        for node, parent in enumerate(self.parent.tolist()):
            seen = x if parent < 0 else torch.cat([x, hidden[parent]], dim=1)
            h = F.relu(self.second[node](F.relu(self.first[node](seen))))
            hidden.append(h)
            logits.append(self.out[node](h))
        return torch.cat(logits, dim=1)

    def predict(self, x: Tensor) -> Tensor:
        """Products of the sigmoids along each path."""
        own = torch.sigmoid(self(x))
        out: list[Tensor] = []
        for node, parent in enumerate(self.parent.tolist()):
            out.append(own[:, node] if parent < 0 else own[:, node] * out[parent])
        return torch.stack(out, dim=1)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(*weight.shape)
    made.weight.data.copy_(weight.T)
    made.bias.data.copy_(bias)
    return made


# ---- data -----------------------------------------------------------------------------------


class Data:
    """Vectors, labels and tree of the two splits."""

    def __init__(self, folder: Path, vectors: Path) -> None:
        frames = {s: pd.read_parquet(folder / f"{s}.parquet") for s in ("train", "dev")}
        codes = {s: [list(c) for c in f["subclasses"]] for s, f in frames.items()}
        self.tree = CpcTree.from_symbols({c for rows in codes.values() for r in rows for c in r})
        self.y = {s: self.tree.encode(c) for s, c in codes.items()}
        self.x = {s: _vectors(vectors / f"emb_{s}.npy", f) for s, f in frames.items()}


def _vectors(path: Path, frame: pd.DataFrame) -> np.ndarray:
    if not path.is_file():
        from patentcl.encoders.encoder import PatentEncoder

        texts = list(zip(frame["title"].fillna(""), frame["abstract"].fillna(""), strict=True))
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, PatentEncoder.load("minilm").encode(texts).astype(np.float16))
    return np.load(path).astype(np.float32)


def fit(data: Data, **settings: Any) -> tuple[PatentClassifier, float]:
    """A fitted classifier and the seconds that its training took, thresholds not included."""
    model = PatentClassifier(**{"head": "thmm", "epochs": 6, "patience": 0, **settings})
    model.fit(data.x["train"], data.y["train"], data.tree, (data.x["dev"], data.y["dev"]))
    return model, sum(row["seconds"] for row in model.history_)


def judge(data: Data, model: PatentClassifier) -> Any:
    """Dev figures by patent."""
    x = data.x["dev"]
    return evaluate(
        data.y["dev"], model.predict_proba(x), NAMES, data.tree, predicted=model.predict(x)
    )


def weights(model: PatentClassifier) -> int:
    return sum(p.numel() for p in model._ensemble.heads[0].head.parameters())


def median(run: Callable[[], Any], times: int) -> float:
    run()
    found = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        found.append(time.perf_counter() - started)
    return float(np.median(found))


# ---- parts ----------------------------------------------------------------------------------


def predict(data: Data, hidden: int, epochs: int) -> list[dict[str, Any]]:
    """One batch of dev patents, with a trained head: the loop, all nodes at once, top-down."""
    model, _ = fit(data, hidden=hidden, epochs=epochs)
    head = model._ensemble.heads[0].head.eval()
    assert isinstance(head, ThmmHead)
    loop = Loop(head).eval()
    x = model._ensemble.heads[0].scaled(torch.from_numpy(data.x["dev"][:BATCH]))
    rows = []
    with torch.inference_mode():
        slow, whole = loop.predict(x), head.predict(x)
        about = {
            "part": "predict",
            "hidden": hidden,
            "nodes": len(data.tree),
            "weights": weights(model),
            "threads": torch.get_num_threads(),
            "largest difference": float((slow - whole).abs().max()),
            "loop": median(lambda: loop.predict(x), 3),
            "all nodes": median(lambda: head.predict(x), 3),
        }
        for least in LEAST:
            pruned = head.predict(x, least)
            seconds = median(lambda least=least: head.predict(x, least), 9)
            rows.append(
                {
                    **about,
                    "least": least,
                    "top-down": seconds,
                    "times faster": about["loop"] / seconds,
                    "largest lost": float((slow - pruned)[pruned == 0].max()),
                    "share computed": float((pruned > 0).float().mean()),
                }
            )
    for row in rows:
        model.prune = row["least"]
        found = judge(data, model)
        row |= {n: float(found.detail[n].value) for n in NAMES}
    return rows + labels(data, model, loop)


def labels(data: Data, model: PatentClassifier, loop: Loop) -> list[dict[str, Any]]:
    """One batch of dev patents: labels by tuned thresholds, from the loop and by `predict`."""
    x, rows = data.x["dev"][:BATCH], []
    model.prune = LEAST[0]
    for at_least in (False, True):
        model.at_least_one = at_least
        rules = model._rules(data.tree)

        def slow(rules: Rules = rules) -> np.ndarray:
            with torch.inference_mode():
                scores = loop.predict(model._ensemble.heads[0].scaled(torch.from_numpy(x))).numpy()
            return choose(scores, model.thresholds_, data.tree, rules)

        seconds = {"loop": median(slow, 3), "predict": median(lambda: model.predict(x), 9)}
        rows.append(
            {
                "part": "labels",
                "hidden": model.hidden,
                "at least one": at_least,
                **seconds,
                "times faster": seconds["loop"] / seconds["predict"],
                "labels": int(slow().sum()),
                "different": int((slow() != model.predict(x).toarray()).sum()),
            }
        )
    return rows


def steps(data: Data, hidden: int, n: int = 4) -> dict[str, Any]:
    """Seconds of a training step on 256 patents: the loop, all nodes at once, active nodes."""
    out: dict[str, Any] = {"part": "steps", "hidden": hidden, "threads": torch.get_num_threads()}
    y = torch.from_numpy(data.y["train"][:256].toarray()).float()
    x = torch.from_numpy(data.x["train"][:256]) * 20
    for name in ("loop", "all nodes", "active nodes"):
        net: Any = ThmmHead(data.tree, x.shape[1], HeadSettings(hidden=hidden))
        active = net.active(y) if name == "active nodes" else None
        net = Loop(net) if name == "loop" else net
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)

        def step(net: Any = net, active: Any = active, optimizer: Any = optimizer) -> None:
            logits = net(x) if active is None else net(x, active)
            parts = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
            optimizer.zero_grad(set_to_none=True)
            (parts if active is None else parts * active).sum().backward()
            optimizer.step()

        out[name] = median(step, n if name != "active nodes" else 3 * n)
    out["times faster"] = out["loop"] / out["active nodes"]
    return out


def policies(data: Data, hidden: int, epochs: int) -> dict[str, Any]:
    """Dev figures with active nodes against training every node on every patent."""
    models = {
        "siblings": fit(data, hidden=hidden, epochs=epochs),
        "all": fit(data, hidden=hidden, epochs=epochs, policy="all", mask="none"),
    }
    found = {k: judge(data, m) for k, (m, _) in models.items()}
    row = compare(found["all"], found["siblings"])["hier_f1:micro"]
    return {
        "part": "policies",
        "hidden": hidden,
        "epochs": epochs,
        **{f"{k} {n}": float(found[k].detail[n].value) for k in found for n in NAMES},
        **{f"{k} seconds": s for k, (_, s) in models.items()},
        "difference": row.difference,
        "low": row.low,
        "high": row.high,
    }


def width(data: Data, **settings: Any) -> dict[str, Any]:
    """Dev figures, weights and seconds at one setting."""
    model, seconds = fit(data, **settings)
    found = judge(data, model)
    return {
        "part": "width",
        **settings,
        "weights": weights(model),
        "seconds": seconds,
        **{n: float(found.detail[n].value) for n in NAMES},
    }


WIDTHS: list[dict[str, Any]] = [
    {"hidden": 16},
    {"hidden": 32},
    {"hidden": 64},
    {"head": "tmm", "hidden": 64},
    {"hidden": 128},
    {"hidden": 256},
]


# ---- the table ------------------------------------------------------------------------------


def markdown(rows: list[dict[str, Any]]) -> str:
    """The page of all rows."""
    by = {p: [r for r in rows if r["part"] == p] for p in [*PARTS, "labels"]}
    lines = [
        "# Networks for each node: speed and width",
        "",
        "THMM over the IPC tree of 12,408 + 1,804 patents, on vectors of all-MiniLM-L6-v2 "
        "(384), one thread of a CPU whose other core had other work. Not run on a GPU.",
        "",
        "## Prediction, one batch of 512 dev patents, trained weights",
        "",
        "Top-down: children of nodes less likely than `prune` are not computed and get 0. The "
        "figures are of all 1,804 dev patents.",
        "",
        "| hidden | weights | prune | loop over nodes | all nodes at once | top-down | faster "
        "than the loop | nodes computed | largest left out | hF1 micro | hF1 macro | AUPRC |",
        "|---" * 12 + "|",
    ]
    lines += [
        f"| {r['hidden']} | {r['weights'] / 1e6:.1f} M | {r['least']} | {r['loop']:.3f} s | "
        f"{r['all nodes']:.3f} s | {r['top-down']:.4f} s | {r['times faster']:.1f} x | "
        f"{r['share computed']:.1%} | {r['largest lost']:.4f} | "
        + " | ".join(f"{r[n]:.3f}" for n in NAMES)
        + " |"
        for r in by["predict"]
    ]
    lines += [
        "",
        "The loop and all nodes at once differ by at most "
        f"{max((r['largest difference'] for r in by['predict']), default=0):.0e}.",
    ]
    lines += [
        "",
        "## Labels, one batch of 512 dev patents",
        "",
        "By tuned thresholds; `predict` computes no node that can neither reach its "
        "threshold nor be the one label that a patent is given at least.",
        "",
        "| hidden | at least one label a level | loop over nodes | `predict` | faster than "
        "the loop | labels | different ones |",
        "|---" * 7 + "|",
    ]
    lines += [
        f"| {r['hidden']} | {'yes' if r['at least one'] else 'no'} | {r['loop']:.3f} s | "
        f"{r['predict']:.4f} s | {r['times faster']:.1f} x | {r['labels']:,} | "
        f"{r['different']} |"
        for r in by["labels"]
    ]
    lines += [
        "",
        "## Training, one step on 256 patents",
        "",
        "| hidden | loop over nodes | all nodes at once | active nodes | faster than the loop |",
        "|---" * 5 + "|",
    ]
    lines += [
        f"| {r['hidden']} | {r['loop']:.2f} s | {r['all nodes']:.2f} s | "
        f"{r['active nodes']:.3f} s | {r['times faster']:.1f} x |"
        for r in by["steps"]
    ]
    lines += [
        "",
        "## Training every node on every patent, or on patents of its parent",
        "",
        "| hidden | epochs | policy | hF1 micro | hF1 macro | AUPRC | seconds |",
        "|---" * 7 + "|",
    ]
    for r in by["policies"]:
        lines += [
            f"| {r['hidden']} | {r['epochs']} | {k} | "
            + " | ".join(f"{r[f'{k} {n}']:.3f}" for n in NAMES)
            + f" | {r[f'{k} seconds']:.0f} |"
            for k in ("all", "siblings")
        ]
    lines += [
        "",
        *(
            f"Hidden {r['hidden']}: siblings minus all, hF1 micro {r['difference']:+.4f} "
            f"(95 % interval {r['low']:+.4f} to {r['high']:+.4f})."
            for r in by["policies"]
        ),
    ]
    lines += [
        "",
        "## Quality against width and policy",
        "",
        "6 epochs of training; dev figures, thresholds tuned on dev too.",
        "",
        "| head | hidden | policy | weights | seconds | hF1 micro | hF1 macro | AUPRC |",
        "|---" * 8 + "|",
    ]
    lines += [
        f"| {r.get('head', 'thmm')} | {r['hidden']} | "
        f"{r.get('policy', 'siblings')} | {r['weights'] / 1e6:.1f} M | {r['seconds']:.0f} | "
        + " | ".join(f"{r[n]:.3f}" for n in NAMES)
        + " |"
        for r in by["width"]
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--vectors", type=Path, required=True)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=6, help="of predict and policies")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    given = parser.parse_args()
    data = Data(given.data, given.vectors)
    rows = (
        [json.loads(line) for line in given.out.read_text().splitlines()]
        if (given.out.is_file())
        else []
    )
    todo: list[Callable[[], dict[str, Any] | list[dict[str, Any]]]] = []
    for part in given.part or PARTS:
        if part == "width":
            done = [
                {k: r[k] for k in ("head", "hidden", "policy") if k in r}
                for r in rows
                if r["part"] == "width"
            ]
            todo += [lambda w=w: width(data, **w) for w in WIDTHS if w not in done]
        elif part == "steps":
            todo.append(lambda: steps(data, given.hidden))
        else:
            job = predict if part == "predict" else policies
            todo.append(lambda job=job: job(data, given.hidden, given.epochs))
    for job in todo:
        found = job()
        for row in found if isinstance(found, list) else [found]:
            rows.append(row)
            with given.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)
        given.out.with_suffix(".md").write_text(markdown(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
