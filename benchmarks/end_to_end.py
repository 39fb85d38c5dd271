"""THMM from the words up: patents a second, and what share of the device's arithmetic that is.

    python benchmarks/end_to_end.py [--patents 50000] [--tokens 256] [--device cuda] [--peak 989]

An encoder of BERT's size (110 million weights) and a network for each of 768 nodes of the paper's
width are trained for one epoch on random texts of full length; random weights and words take as
long as real ones. Beside it, on the same device: a training step and a prediction of the networks
alone, against the loop that their definition reads like. Prints a table. For a small try on a CPU:

    python benchmarks/end_to_end.py --patents 64 --tokens 32 --layers 2 --width 64 --device cpu

Arithmetic of the encoder is counted as 6 times weights times tokens, plus 12 times layers times
tokens squared times width for attention; the networks for nodes are left out of it. `--peak` is
what the device can do in half precision without sparsity, in TFLOP/s.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from node_heads import Loop
from torch.nn import functional as F

from patentcl.classification.estimator import PatentClassifier
from patentcl.classification.heads import HeadSettings
from patentcl.classification.heads.nodes import ThmmHead
from patentcl.cpc import CpcTree

VOCABULARY = 30_000
LEVELS = (8, 120, 640)
PUBLISHED_HOURS, EPOCHS = 300, 20


def make_tree() -> CpcTree:
    """768 nodes of three levels, as wide as the subclasses that a sample of patents has."""
    leaves = []
    for leaf in range(LEVELS[2]):
        group = leaf % LEVELS[1]
        leaves.append(
            f"{'ABCDEFGH'[group % LEVELS[0]]}{group // LEVELS[0] + 1:02d}"
            f"{chr(ord('A') + leaf // LEVELS[1])}"
        )
    return CpcTree.from_symbols(leaves)


def make_encoder(folder: Path, layers: int, width: int, tokens: int) -> Path:
    """A random BERT of whole words."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(VOCABULARY))]
    inner = folder / "inner"
    inner.mkdir(parents=True)
    BertTokenizerFast(vocab={w: i for i, w in enumerate(words)}).save_pretrained(inner)
    BertModel(
        BertConfig(
            vocab_size=len(words),
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=max(1, width // 64),
            intermediate_size=4 * width,
            max_position_embeddings=max(512, tokens),
        )
    ).save_pretrained(inner)
    transformer = modules.Transformer(str(inner), max_seq_length=tokens)
    SentenceTransformer(modules=[transformer, modules.Pooling(width)], device="cpu").save(
        str(folder / "model"), create_model_card=False
    )
    return folder / "model"


def seconds(run: Callable[[], Any], device: torch.device, times: int) -> float:
    """Median of some runs after a first one."""
    found = []
    for i in range(times + 1):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        started = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if i:
            found.append(time.perf_counter() - started)
    return float(np.median(found))


def heads(
    tree: CpcTree, y: torch.Tensor, width: int, hidden: int, device: torch.device
) -> list[str]:
    """A training step and a prediction of the networks alone, and of the loop."""
    x = torch.randn(len(y), width, device=device)
    net = ThmmHead(tree, width, HeadSettings(hidden=hidden))
    loop, net = Loop(net).to(device), net.to(device)
    active = net.active(y)

    def step(model: Any, optimizer: Any, *args: torch.Tensor) -> None:
        parts = F.binary_cross_entropy_with_logits(model(x, *args), y, reduction="none")
        optimizer.zero_grad(set_to_none=True)
        (parts * args[0] if args else parts).sum().backward()
        optimizer.step()

    took = {}
    for name, model, args in (("loop", loop, ()), ("active nodes", net, (active,))):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
        took[name] = seconds(lambda m=model, o=optimizer, a=args: step(m, o, *a), device, 5)
    with torch.inference_mode():
        net.eval()
        took["prediction"] = seconds(lambda: net.predict(x), device, 9)
        took["prediction of the loop"] = seconds(lambda: loop.eval().predict(x), device, 5)
    rows = [f"| {name} | {value * 1000:.1f} ms |" for name, value in took.items()]
    return [
        "",
        f"Networks of width {hidden} for {len(tree)} nodes, {len(y)} patents: a training "
        f"step {took['loop'] / took['active nodes']:.1f} x the loop's speed, prediction of all "
        f"nodes {took['prediction of the loop'] / took['prediction']:.1f} x. (Weights are "
        "random: there is nothing to leave out in prediction.)",
        "",
        "| | |",
        "| --- | ---: |",
        *rows,
    ]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patents", type=int, default=50_000)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--peak", type=float, help="TFLOP/s")
    given = parser.parse_args()
    rng, tree = np.random.default_rng(0), make_tree()
    n = given.patents + min(500, given.patents)
    leaves = tree.at_level(2)
    codes = [
        [tree.symbols[leaves[k]] for k in rng.integers(0, len(leaves), rng.integers(1, 4))]
        for _ in range(n)
    ]
    texts = [
        " ".join(f"w{k}" for k in row) for row in rng.integers(0, VOCABULARY, (n, given.tokens))
    ]
    with tempfile.TemporaryDirectory(prefix="patentcl-") as work:
        model = PatentClassifier(
            head="thmm",
            hidden=given.hidden,
            epochs=1,
            batch_size=given.batch,
            patience=0,
            learning_rate=1e-3,
            device=given.device,
            at_least_one=False,
            text={
                "model": str(make_encoder(Path(work), given.layers, given.width, given.tokens)),
                "max_length": given.tokens,
                "pooling": "cls",
                "learning_rate": 1e-5,
            },
        )
        some = given.patents
        model.fit(texts[:some], codes[:some], tree, (texts[some:], codes[some:]))
    device = model.device_
    took = model.history_[0]["seconds"]
    weights = 12 * given.layers * given.width**2
    flops = (
        (6 * weights * given.tokens + 12 * given.layers * given.tokens**2 * given.width)
        * given.patents
        / took
    )
    used = f", {flops / given.peak / 1e10:.0f} % of {given.peak:.0f}" if given.peak else ""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU"
    print(
        "\n".join(
            [
                f"One epoch of {given.patents:,} patents of {given.tokens} tokens on {name}: "
                f"{took:.0f} s, {given.patents / took:,.0f} patents/s, "
                f"{flops / 1e12:.2f} TFLOP/s{used}. {EPOCHS} epochs of them: "
                f"{EPOCHS * took / 3600:.1f} hours (published, on a V100 and other patents: "
                f"about {PUBLISHED_HOURS}).",
                *heads(
                    tree,
                    torch.from_numpy(tree.encode(codes[:256]).toarray()).float().to(device),
                    given.width,
                    given.hidden,
                    device,
                ),
            ]
        )
    )


if __name__ == "__main__":
    main()
