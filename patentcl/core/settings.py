"""Typed settings and the recipes that hold them, with strict keys.

A recipe is one YAML file: what to read, how to split, mine, train, classify, index and draw.
Unknown keys raise and offer the nearest known ones; values are checked before anything runs.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from patentcl.core.errors import ConfigError, did_you_mean

Level = Literal["section", "class", "subclass", "group", "subgroup"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
# Strict numbers: `yes` is not 1, and "3" is not 3.
Switch = Annotated[bool, Field(strict=True)]
Whole = Annotated[int, Field(ge=0, strict=True)]
Positive = Annotated[int, Field(ge=1, strict=True)]
NotNegative = Annotated[float, Field(ge=0, strict=True)]
AboveZero = Annotated[float, Field(gt=0, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
PartShare = Annotated[float, Field(ge=0, lt=1, strict=True)]


if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


class _Names(ModelMetaclass):
    """Lists the settings of a class, so that help() and completion show these and no machinery."""

    def __dir__(cls) -> list[str]:
        return list(getattr(cls, "model_fields", ()))


class Settings(BaseModel, metaclass=_Names):
    """Base of all settings: frozen, and strict about unknown keys.

    A string below a field says what it means, in one sentence; `describe` reads it.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Add the settings to the class's docstring, and leave types out of its signature."""
        lines = [
            f"{row.key} : {row.type}"
            + ("" if row.type == "section" else f", default {row.default!r}")
            + f"\n    {row.meaning}"
            for row in describe(cls)
            if "." not in row.key
        ]
        cls.__doc__ = "\n".join([f"{cls.__doc__}", "", "Settings", "--------", *lines])
        arguments = [
            each.replace(
                annotation=each.empty,
                default=... if isinstance(each.default, BaseModel) else each.default,
            )
            for each in inspect.signature(cls).parameters.values()
        ]
        cls.__signature__ = inspect.Signature(arguments)

    @model_validator(mode="before")
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        return {} if value is None else value  # `map:` with nothing below it


class Setting(NamedTuple):
    """One setting as people are told of it; the default of a section is not told."""

    key: str
    type: str
    default: Any
    meaning: str


def describe(model: type[BaseModel], prefix: str = "") -> list[Setting]:
    """List the settings of a class, those of its sections below each with a dotted key.

    Examples
    --------
    >>> class Part(Settings):
    ...     size: Positive | None = None
    >>> [row[:3] for row in describe(Part)]
    [('size', 'whole number >= 1 | null', None)]
    """
    rows = []
    for name, field in model.model_fields.items():
        kind, key = field.annotation, f"{prefix}{name}"
        meaning = field.description or ""
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            rows += [Setting(key, "section", None, meaning), *describe(kind, f"{key}.")]
            continue
        default = (
            "(needed)" if field.is_required() else field.get_default(call_default_factory=True)
        )
        rows.append(Setting(key, _type_text(kind, field.metadata), default, meaning))
    return rows


_TYPES = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true | false",
    type(None): "null",
}
_LIMITS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def _type_text(kind: Any, metadata: Sequence[Any] = ()) -> str:
    """A type as people write its values."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        rules = [m for field in inner[1:] for m in getattr(field, "metadata", [field])]
        return _type_text(inner[0], rules)
    if origin is Literal:
        return " | ".join(map(str, inner))
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(_type_text, inner))
    if origin is tuple:
        return f"list of {_type_text(inner[0])}"
    if origin is dict:
        return f"mapping of {_type_text(inner[0])} to {_type_text(inner[1])}"
    limits = [
        f"{sign} {getattr(rule, name)}"
        for rule in metadata
        for name, sign in _LIMITS.items()
        if getattr(rule, name, None) is not None
    ]
    return " ".join(
        [_TYPES.get(kind, getattr(kind, "__name__", str(kind))), " and ".join(limits)]
    ).strip()


def _fields(model: type[BaseModel], path: Sequence[Any]) -> list[str]:
    """Names of the settings that the section at a path of keys has; none if it is no section."""
    for key in path:
        info = model.model_fields.get(str(key))
        kind = info.annotation if info is not None else None
        kinds = [k for k in (kind, *typing.get_args(kind)) if isinstance(k, type)]
        inner = next((k for k in kinds if issubclass(k, BaseModel)), None)
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _keys(location: Sequence[Any], values: Any, missing: bool) -> tuple[Any, ...]:
    """The keys of a pydantic location that stand in the values; the others name types."""
    keys = []
    for i, key in enumerate(location):
        try:
            values = values[key]
        except (KeyError, IndexError, TypeError):
            if not (missing and i == len(location) - 1):
                continue
        keys.append(key)
    return tuple(keys)


def _wanted(message: str) -> str:
    """What pydantic would have accepted, from its sentence about what it was given."""
    for start in ("Value error, ", "Input should be ", "String should "):
        message = message.removeprefix(start)
    return "lines of the form name: value" if message.startswith("a valid dictionary") else message


def _explain(
    error: ValidationError, model: type[BaseModel], values: Any, where: object
) -> ConfigError:
    """Turn pydantic's report into one line about its first finding."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for each in error.errors(include_url=False):
        found.setdefault(_keys(each["loc"], values, each["type"] == "missing"), []).append(each)
    path, about = next(iter(found.items()))
    name = f"setting {'.'.join(map(str, path))!r}" if path else "these settings"
    more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
    first = about[0]
    if first["type"] in ("extra_forbidden", "invalid_key"):
        return ConfigError(
            f"unknown {name}{more}",
            where=where,
            fix=did_you_mean(str(path[-1]), _fields(model, path[:-1])),
        )
    if first["type"] == "missing":
        return ConfigError(f"{name} is missing{more}", where=where)
    if first["loc"][-1:] == ("[key]",):
        return ConfigError(f"unknown {name}{more}", where=where, wanted=_wanted(first["msg"]))
    got = None if isinstance(first["input"], dict) else repr(first["input"])[:80]
    return ConfigError(
        f"{name} cannot be used{more}",
        where=where,
        got=got,
        wanted=", or ".join(_wanted(each["msg"]) for each in about),
    )


S = typing.TypeVar("S", bound=Settings)


def make_settings(model: type[S], values: Any, where: object = None) -> S:
    """Check plain values against a settings class; such settings themselves pass as they are.

    Raises
    ------
    ConfigError
        For an unknown key (with the nearest known ones), a missing one, or a value out of range.
    """
    if isinstance(values, model):
        return values
    if not isinstance(values, Mapping):
        raise ConfigError(
            "settings must be a mapping",
            where=where,
            got=type(values).__name__,
            wanted="lines of the form name: value",
        )
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise _explain(error, model, values, where) from None


class _Loader(yaml.SafeLoader):
    """Plain YAML in which no key may stand twice, 1e-3 is a number and a date is a text."""

    yaml_implicit_resolvers: typing.ClassVar = {  # type: ignore[misc]
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def _parse_yaml(text: str) -> Any:
    loader = _Loader(text)
    try:
        value = loader.get_single_data()
        if _size(value, {}) > _LARGEST:
            raise ValueError(f"more than {_LARGEST:,} values, with all references put in")
        return value
    except (RecursionError, ValueError) as error:
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


_LARGEST = 100_000


def _size(value: Any, known: dict[int, float]) -> float:
    """Values in plain data; references count each time, and what holds itself is infinite."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = float("inf")
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(value)]


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file safely; a syntax error names the line.

    Raises
    ------
    ConfigError
        If there is no such file, it cannot be read, is not YAML, or has a key twice.
    """
    try:
        return _parse_yaml(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("no such file", got=path) from None
    except OSError as error:
        raise ConfigError("the file cannot be read", where=path, got=error.strerror) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(
            "not valid YAML", where=f"{path}{line}", got=getattr(error, "problem", None) or error
        ) from None


def apply_overrides(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return settings with ``section.key=value`` texts applied; values are read as YAML.

    Examples
    --------
    >>> apply_overrides({"seed": 0}, ["train.epochs=2", "seed=7"])
    {'seed': 7, 'train': {'epochs': 2}}
    """
    out = _copy(values)
    for text in overrides:
        key, sign, raw = text.partition("=")
        *sections, last = key.strip().split(".")
        if not sign or not all([*sections, last]):
            raise ConfigError(
                "a setting must be given as name=value",
                got=repr(text),
                fix="For example --set train.epochs=2",
            )
        place = out
        for section in sections:
            inner = place.get(section)
            if inner is not None and not isinstance(inner, dict):
                raise ConfigError(f"{section!r} is not a section of settings", where=f"--set {key}")
            place[section] = inner = dict(inner or {})
            place = inner
        try:
            place[last] = _parse_yaml(raw)
        except yaml.YAMLError:
            raise ConfigError("the value cannot be read", where=f"--set {key}", got=raw) from None
    return out


def _copy(value: Any) -> Any:
    return {k: _copy(v) for k, v in value.items()} if isinstance(value, dict) else value
