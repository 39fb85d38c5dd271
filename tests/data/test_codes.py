"""Every form of a code and of a patent number reads as the same one."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from patentcl.data.codes import MACROS


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute(MACROS)
        yield con


def symbols(con: duckdb.DuckDBPyConnection, texts: list[str | None]) -> list[list[str | None]]:
    """The symbols in each text; None for a part that is no code."""
    rows = con.execute(
        "SELECT n, clean_symbol(c) FROM (SELECT n, unnest(codes) AS c, "
        "generate_subscripts(codes, 1) AS i FROM (SELECT generate_subscripts(t, 1) AS n, "
        "split_codes(unnest(t)) AS codes FROM (SELECT ?::VARCHAR[] AS t))) ORDER BY n, i",
        [texts],
    ).fetchall()
    return [[c for n, c in rows if n == i + 1] for i in range(len(texts))]


PARTS = st.tuples(
    st.sampled_from("ABCDEFGHY"),
    st.integers(1, 99),
    st.sampled_from("ABCKMQZ"),
    st.integers(1, 9999),
    # Trailing zeros say nothing in the packed form: the third and further digits are decimals.
    st.from_regex(r"[0-9]{2}([0-9]{0,3}[1-9])?", fullmatch=True),
)
FORMS = (
    "{s}{c:02d}{k}{g}/{u}",
    "{s}{c:02d}{k} {g}/{u}",
    "{s}{c:02d}{k}{g:>4}/{u:<6}",
    "{s}{c:02d}{k}{g:>4}/  {u}",
    "{s}{c:02d}{k}{g:04d}{u:0<6}",
    "{s}{c:02d}{k} {g}/{u} (2006.01)",
    "{s}{c:02d}{k} {g}/{u} (2006.01)A",
    "{s}{c:02d}{k} {g}/{u} (EP,US)",
    "{s}{c:02d}{k} {g}/{u} [2006-01]",
    "{s}{c:02d}{k} {g}/{u} A I",
    "{s}{c:02d}{k}{g:>4}/{u:<6}        20060101AFI20060101BHEP",
    "{s}{c:02d}{k}{g:04d}{u:0<6}20060101AFI20060101BHEP",
)
BETWEEN = (";", ";;", "; ", ";; ", "|", " | ", "\n", "\r\n", ",", ", ")


@settings(max_examples=30, deadline=None, phases=[Phase.generate])
@given(st.lists(PARTS, min_size=1, max_size=5), st.data())
def test_any_form_is_the_same_symbol(
    con: duckdb.DuckDBPyConnection, codes: list[tuple[str, int, str, int, str]], data: st.DataObject
) -> None:
    wanted = [f"{s}{c:02d}{k}{g}/{'00' if not u.strip('0') else u}" for s, c, k, g, u in codes]
    items = [
        data.draw(st.sampled_from(FORMS)).format(s=s, c=c, k=k, g=g, u=u) for s, c, k, g, u in codes
    ]
    if data.draw(st.booleans()):
        items = [item.lower() for item in items]
    between = data.draw(st.sampled_from(BETWEEN))
    texts: list[str | None] = [between.join(items), str(items), "\x1f".join(items)]
    assert symbols(con, texts) == [wanted] * 3


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("F04D29/10@A,F04D13/06", ["F04D29/10", "F04D13/06"]),  # FI: facets are no codes
        ("F04D29/10,101@A;F04D13/06,ZEC", ["F04D29/10", "F04D13/06"]),
        ("F04D29/10,101/00", ["F04D29/10", "F04D101/00"]),
        ("A01 F04", ["A01", "F04"]),  # two classes, no main group of A01F
        ("a01/f04 b23", ["A01", "F04", "B23"]),
        ("A F/h", ["A", "F", "H"]),
        ("A01 F4", ["A01F4/00"]),
        ("Ａ０１Ｂ３３／００；Ｆ０４Ｄ　１／００", ["A01B33/00", "F04D1/00"]),
        ("A01B 33∕00; F04D 1⁄00", ["A01B33/00", "F04D1/00"]),
        (
            r"A01B33/00\nF04D1/00·H02K7/14_B27B5/00",
            ["A01B33/00", "F04D1/00", "H02K7/14", "B27B5/00"],
        ),
        ("A01B33/00<br/>F04D1/00<br>B27B5/00", ["A01B33/00", "F04D1/00", "B27B5/00"]),
        ("A01B33/00 Tilling, of soil; F04D1/00 Pumps", ["A01B33/00", "F04D1/00"]),
        ("F04D1/00 B23D45/00 H02K7/14", ["F04D1/00", "B23D45/00", "H02K7/14"]),
        ("F04D1/00/B23D45/00", ["F04D1/00", "B23D45/00"]),
        ("F04D1/00:B23D45/00 and H02K7/14", ["F04D1/00", "B23D45/00", "H02K7/14"]),
        ("<F04D1/00><B23D45/00*>&H02K7/14+A", ["F04D1/00", "B23D45/00", "H02K7/14", "A"]),
        ("F04D 1/00 A I B23D 45/00 A N", ["F04D1/00", "B23D45/00"]),
        ("F04D1/00 (2013.01); B23D45/00 (2013.01)", ["F04D1/00", "B23D45/00"]),
        ('["F04D1\\/00","B23D45\\/00"]', ["F04D1/00", "B23D45/00"]),
        ("['F04D1/00'\n 'B23D45/00']", ["F04D1/00", "B23D45/00"]),
        ("F04D, B23D", ["F04D", "B23D"]),
        ("F04D1/00, 29/22; H02K 7/14, 9/00", ["F04D1/00", "F04D29/22", "H02K7/14", "H02K9/00"]),
        ("F04D 1/00 (2006.01), 29/22 (2006.01)", ["F04D1/00", "F04D29/22"]),
        ("F04D 1/00 29/22 29/30", ["F04D1/00", "F04D29/22", "F04D29/30"]),
        ("F04D1/00-F04D29/22", ["F04D1/00", "F04D29/22"]),
        ("f04d 1/00 – F04D 29/22", ["F04D1/00", "F04D29/22"]),
        ("F04D 1/00 - 29/22", ["F04D1/00", "F04D29/22"]),
        ("F04D0001000000-F04D0029220000", ["F04D1/00", "F04D29/22"]),
        ("F04D-001/00, B23D-045/00", ["F04D1/00", "B23D45/00"]),
        ("F04D 1/00 - Radial pumps; B23D 45/00: Saws", ["F04D1/00", "B23D45/00"]),
        ("F04D\u30001/00；B23D45/00", ["F04D1/00", "B23D45/00"]),
        ("310/43; F04D 1/00", [None, "F04D1/00"]),  # a class of the US
        ("1. F04D1/00 2. B23D45/00.", ["F04D1/00", "B23D45/00"]),
        ("F04D\u00a01/00", ["F04D1/00"]),
        ("IPC: F04D 1/00; B23D", ["F04D1/00", "B23D"]),
        ("(51) Int. Cl.7 F04D 1/00, 29/22", ["F04D1/00", "F04D29/22"]),
        ("int.cl.: F04D 1/00 | CPC:B23D45/00", ["F04D1/00", "B23D45/00"]),
        ("F04D1", ["F04D1/00"]),
        ("F04D0029", ["F04D29/00"]),
        ("F04D0000000000", ["F04D"]),
        ("A61M51723", ["A61M"]),  # 5/1723 or 51/723
        ("A", ["A"]),
        ("H02K 7/14 (2006.01)A", ["H02K7/14"]),  # no section A
        ("H02K 7/1", [None]),
        ("H2K 7/14", [None]),
        ("pump; B23D", [None, "B23D"]),
        ("F04D1/00 pump B23D45/00", [None, "B23D45/00"]),
        ("NaN", []),
        ("-", []),
        ("NULL; B23D", ["B23D"]),
        (" ; ", []),
        (None, []),
    ],
)
def test_texts_with_codes(
    con: duckdb.DuckDBPyConnection, text: str | None, wanted: list[str | None]
) -> None:
    assert symbols(con, [text]) == [wanted]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["US", "EP", "JP", ""]),
    st.sampled_from(["", "D", "RE"]),
    st.integers(1000, 10**10),
    st.sampled_from(["", "A", "B1", "B2"]),
    st.sampled_from(["{c} {p}{n} {k}", "{c}-{p}{n}-{k}", "{c}{p}{n}{k}", "{c} {p}{n:,} {k}"]),
)
def test_any_form_is_the_same_number(
    con: duckdb.DuckDBPyConnection, country: str, letters: str, n: int, kind: str, form: str
) -> None:
    text = form.format(c=country, p=letters, n=n, k=kind).strip(" -")
    row = con.execute("SELECT number_parts(?), split_numbers(?)", [text, f"{text}; {text}"])
    parts, both = row.fetchall()[0]
    assert parts == {"country": country, "digits": f"{letters}{n}", "kind": kind}
    assert both == [text, text]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("7000001,7000002", ["7000001", "7000002"]),
        ("10,000,002, 10,000,003", ["10,000,002", "10,000,003"]),
        ("[7000001.0, 7000002.0]", ["7000001", "7000002"]),
        ("US 6,000,000 A and 5,999,999", ["US 6,000,000 A", "5,999,999"]),
        ("nan", []),
        ("7'000'001; 6'999'999", ["7,000,001", "6,999,999"]),
        ("US7000001B2 US6999999A", ["US7000001B2", "US6999999A"]),
        ("7000001 (Roe, 1999); US 6999999 A [x]", ["7000001", "US 6999999 A"]),
        ("(7000001, 6999999)", ["7000001", "6999999"]),
        ("[7000001 6999999]", ["7000001", "6999999"]),
        ("US-7000001-B2 US-6999999-A", ["US-7000001-B2", "US-6999999-A"]),
        ("US 7000001 B2 WO 2010/123456 A1", ["US 7000001 B2", "WO 2010/123456 A1"]),
        ("7000001<br>6999999", ["7000001", "6999999"]),
        ("7000001/6999999", ["7000001", "6999999"]),
        ("US2010/0123456; 2011/0123457", ["US2010/0123456", "2011/0123457"]),
        ("7000001,0; 6999999,0", ["7000001", "6999999"]),
    ],
)
def test_texts_with_numbers(con: duckdb.DuckDBPyConnection, text: str, wanted: list[str]) -> None:
    assert con.execute("SELECT split_numbers(?)", [text]).fetchall()[0][0] == wanted


@pytest.mark.parametrize("text", ["7000010.0", "7000010.00", " 7000010,0", "7000010"])
def test_numbers_that_were_floats(con: duckdb.DuckDBPyConnection, text: str) -> None:
    assert con.execute("SELECT number_of(?)", [text]).fetchall() == [("7000010",)]


def test_a_number_is_one_line(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("SELECT number_of('US 7000001\r\n B2')").fetchall() == [("US 7000001 B2",)]


def test_a_number_before_a_text_is_dropped(con: duckdb.DuckDBPyConnection) -> None:
    texts = ["(US7000001) A pump.", "(EP 1234567 A1) A pump.", "(a) A pump.", "A pump (US7000001)"]
    got = con.execute("SELECT without_number(t) FROM (SELECT unnest(?) AS t)", [texts]).fetchall()
    assert [t for (t,) in got] == ["A pump.", "A pump.", "(a) A pump.", "A pump (US7000001)"]


@given(st.text("a- NUL\t\n\v\u00a0\ufeff\u00e4", max_size=90), st.integers(0, 2))
def test_texts_and_values_lose_blanks_around_them(con, text, long):
    text = text + long * ("x" * 60 + text)
    kept = text.strip(" \t\r\n\v\f\u00a0\ufeff")
    wanted = None if kept.lower() in ("", "-", "--", "null", "nan", "na") else kept
    found = con.execute("SELECT value_of(t), text_of(t) FROM (SELECT ? AS t)", [text]).fetchall()
    assert found == [(wanted, wanted)]


ITEMS = st.sampled_from(["A01B", "A01B1/00", "7000001", "US7000001B2", "NA", "", "X", "A" * 14])


@settings(deadline=None)
@given(st.lists(ITEMS, max_size=5), st.sampled_from(["; ", ";", "\x1f"]))
def test_plain_items_are_those_of_any_form(con, items, between):
    plain = between.join(items)
    row = "SELECT split_codes(t), split_numbers(t) FROM (SELECT ? AS t)"
    [found] = con.execute(row, [plain]).fetchall()
    assert found == con.execute(row, [plain + between + "N/A"]).fetchone()
    assert list(found) == [[i for i in items if i not in ("NA", "")]] * 2
