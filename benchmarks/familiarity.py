"""How often `KnownWords` reports real abstracts that it was not made of, and texts that are none.

python benchmarks/familiarity.py ../shared/data
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from patentcl.classification.familiarity import KnownWords
from patentcl.core.tables import markdown_table

FOREIGN = (
    "Die Erfindung betrifft ein Verfahren zum Schneiden von Gras mit einem rotierenden Messer.",
    "Eine Batterie mit einer Kühlplatte, die zwischen den Zellen angeordnet ist.",
    "Das Getriebe weist mehrere Zahnräder auf, die in einem Gehäuse gelagert sind.",
    "Vorrichtung zur Messung des Blutzuckers mit einem Sensor unter der Haut des Patienten.",
    "L'invention concerne un procédé de coupe de l'herbe avec une lame rotative et une commande.",
    "Dispositif de mesure de la glycémie avec un capteur sous la peau du patient.",
    "Una batería con una placa de refrigeración dispuesta entre las celdas.",
    "L'invenzione riguarda un metodo per tagliare l'erba con una lama rotante e un controllo.",
    "一种电池组，包括冷却板和多个电池单元",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    train, dev = (
        pd.read_parquet(data / f"classification/{name}.parquet") for name in ("train", "dev")
    )
    tables = data / "patentsview-sample/g_patent_abstract.tsv.zip"
    with zipfile.ZipFile(tables) as archive, archive.open(archive.namelist()[0]) as stream:
        rest = pd.read_csv(stream, sep="\t", dtype=str).dropna()
    rest = rest[~rest.patent_id.isin({*train.patent_id, *dev.patent_id})].patent_abstract.tolist()
    held_out = _texts(dev)
    rng = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    mash = [" ".join("".join(rng.choice(letters, 5)) for _ in range(6)) for _ in range(200)]
    tried = {
        "abstracts": rest,
        "their first 100 characters": [text[:100] for text in rest],
        "titles": dev.title.dropna().tolist(),
        "other languages": FOREIGN,
        "random letters": mash,
    }
    rows = []
    for size in (300, 3_000, len(train)):
        known = KnownWords.of(_texts(train.sample(size, random_state=0)), held_out[: size // 10])
        for name, texts in tried.items():
            found = sum(known.complaint(text) is not None for text in texts)
            rows.append((f"{size:,}", name, len(texts), found, f"{found / len(texts):.2%}"))
    sys.stdout.write(markdown_table(("trained on", "texts", "n", "reported", "share"), rows) + "\n")


def _texts(table: pd.DataFrame) -> list[str]:
    return (table.title.fillna("") + " " + table.abstract.fillna("")).tolist()


if __name__ == "__main__":
    main()
