"""Sentence templates of the synthetic corpus.

Fields: ``N1`` a component, with the article that its place in the text asks for; ``n1`` always
with "the"; ``s1 b1 i1`` what it does (third person, base form, -ing form); ``o p`` components named
before; ``T t h`` what the patent is about (with article, without, its head word); ``F`` its field;
``G gs g`` an effect (base form, third person, -ing form); ``Z Y`` thing and field of a second
subclass; ``rel`` how components are joined; ``dim len part temp`` ranges of figures. Styles:
mechanics, electronics, chemistry, information.
"""

from __future__ import annotations

_OPEN = (
    "{T} for {F} comprises {N1} and {N2}, wherein {n1} {s1}.",
    "disclosed is {T} comprising {N1} to {b1} and {N2} to {b2}.",
    "the present invention relates to {T} having {N1} that {s1}, and {N2} that {s2}.",
    "{T} is provided in which {N1} {s1} while {N2} {s2}.",
    "an object of the invention is to {G}. To this end, {T} is equipped with {N1} and {N2}.",
    "{T} includes {N1} that {s1}.",
    "the disclosure concerns {F}, and more specifically {T} with {N1}, {N2} and {N3}.",
)

OPENINGS: dict[str, tuple[str, ...]] = {
    "mech": (
        *_OPEN,
        "{T} includes {N1}, {N2} and {N3}, {n1} being movable relative to {n2}.",
        "in {T}, {N1} is mounted on {N2} so as to {b1}.",
        "an improved {t} has {N1} which {s1} and {N2} which {s2}.",
        "{T} with {N1} supported by {N2} is described.",
    ),
    "elec": (
        *_OPEN,
        "{T} includes {N1}, {N2} coupled to {n1}, and {N3}.",
        "in one aspect, {T} is provided that includes {N1} configured to {b1}.",
        "{T} of the disclosure includes: {N1} configured to {b1}; and {N2} configured to {b2}.",
        "embodiments relate to {F}, in which {N1} {s1} and {N2} {s2}.",
    ),
    "chem": (
        "provided is {T} comprising {N1}, {N2} and {N3}.",
        "{T} comprising {N1} and {N2} is disclosed, wherein {n1} {s1}.",
        "the present invention relates to {T} in which {N1} {s1}.",
        "the invention provides {T}, a process for its preparation, and its use in {F}.",
        "{T} contains {N1} as a main component and {N2}, which {s2}.",
        "described herein is {T} obtained by combining {N1} with {N2}.",
        "a method for producing {T} is provided, in which {N1} is brought together with {N2}.",
        "it has been found that {N1} can {b1} when {N2} is present in {T}.",
    ),
    "info": (
        *_OPEN,
        "systems and methods for {F} are described. In one example, {N1} {s1}.",
        "a computer-implemented method includes, by {N1} of {T}, a step to {b1}.",
        "techniques are disclosed for {F} in which {N1} {s1} and {N2} {s2}.",
        "{T} comprises one or more processors, and a memory with instructions by which {N1} {s1}.",
        "in some embodiments, {N1} {s1} and, based on the result, {N2} {s2}.",
    ),
}

METHOD_OPENINGS = (
    "{T} is disclosed, in which {N1} {s1} and {N2} {s2}.",
    "{T} includes a step in which {N1} {s1}, and a step in which {N2} {s2}.",
    "in {T}, {N1} {s1} while {N2} {s2}.",
    "the invention concerns {T} that makes use of {N1} and {N2}. First, {n1} {s1}.",
    "{T} comprises providing {N1} and {N2}, wherein {n1} {s1}.",
)
"""For a patent about a method, in any style."""

_MIDDLE = (
    "{N1} {s1}, and {N2} {s2}.",
    "the {h} further includes {N1} that {s1}.",
    "{N1} is configured to {b1}, which helps to {G}.",
    "{N1} may be provided to {b1} before {N2} {s2}.",
    "in one embodiment, {N1} {s1}.",
    "{N1} {s1}, thereby {g}.",
    "here, {o} {rel} {p}.",
    "in addition, {N1} can {b1}.",
    "{N1} is arranged to {b1}.",
    "preferably, {N1} is provided which {s1}.",
    "{N1} {s1} so that {N2} can {b2}, which makes it easier to {G}.",
    "the {h} is characterized in that {N1} {s1} independently of {o}.",
    "while {N1} {s1}, {N2} {s2}, and the two are arranged so as to {G}.",
    "for this purpose, {N1} and {N2} are provided, of which the former {s1} and the latter {s2}.",
    "unlike conventional solutions, {N1} {s1} without affecting {o}.",
)

MIDDLES: dict[str, tuple[str, ...]] = {
    "mech": (
        *_MIDDLE,
        "{o} is rotatable between an open position, in which {N1} {s1}, and a closed position.",
        "{N1} and {N2} are disposed on opposite sides of {o}, and {n1} {s1}.",
        "a pair of brackets extends from {o} to support {N1}, which in turn {s1}.",
        "{N1} {rel} {o} and {s1}.",
        "when {o} is moved to a second position, {N1} {s1}.",
        "{N1}, which is arranged next to {o}, {s1}.",
        "a spring urges {o} toward {N1}.",
        "movement of {o} causes {N1} to {b1}.",
        "{o} has a length of {len}.",
        "at least one end of {o} is secured to {N1}, so that {n1} can {b1}.",
        "{N1} is detachable from {o} for maintenance.",
    ),
    "elec": (
        *_MIDDLE,
        "{N1} has a first terminal connected to {o} and a second terminal connected to {N2}.",
        "{N1} compares the output of {o} with a reference and {s1} when the two differ.",
        "{o} is formed on one side, and {N1}, which {s1}, on the other side.",
        "{N1} {rel} {o} and {s1}.",
        "an output of {o} is supplied to {N1}, and {n1} {s1}.",
        "when a detected value exceeds a threshold, {N1} {s1}.",
        "{N1} {s1} in accordance with a signal from {o}.",
        "in a first mode {N1} {s1}, and in a second mode {N2} {s2}.",
        "{o} operates at {dim}.",
        "{N1} is disposed between {o} and {p}.",
    ),
    "chem": (
        *_MIDDLE,
        "{N1} is selected from the group consisting of known materials of this kind and {s1}.",
        "a process comprises (a) providing {N1}, (b) adding {N2}, and (c) isolating the product.",
        "in the presence of {N1}, which {s1}, the {h} remains stable for several months.",
        "{o} is used in an amount of {part}.",
        "the preparation takes place at {temp}, where {N1} {s1}.",
        "the weight ratio of {o} to {p} is from 1:2 to 1:9.",
        "after addition of {N1}, the mixture is stirred and dried.",
        "{N1} {rel} {o} so as to {b1}.",
        "examples of suitable materials include {N1} and {N2}.",
        "surprisingly, {o} has been found to {G}.",
        "the {h} according to the invention is useful in {F}.",
    ),
    "info": (
        *_MIDDLE,
        "the operations include receiving {N1}; identifying {N2}; and providing the result.",
        "upon determining that {o} is available, {N1} {s1} and a notification is transmitted.",
        "for each of a plurality of entries, {N1} {s1}, after which {N2} {s2}.",
        "in response to an event, {N1} {s1}.",
        "based at least in part on {o}, {N1} {s1}.",
        "the method further includes receiving {N1}, and determining that {N2} is to {b2}.",
        "a first set of data associated with {o} is compared with {N1}.",
        "if a condition is met, {N1} {s1}; otherwise, {N2} {s2}.",
        "{N1} {rel} {o}, and {s1}.",
        "information about {o} is stored, and {N1} {s1}.",
        "the result may be presented to a user through {N1}.",
    ),
    "mixed": (
        "for use in {Y}, the {h} additionally has {N1} that {s1}.",
        "the {h} can be combined with {Z}, where {N1} {s1}.",
        "applications include {Y}, where {N1} {s1}.",
        "when the {h} is employed in {Y}, {N1} {s1}.",
        "the disclosure further relates to {Z} in which {N1} {s1}.",
        "in the field of {Y}, {N1} may {b1}.",
    ),
}
"""Sentences by style; those under ``mixed`` bring in a component of the second subclass."""

CLOSINGS = (
    "as a result, it is possible to {G}.",
    "this makes it possible to {G}.",
    "in this way, the {h} can {G}.",
    "the {h} thus {gs}.",
    "a corresponding method is also disclosed.",
    "other embodiments are described and claimed.",
    "consequently, the {h} is able to {G} and to {G}.",
    "compared with the prior art, the {h} can {G}.",
    "methods of making and using the {h} are also provided.",
)

TITLES: dict[str, tuple[str, ...]] = {
    "mech": (
        "{t}",
        "{t} with {M}",
        "{t} having {M} and {m}",
        "{n} for {a}",
        "method for {i}",
        "{t} and method of {i}",
        "apparatus for {i}",
        "improved {t}",
        "{t} for {Y}",
        "device for {i} and {t} equipped therewith",
        "{n} and {t} including the same",
    ),
    "elec": (
        "{t}",
        "{t} and control method thereof",
        "{t} including {M}",
        "{t} and method for {i}",
        "{n} for use in {Y}",
        "system and method for {i}",
        "{t} having {M} and {m}",
        "{n} and {t} including the same",
        "method for operating {a}",
        "circuit arrangement for {i}",
    ),
    "chem": (
        "{t}",
        "{t} comprising {M}",
        "method for producing {a}",
        "{t} and use thereof in {Y}",
        "{n} and {t} containing the same",
        "process for {i}",
        "{t} and preparation method thereof",
        "use of {M} in {F}",
        "{t} containing {M} and {m}",
        "{n} for {Y}",
    ),
    "info": (
        "{t} using {M}",
        "system and method for {i}",
        "methods and systems for {F}",
        "{t}",
        "techniques for {i}",
        "{n} for {Y}",
        "method, apparatus and program for {i}",
        "{F} based on {M}",
        "{t} with {M} and {m}",
        "systems and methods for {F} using {M}",
    ),
}

METHOD_TITLES = (
    "{t}",
    "{t} using {M}",
    "{t} and apparatus therefor",
    "{t} based on {M} and {m}",
    "{t} for use in {Y}",
    "method for {i}",
)

RELATIONS: dict[str, tuple[str, ...]] = {
    "mech": (
        "is pivotally connected to",
        "is secured to",
        "extends through",
        "bears against",
        "is received in",
        "is mounted on",
        "is spaced apart from",
        "is slidable along",
        "projects from",
        "is releasably attached to",
    ),
    "elec": (
        "is electrically connected to",
        "is coupled to",
        "is arranged over",
        "overlaps",
        "is connected in series with",
        "communicates with",
        "is located adjacent to",
        "is controlled by",
    ),
    "chem": (
        "is mixed with",
        "is dispersed in",
        "is bound to",
        "is dissolved together with",
        "is added to",
        "coexists with",
        "is present on",
    ),
    "info": (
        "communicates with",
        "is associated with",
        "receives an output of",
        "is linked to",
        "is executed together with",
        "is updated by",
        "depends on",
    ),
}

RANGES: dict[str, tuple[str, ...]] = {
    "len": ("2-60-2 mm", "10-400-10 mm", "1-90-1 cm"),
    "dim": ("1-60-1 V", "10-900-10 MHz", "5-200-5 mA", "1-90-1 kHz"),
    "part": ("5-95-5 wt%", "1-40-1 parts by weight", "1-60-1 mol%"),
    "temp": ("20-260-10 °C", "5-95-5 °C"),
}

GENERIC: dict[str, str] = {
    "mech": """housing|casing: enclose the moving parts; support|mounting member: bear the load;
        drive|electric motor: supply the driving force; controller: govern the sequence;
        spring|resilient member: press the parts together; shaft|spindle: pass on rotation;
        first|upper end: be fastened by screws; actuator: set the position""",
    "elec": """controller|processor: evaluate the signals; memory|storage: keep the settings;
        housing|case: enclose the circuit; sensor|detector: report a measured value;
        circuit|printed board: carry the components; power|voltage supply: feed the circuit;
        communication|interface module: exchange data; display|indicator: show the state""",
    "chem": """mixture|blend: be stirred; first|second component: be added in portions;
        solvent|liquid_medium: be removed under reduced pressure; surface|outer layer: be modified;
        reaction|process vessel: be heated; additive|auxiliary: adjust the properties;
        particle|powder_grain: have a small diameter; catalyst|initiator: start the reaction""",
    "info": """processor|computing_device: carry out the steps; memory|storage: hold instructions;
        network|communication interface: receive a request; user|graphical interface: show a result;
        database|data_store: keep the records; server|host: respond to the request;
        module|software_component: process the input; device|terminal: send a message""",
}
