"""`Run`: the folders of a run, opened when they are first used, and questions answered on them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patentcl.core import artifacts
from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.core.reading import read_record, reading
from patentcl.encoders.checks import same_encoder
from patentcl.workspace import folders
from patentcl.workspace.queries import as_texts, full_texts

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from patentcl.classification.estimator import PatentClassifier
    from patentcl.data.corpus import Corpus
    from patentcl.encoders.encoder import PatentEncoder
    from patentcl.encoders.light import LightEncoder
    from patentcl.maps.analysis import Landscape
    from patentcl.maps.drawing import MapFigure
    from patentcl.search.index import PatentIndex
    from patentcl.workspace.mapping import Footprint, RunMap
    from patentcl.workspace.predictions import Predictor

PARTS = {
    "corpus": (".", "load DATA --graph duckdb://FILE"),
    "encoder": ("encoder", "train TRIPLETS"),
    "vectors": ("vectors", "embed CORPUS"),
    "index": ("index", "index VECTORS"),
    "classifier": ("classifier", "fit VECTORS"),
    "report": ("reports", "run RECIPE"),
    "map": ("reports/map", "map VECTORS"),
}
"""Parts of a run: the folder below the run's, and the command that writes it."""


class Run:
    """The results of a run, opened when they are first used.

    `open_run` opens a folder that ``patentcl run`` wrote. Parts that lie elsewhere are named.

    Parameters
    ----------
    folder : path
        The run's folder.
    encoder : str or path, optional
        A folder or a model's name, used instead of the name that the run's manifests give. An
        encoder other than the one that the vectors were made with is refused.
    **parts : path
        Folders to use instead of the run's own: corpus, vectors, index, classifier, report, map.

    Examples
    --------
    >>> run = open_run("artifacts/quickstart")  # doctest: +SKIP
    >>> run.similar("A battery pack with a cooling plate", k=5, before="2020")  # doctest: +SKIP
    >>> run.classify(["A lawn mower with a blade", "A pump"])  # doctest: +SKIP
    """

    def __init__(
        self, folder: str | Path, *, encoder: str | Path | None = None, **parts: str | Path | None
    ) -> None:
        self.folder = Path(folder)
        self.given = None if encoder is None else str(encoder)
        unknown = sorted(set(parts) - set(PARTS))
        if unknown:
            raise ConfigError("unknown part of a run", got=unknown[0], wanted=", ".join(PARTS))
        self._parts = {name: Path(place) for name, place in parts.items() if place is not None}
        self._encoders: dict[str, PatentEncoder] = {}
        self._light: dict[str, LightEncoder | None] = {}

    def __repr__(self) -> str:
        there = [name for name in PARTS if self.has(name)]
        return f"Run({str(self.folder)!r}: {', '.join(there) or 'nothing yet'})"

    def _repr_html_(self) -> str:
        from patentcl.workspace.summary import run_html

        return run_html(self, {name: command for name, (_, command) in PARTS.items()})

    # ---- parts ------------------------------------------------------------------------------

    def where(self, part: str) -> Path:
        """The folder of a part, there or not."""
        return self._parts.get(part, self.folder / PARTS[part][0])

    def has(self, part: str) -> bool:
        """Whether the folder of a part is complete."""
        return artifacts.read_manifest(self.where(part)) is not None

    def require(self, part: str) -> Path:
        """The folder of a part, which must be complete.

        Raises
        ------
        DataError
            Names the command that writes what is missing.
        """
        folder = self.where(part)
        if part in ("encoder", "vectors", "index", "map") and not folder.exists():
            recipe = folders.manifest_of(self.folder).get("recipe")
            if self.has("classifier") and not folders.manifest_of(self.where("classifier")).get(
                "encoder"
            ):
                raise DataError(
                    f"this run has no {part}: its classifier reads texts without an encoder",
                    where=folder,
                    got=f"recipe {recipe}" if recipe else None,
                    fix=f"Embed its patents with: patentcl embed {self.folder} --out "
                    f"{self.where('vectors')}; then: patentcl index {self.where('vectors')} "
                    f"--corpus {self.folder} --out {self.where('index')}",
                )
        artifacts.require(folder, part, PARTS[part][1])
        return folder

    @cached_property
    def level(self) -> str:
        """Deepest level of the labels: the classifier's, or else as the corpus was loaded."""
        if self.has("classifier"):
            return self.classifier.tree_.levels[-1]
        settings = folders.manifest_of(self.where("corpus")).get("settings", {})
        return str(settings.get("data", settings).get("level", "subclass"))

    @cached_property
    def corpus(self) -> Corpus:
        """The patents, with labels down to `level`."""
        return folders.open_corpus(self.where("corpus"), self.level)

    @cached_property
    def vectors(self) -> np.ndarray:
        """Vectors of the corpus in its order: a memory map of float16 or float32, shape (n, d)."""
        return folders.aligned_vectors(self.require("vectors"), self.corpus)

    @cached_property
    def index(self) -> PatentIndex:
        """The similarity index."""
        from patentcl.search.index import PatentIndex

        return PatentIndex.load(self.require("index"))

    @cached_property
    def classifier(self) -> PatentClassifier:
        """The classifier."""
        from patentcl.classification.estimator import PatentClassifier

        return PatentClassifier.load(self.require("classifier"))

    @cached_property
    def encoder(self) -> PatentEncoder:
        """The encoder of the index and the vectors."""
        from patentcl.encoders.encoder import PatentEncoder

        made = next((part for part in ("index", "vectors") if self.has(part)), None)
        if made is not None:
            return self.encoder_of(made, self.given)
        return PatentEncoder.load(self.given or self.require("encoder"))

    def encoder_of(self, part: str, given: str | None = None) -> PatentEncoder:
        """The encoder that a part's vectors were made with; `given` says where it is now."""
        made_with = str(folders.manifest_of(self.require(part)).get("encoder"))
        if made_with not in self._encoders:
            self._encoders[made_with] = folders.encoder_for(self.where(part), given)
        return self._encoders[made_with]

    def encode(self, part: str, texts: Sequence[Any], given: str | None = None) -> np.ndarray:
        """Vectors (n, d) of texts by the encoder of a part; a few texts need no PyTorch."""
        from patentcl.encoders.light import FEW, LightEncoder

        folder = self.require(part)
        made = folders.manifest_of(folder)
        if len(texts) <= FEW and str(made.get("encoder")) not in self._encoders:
            if part not in self._light:
                name = folders.encoder_name(folder, given)
                self._light[part] = LightEncoder.load(
                    name, made.get("max_length"), made.get("encoder")
                )
            light = self._light[part]
            if light is not None:
                return light.encode(texts)
        return self.encoder_of(part, given).encode(texts)

    @property
    def base(self) -> Run | None:
        """The same run before its encoder was tuned; None where it was not."""
        if artifacts.read_manifest(self.folder / "vectors-base") is None:
            return None
        parts = {name: self.folder / f"{name}-base" for name in ("vectors", "classifier")}
        return type(self)(self.folder, corpus=self.where("corpus"), **parts)

    @cached_property
    def report(self) -> pd.DataFrame:
        """Figures of the run: ``task``, ``system``, ``metric``, ``value``, ``low``, ``high``.

        Low and high are the ends of a 95 % interval. The page of the run is `page`.
        """
        import pandas as pd

        path = self.require("report") / "metrics.json"
        result = read_record(path)
        with reading(path):
            tasks = {"codes": result["classifier"], **result["retrieval"]}
            rows = [
                (task, system, metric, figure["value"], figure["low"], figure["high"])
                for task, systems in tasks.items()
                for system, figures in systems.items()
                for metric, figure in figures.items()
            ]
        columns = ["task", "system", "metric", "value", "low", "high"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def page(self) -> str:
        """What the run says of itself, as text."""
        folder = self.require("report")
        page = folders.manifest_of(folder).get("page")
        with reading(folder / "page.txt"):  # of a run by an older patentcl
            return page or (folder / "page.txt").read_text(encoding="utf-8")

    def map(self, out: str | Path | None = None, title: str = "", queries: Any = None) -> MapFigure:
        """Draw the map of the run: a figure that notebooks show, as a page to explore.

        Parameters
        ----------
        out : path, optional
            A folder for map.png, map.svg, map.html and coordinates.parquet.
        title : str
            Over the picture; by default the number of patents.
        queries : str, sequence of str or of (title, abstract), path, DataFrame or Corpus
            New patents to place on the map, as in `similar`; they are marked by a star.
        """
        from patentcl.encoders.vectors import read_vectors

        drawn, marks = self._drawn(), None
        names, texts = full_texts([] if queries is None else queries, self.read)
        if texts:
            new = self.encode("vectors", texts, self.given)
            marks = drawn.place(names, texts, new, read_vectors(self.require("vectors"))[0])
        return drawn.draw(out, title, marks)

    def landscape(self, out: str | Path | None = None, periods: int = 4) -> Landscape:
        """How the groups of the map grow, and where little lies beside much: tables and figures.

        Parameters
        ----------
        out : path, optional
            A folder for growth.csv, white_space.csv, periods.png and growth.png.
        periods : int
            Most periods; they hold about as many patents each.
        """
        return self._drawn().landscape(out, periods)

    def footprint(self, where: str | Sequence[bool]) -> Footprint:
        """Where a selection lies on the map: a table of groups, and a figure.

        Parameters
        ----------
        where : str or array_like of bool, shape (n,)
            An SQL expression over the corpus's columns as in `similar`, or the rows.
        """
        return self._drawn().footprint(where)

    def _drawn(self) -> RunMap:
        from patentcl.workspace.mapping import RunMap

        return RunMap(self.require("map"), self.corpus)

    # ---- questions --------------------------------------------------------------------------

    def read(
        self,
        source: str | Path | pd.DataFrame,
        limit: int | None = None,
        columns: Mapping[str, str] | None = None,
        encoding: str | None = None,
    ) -> Corpus:
        """Read other patents as `Corpus.read` does, those without text too.

        The columns and the encoding that were named for this run's own hold where they fit.
        """
        from patentcl.data.corpus import Corpus

        settings = folders.manifest_of(self.where("corpus")).get("settings", {}).get("data", {})
        like = {k: v for k in ("columns", "encoding") if (v := settings.get(k))}
        return Corpus.read(
            source, limit=limit, columns=columns, encoding=encoding, like=like, every_row=True
        )

    def similar(
        self,
        queries: Any = None,
        k: int = 10,
        *,
        ids: str | Iterable[str] | None = None,
        like: str | Iterable[str] | None = None,
        unlike: str | Iterable[str] | None = None,
        pool: str | None = None,
        mode: str = "dense",
        family: str | None = None,
        why: bool = False,
        among: Iterable[str] | None = None,
        **filters: Any,
    ) -> pd.DataFrame:
        """Find the nearest patents of texts, or of patents of the index.

        Parameters
        ----------
        queries : str, sequence of str or of (title, abstract), path, DataFrame, Corpus or ndarray
            What to look for; a str is a text, unless it is the name of a file, and an array of
            floats (m, d) holds vectors.
        k : int
            How many for each; fewer come back only where fewer pass the filters.
        ids : str or iterable of str
            Patents of the index to look for, each without itself.
        like, unlike : str or iterable of str
            Patents of the index: what is like the first and the queries, and not like the second.
        pool : {"mean", "best"}, optional
            Ask one question of all queries and ids: near their mean, or to the nearest of them.
        mode : {"dense", "bm25", "hybrid"}
            By the encoder's vectors, by words, or by both, in the index's own proportion.
        family : str, optional
            One hit for each family or group of near-copies, never that of the patent that asks:
            the ``first`` (best) member, the ``earliest``, a ``granted`` one, or of the first of
            some countries, ``US,EP,WO``. Rank and similarity are those of its best member.
        why : bool
            Add shared codes, citations between the two, the weightiest words and best sentence.
        among : iterable of str
            Look among these patents only.
        **filters
            before, after, before_patent, by, cpc, exclude_cpc, applicant, exclude_applicant,
            country, kind, status, in_family, where: as in `Filters.parts`.

        Returns
        -------
        DataFrame
            ``query`` (id of the patent that asks, or number of the text from 0), ``rank`` (from 1),
            ``id``, ``similarity`` (cosine), ``date``, ``title``, ``codes``, and whatever more the
            index holds; by query in the order given, then from most to least similar. Unless mode
            is dense also ``score`` and ``bm25``, of a hybrid search ``dense_rank`` and
            ``bm25_rank`` (missing beyond the first 100 of a side); with `family`, ``others``: how
            many more members pass; with `why`, ``shared_codes``, ``relation``, ``terms`` and
            ``sentence``. Empty texts have no rows.

        Warns
        -----
        UserWarning
            Where no patent passes the filters, texts are empty, or longer than the encoder reads.
        """
        from patentcl.search.index import checked_k
        from patentcl.search.ranking import MODES, rank
        from patentcl.workspace.similar import explained, questions

        k, filters = checked_k(k), filters | {"ids": among}
        choose(mode, MODES, "mode of search")
        asked = questions(self, queries, ids, like, unlike, pool, words=mode != "dense" or why)
        keep = self.index.filters.mask(**filters)
        found = rank(self.index, asked, k, mode, family, keep)
        if found.empty and keep is not None and not keep.any():
            warnings.warn(f"nothing found: {self.index.filters.explain(**filters)}", stacklevel=2)
        more = explained(self, found, asked) if why else found
        return self._shown(more, [q.name for q in asked], mode)

    def _shown(self, found: pd.DataFrame, names: list[Any], mode: str) -> pd.DataFrame:
        """Results with names for numbers, and what the index knows of the patents."""
        import pandas as pd

        meta = self.index.meta.iloc[found["position"]].reset_index(drop=True)
        for column in ("date", "title", "codes"):
            if column not in meta:
                empty: list[Any] = [[] if column == "codes" else None for _ in range(len(found))]
                meta[column] = empty
        rest = found.drop(columns=["query", "position", "similarity"])
        rest = rest.drop(columns=["score", "bm25"] if mode == "dense" else [])
        ranks = ["dense_rank", "bm25_rank"]
        if mode == "hybrid":
            rest[ranks] = rest[ranks].astype("Int64").where(rest[ranks] > 0)
        else:
            rest = rest.drop(columns=ranks)
        meta["query"] = [names[i] for i in found["query"]]
        meta["rank"] = (found.groupby("query").cumcount() + 1).to_numpy()
        meta["similarity"] = found["similarity"].to_numpy()
        first = ["query", "rank", "id", "similarity", "date", "title", "codes"]
        out = pd.concat([meta[first], rest, meta.drop(columns=first)], axis=1)
        return out.drop(columns="duplicate_group", errors="ignore")

    def limit_of(self, part: str) -> float:
        """How many tokens the encoder of a part reads of a text; a static one reads all."""
        made = folders.manifest_of(self.where(part))
        if not made.get("encoder") or "max_length" not in made:
            made = {"max_length": self.encoder_of(part, self.given).max_length}
        return made["max_length"] or math.inf

    def classify(
        self, queries: Any = None, *, ids: str | Iterable[str] | None = None, evidence: int = 3
    ) -> pd.DataFrame:
        """Predict the codes of texts, or of patents of the corpus.

        Parameters
        ----------
        queries : str, sequence of str or of (title, abstract), path, DataFrame or Corpus
            What to classify; a str is a text, unless it is the name of a file.
        ids : str or iterable of str
            Patents of the run's corpus to classify instead.
        evidence : int
            Labelled patents to find for each code; 0 for none.

        Returns
        -------
        DataFrame
            One row a code, children below their parents, patents in the order given: ``query`` (id
            of the patent, or number of the text from 0), ``symbol``, ``level``, ``title`` (of the
            code), ``probability``, ``confident`` (passes its own threshold) and ``evidence`` (ids
            of the most similar patents that carry the code). A patent without a code has one row
            without a symbol.

        Warns
        -----
        UserWarning
            Names texts that are empty, or unlike those the classifier was trained on.
        """
        from patentcl.workspace.predictions import as_frame, complaints

        if (queries is None) == (ids is None):
            raise ConfigError("classify takes either queries or ids", got="both" if ids else "none")
        if ids is not None:
            queries = self.corpus.select([ids] if isinstance(ids, str) else list(ids))
        found = list(self.predictor(evidence).predict(*as_texts(queries, self.read)))
        for complaint in complaints(found):
            warnings.warn(complaint, stacklevel=2)
        return as_frame(found)

    def predictor(self, evidence: int = 3, all_scores: bool = False) -> Predictor:
        """The classifier with its encoder and, unless `evidence` is 0, a source of evidence."""
        from patentcl.classification.familiarity import KnownWords
        from patentcl.workspace.evidence import VectorEvidence, WordEvidence
        from patentcl.workspace.predictions import Predictor

        if evidence < 0:
            raise ConfigError("evidence is negative", got=evidence, wanted="0 or more")
        model, place = self.classifier, self.evidence_folder if evidence else None
        encode = None
        if not model.reads_texts:
            encode = partial(self.encode, "classifier", given=self.given)
        known = KnownWords.load(self.where("classifier"))
        make = partial(Predictor, model, encode, all_scores=all_scores, known=known)
        if place is None:
            return make()
        if (place / "corpus.parquet").is_file():
            return make(WordEvidence(folders.open_corpus(place), model.tree_, evidence))
        made_with, fitted_on = (
            folders.manifest_of(self.require(part)).get("encoder")
            for part in ("index", "classifier")
        )
        other = None
        if model.reads_texts or not same_encoder(made_with, fitted_on):
            other = partial(self.encode, "index")
        return make(VectorEvidence(self.index, model.tree_, evidence, other))

    @property
    def evidence_folder(self) -> Path | None:
        """Where evidence comes from: the index, or else the corpus; None where there is neither."""
        if "index" in self._parts or self.has("index"):
            return self.where("index")
        return self.where("corpus") if self.has("corpus") else None


def open_run(folder: str | Path, **parts: Any) -> Run:
    """Open the folder of a run, `parts` as in `Run`.

    Raises
    ------
    DataError
        If the folder is not there, or holds nothing that a stage wrote.
    """
    run = Run(folder, **parts)
    if not any(map(run.has, PARTS)):
        wanted = "a folder that patentcl run has written"
        fix = "Make one with: patentcl run RECIPE"
        raise DataError("no run there", got=run.folder, wanted=wanted, fix=fix)
    return run
