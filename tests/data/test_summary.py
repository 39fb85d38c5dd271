"""What a notebook shows of a corpus: counts by value, titles as they are."""

from __future__ import annotations

from shown import shown

from patentcl import Corpus

TITLES = ["<script>alert('x')</script> & <b>bold</b>", "割草机", "מכסחת דשא", "Pump"]


def test_a_corpus_shows_counts_sections_and_three_patents() -> None:
    codes = ["A01D34/00; A01B1/00; H04N5/00", "A01B1/00", "", "F04D1/00"]
    rows = zip("4321", TITLES, codes, ["2001-02-03", "1999-01-01", None, "2004"], strict=True)
    names = ("id", "title", "codes", "date")
    corpus = Corpus.from_records(
        [dict(zip(names, row, strict=True)) | {"owner": "x"} for row in rows]
    )
    text, (sections, patents) = shown(corpus)
    assert text == (
        "Corpus: 4 patents, 1999 to 2004 (1 undated), 3 with codes, further columns owner"
    )
    assert [row[0::2] for row in sections] == [
        ["section", "patents"],
        ["A", "2"],
        ["F", "1"],
        ["H", "1"],
    ]
    assert [row[:3] for row in patents[1:]] == [
        ["4", "2001-02-03", TITLES[0]],
        ["3", "1999-01-01", TITLES[1]],
        ["2", "-", TITLES[2]],
    ]
    assert patents[1][3] == "A01D34/00; A01B1/00; H04N5/00"


def test_a_part_of_a_corpus_and_one_without_codes() -> None:
    corpus = Corpus.from_records([{"id": str(i), "title": f"t{i}"} for i in range(5)])
    text, (patents,) = shown(corpus.select([4, 2]))
    assert text == "Corpus: 2 patents, 0 with codes"
    assert [row[0] for row in patents] == ["id", "4", "2"]
