"""A sentence-transformers model of two small random layers, made on the spot, and words for it."""

from __future__ import annotations

import re
from pathlib import Path

WORDS = re.findall(
    r"\S+",
    "a mower blade cuts grass while the motor of wheel turns and sensor "
    "reads soil moisture in battery cell with anode cathode , . ; ( )",
)
RECORDS = [
    {"patent_id": "1", "title": "Mower", "abstract": "A blade cuts grass.", "codes": ["A01D34/00"]},
    {"patent_id": "2", "title": "Battery cell", "abstract": "", "codes": ["H01M10/00"]},
    {"patent_id": "3", "title": "", "abstract": "The sensor reads soil moisture.", "codes": []},
]


def write_tiny_encoder(
    folder: Path, texts: list[str], width: int = 32, seed: int = 0, layers: int = 2
) -> Path:
    """Write a random BERT whose vocabulary is the words of some texts."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = sorted({w for t in texts for w in re.findall(r"\w+|[^\w\s]", t.lower())})
    inner = folder.with_name(f"{folder.name}-inner")
    inner.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    numbers = {word: i for i, word in enumerate(vocabulary)}
    BertTokenizerFast(vocab=numbers, do_lower_case=True).save_pretrained(inner)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=128,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(inner)
    transformer = modules.Transformer(str(inner), max_seq_length=64)
    model = SentenceTransformer(modules=[transformer, modules.Pooling(width)], device="cpu")
    model.save(str(folder), create_model_card=False)
    return folder
