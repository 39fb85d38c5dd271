"""Encoding speed: ours against the plain ``SentenceTransformer.encode`` in float32.

    python benchmarks/encode.py CORPUS [--texts 256] [--rounds 3] [--threads 1] [--beside FOLDER]

CORPUS is anything that ``Corpus.read`` takes. Both encode the same texts with the same model and
threads, in turn; rates are medians over rounds, and the ratio is taken round by round. Agreement is
the smallest cosine between the two vectors of a text. An encoder of another kind, such as a static
one, may be timed beside them; what it says of its vectors is not compared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from patentcl import Corpus, PatentEncoder
from patentcl.core.devices import find_precision


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("corpus")
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--beside", help="another encoder, to be timed too")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()

    import torch

    torch.set_num_threads(options.threads)
    corpus = Corpus.read(options.corpus)
    rows = np.random.default_rng(0).choice(
        len(corpus), min(options.texts, len(corpus)), replace=False
    )
    encoder = PatentEncoder.load(options.model)
    texts = encoder.texts(corpus.select(rows))
    systems = {
        "SentenceTransformer.encode, fp32, batch 32": lambda: encoder.model.encode(
            texts, batch_size=32, show_progress_bar=False
        ),
        "PatentEncoder.encode, fp32": lambda: encoder.encode(texts, precision="fp32"),
        f"PatentEncoder.encode, auto ({find_precision('auto', encoder.model.device)})": lambda: (
            encoder.encode(texts)
        ),
    }
    if options.beside:
        other = PatentEncoder.load(options.beside)
        systems[f"PatentEncoder.encode, {Path(options.beside).name}"] = lambda: other.encode(texts)
    rates: dict[str, list[float]] = {name: [] for name in systems}
    vectors = {name: run() for name, run in systems.items()}  # warm-up
    for _ in range(options.rounds):
        for name, run in systems.items():
            started = time.perf_counter()
            run()
            rates[name].append(len(texts) / (time.perf_counter() - started))
    base = next(iter(systems))
    tokens = np.mean(
        [
            len(x)
            for x in encoder.model.tokenizer(texts, truncation=True, max_length=encoder.max_length)[
                "input_ids"
            ]
        ]
    )
    lines = [
        f"{len(texts)} patents of {tokens:.0f} tokens on average, {options.model}, "
        f"{encoder.device}, {options.threads} thread(s), {options.rounds} rounds in turn",
        "",
        "| | patents/s | ratio | smallest cosine |",
        "|---|---:|---:|---:|",
    ]
    for name, values in rates.items():
        ratio = statistics.median(v / b for v, b in zip(values, rates[base], strict=True))
        cosine = np.min(
            np.sum(vectors[name] * vectors[base], axis=1)
            / np.linalg.norm(vectors[name], axis=1)
            / np.linalg.norm(vectors[base], axis=1)
        )
        lines.append(f"| {name} | {statistics.median(values):.1f} | {ratio:.2f} | {cosine:.5f} |")
    text = "\n".join(lines) + "\n"
    options.out.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
