"""Names of groups: by hand, by a naive transcription, and short titles."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from patentcl.cpc import own_titles
from patentcl.maps.naming import Names, _labels, group_title, short_title


def test_lift_by_hand() -> None:
    codes = [
        ["A01B1/00"],
        ["A01B1/00", "A01B3/00"],
        ["A01B1/00"],
        ["H01M4/00"],
        ["H01M4/00"],
        [],
        ["A01B1/00"],
        ["C12N1/00"],
    ]
    number = np.array([0, 0, 0, 0, 1, 0, 1, -1])
    found = Names(codes, None, {}).over_represented(number, "subclass")
    assert found.index.tolist() == [0] and found["code"].tolist() == ["A01B"]  # not of 2 patents
    assert found["share"][0] == 3 / 4
    assert found["lift"][0] == pytest.approx((3 / 4.5) / (4 / 7))
    assert found["gain"][0] == pytest.approx((3 / 4.5) * np.log((3 / 4.5) / (4 / 7)))


def test_names_are_titles_and_none_comes_twice() -> None:
    ideas = [["Batteries", "Cells"], ["Batteries"], ["Batteries"], [], [], ["Cells"]]
    terms = [["anode"], [], ["cathode", "ion"], ["pump", "valve"], [], ["ion"]]
    found = _labels(ideas, terms)
    assert found == [
        "Batteries",
        "Group 2",
        "Batteries: cathode",
        "Pump, valve",
        "Group 5",
        "Cells",
    ]


def test_terms_by_a_naive_transcription() -> None:
    texts = ["blue widget", "widget", "widget frame", "frame", "frame house", None]
    number = np.array([0, 0, 0, 1, 1, 1])
    counts = [
        {"blue": 1, "widget": 3, "blue widget": 1, "frame": 1, "widget frame": 1},
        {"frame": 2, "house": 1, "frame house": 1},
    ]
    total: dict[str, int] = {}
    for group in counts:
        for term, count in group.items():
            total[term] = total.get(term, 0) + count
    mean = sum(total.values()) / 2
    for group, found in zip(counts, Names(None, texts, {}).terms(number), strict=True):
        weight = {t: c / sum(group.values()) * np.log1p(mean / total[t]) for t, c in group.items()}
        assert found[0] == max(sorted(weight), key=lambda t: weight[t])
    assert Names(None, texts, {}).terms(number)[0][0] == "widget"


@pytest.mark.parametrize(
    ("title", "short"),
    [
        ("SEMICONDUCTOR DEVICES; ELECTRIC SOLID STATE DEVICES", "Semiconductor devices"),
        ("Hand tools (edge trimmers {for lawns (A01G3/06)} A01B)", "Hand tools"),
        (
            "HEAT-EXCHANGE APPARATUS, NOT PROVIDED FOR IN ANOTHER SUBCLASS, IN WHICH MEDIA",
            "Heat-exchange apparatus, in which media",
        ),
        ("PICTORIAL COMMUNICATION, e.g. TELEVISION", "Pictorial communication, e.g. television"),
        (
            "Preparations for the treatment of whatever ails patients and their animals",
            "Preparations for the treatment of whatever…",
        ),
        (
            "PREPARATIONS FOR MEDICAL, DENTAL OR TOILETRY PURPOSES",
            "Preparations for medical, dental or toiletry purposes",
        ),
        (
            "Semiconductor devices sensitive to infrared radiation, light or shorter waves",
            "Semiconductor devices sensitive to infrared…",
        ),
        (
            "ARRANGEMENT OR MOUNTING OF PROPULSION UNITS OR OF TRANSMISSIONS IN VEHICLES",
            "Arrangement or mounting of propulsion units",
        ),
        ("", ""),
        ("(nothing)", ""),
        ("Catalysts, {not otherwise}, by their form", "Catalysts, by their form"),
        ("A" * 80, "A" + "a" * 44 + "…"),
    ],
)
def test_short_titles(title: str, short: str) -> None:
    assert short_title(title) == short


@pytest.mark.parametrize(
    ("code", "title", "name"),
    [
        (
            "A01N",
            "PRESERVATION OF BODIES OF HUMANS",
            "Preservation of bodies; pesticides and herbicides",
        ),
        (
            "H01L27/00",
            "Devices consisting of a plurality of semiconductor or other parts formed in a base",
            None,
        ),
        (
            "G06F12/00",
            "Accessing, addressing or allocating within memory systems or architectures",
            None,
        ),
        ("G06F2212/00", "Indexing scheme relating to accessing, addressing or allocation", None),
        (
            "H01L21/00",
            "Processes or apparatus adapted for the manufacture or treatment of parts",
            None,
        ),
        ("H03L2207/00", "Details", None),
        ("H03L7/00", "Details; Automatic control of frequency", "Automatic control of frequency"),
        ("H04W12/00", "Arrangements, apparatus, circuits or systems for purposes not named", None),
        ("G06F3/00", "Other input arrangements", None),
        (
            "G06F3/00",
            "Input arrangements for transferring data to be processed into a form for computers",
            "Input arrangements for transferring data",
        ),
        (
            "H01M10/00",
            "Medicinal preparations containing organic active ingredients",
            "Medicinal preparations containing organic active ingredients",
        ),
        ("C12Q1/00", "Processes of preparing such compositions; Compositions therefor", None),
        ("", "", ""),
    ],
)
def test_a_group_has_a_whole_phrase_or_the_title_of_its_subclass(
    code: str, title: str, name: str | None
) -> None:
    assert group_title(code, {code: title}, Counter()) == (
        own_titles()[code[:4]] if name is None else name
    )


@pytest.mark.parametrize(
    ("titles", "name"),
    [
        (["Bone plate with prosthesis", "Knee prosthesis"], "Prostheses"),
        (
            ["Vascular filter", "Vessel filter", "Prosthesis"],
            "Filters implantable into blood vessels",
        ),
        (["Bone plate", "Bone screw"], "Filters implantable into blood vessels"),  # as it comes
    ],
)
def test_of_a_long_title_the_phrase_that_fits_the_words_of_the_group(
    titles: list[str], name: str
) -> None:
    title = "FILTERS IMPLANTABLE INTO BLOOD VESSELS; PROSTHESES, i.e. ARTIFICIAL SUBSTITUTES"
    words = Names(None, titles, {}).words(np.zeros(len(titles), dtype=int))[0]
    assert words["bone"] == sum("bone" in text.lower() for text in titles)
    assert group_title("A61F2/00", {"A61F2/00": title}, words) == name.replace(
        "Prostheses", "Prostheses, i.e. artificial substitutes"
    )


def test_a_term_says_what_the_title_does_not() -> None:
    assert _labels([["Pumps"], ["Pumps"]], [[], ["pump", "piston pump", "valve"]]) == [
        "Pumps",
        "Pumps: valve",
    ]
