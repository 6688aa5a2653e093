"""Reading topic files: YAML that means one thing, checked whole before anything is watched with it.

Refused: keys that nobody knows or that stand twice, wrong types, probabilities out of range, references to what is not
there, YAML anchors and tags (a small file must stay small), and files past the caps. Every refusal names the
file, the line and the key.
"""

from __future__ import annotations

import math
import re
from functools import cache
from importlib import resources
from typing import Any, Final

import msgspec
import yaml

from tocsin.core import TooLarge

from . import blocks
from .detectors import detector_class, detector_names
from .errors import BadStep, BadTopic
from .model import Topic, key_text

MAX_BYTES: Final = 262_144
MAX_DEPTH: Final = 16
_SCALARS: Final = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`")
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")

Path = tuple[str | int, ...]


def read_topic(data: bytes, name: str) -> Topic:
    """The topic in a YAML file's bytes; `name` is what the error calls it. Raises `BadTopic` or `TooLarge`."""
    if len(data) > MAX_BYTES:
        raise TooLarge(f"topic {name}", len(data), MAX_BYTES)
    lines: dict[Path, int] = {}
    values = _values(_compose(data, name), (), lines, name)
    whole: Topic = _convert(values, Topic, (), lines, name)
    _check(whole, lines, name)
    return whole


@cache
def shipped(name: str) -> Topic:
    """A topic that ships with the product, such as `airborne-rapid-deployment`; raises `BadTopic` if there is none of that name."""
    file = resources.files(__package__) / "topics" / f"{name}.yaml"
    if not re.fullmatch(r"[a-z0-9-]+", name) or not file.is_file():
        raise BadTopic(name, 1, "", "no topic of that name ships: give a file")
    return read_topic(file.read_bytes(), f"{name}.yaml")


def parameters_of(topic: Topic, indicator: str) -> Any:
    """The checked parameters of an indicator's detector, as that detector's own struct."""
    found = topic.indicator(indicator)
    return msgspec.convert(found.parameters, detector_class(found.detector).Parameters)


def topic_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of topic files, with the parameters of each registered detector under `x-parameters`."""
    schema = msgspec.json.schema(Topic)
    parameters = {name: msgspec.json.schema(detector_class(name).Parameters) for name in detector_names()}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Tocsin topic"}
    return {**head, **schema, "x-parameters": parameters}


def _compose(data: bytes, name: str) -> yaml.Node:
    try:
        depth = 0
        for event in yaml.parse(data.decode("utf-8-sig"), Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise BadTopic(name, line, "", "anchors and aliases are not taken: write it out")
            if depth > MAX_DEPTH:
                raise BadTopic(name, line, "", f"nested deeper than {MAX_DEPTH}")
        node = yaml.compose(data.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise BadTopic(name, data[: error.start].count(b"\n") + 1, "", "not UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadTopic(name, mark.line + 1 if mark else 1, "", f"not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError:
        raise BadTopic(name, 1, "", "not YAML: it holds characters that YAML does not allow") from None
    if not isinstance(node, yaml.MappingNode):
        raise BadTopic(name, 1, "", "a topic is a mapping of keys, and this is not")
    return node


def _values(node: yaml.Node, path: Path, lines: dict[Path, int], name: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise BadTopic(name, line, _text(path), "a key is plain text")
            if key.value in found:
                raise BadTopic(name, line, _text((*path, key.value)), "this key stands twice")
            lines[*path, key.value] = line
            found[key.value] = _values(value, (*path, key.value), lines, name)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_values(value, (*path, index), lines, name) for index, value in enumerate(node.value)]
    if node.tag not in _SCALARS:
        raise BadTopic(
            name, node.start_mark.line + 1, _text(path), f"{str(node.value)[:40]!r} is of a type that is not taken: put it in quotes"
        )
    try:
        # A SafeLoader that reads nothing, for the one method that turns a plain scalar into its value.
        value = yaml.SafeLoader("").construct_object(node)
    except (ValueError, yaml.YAMLError):
        raise BadTopic(name, node.start_mark.line + 1, _text(path), "this value cannot be read") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise BadTopic(name, node.start_mark.line + 1, _text(path), "a number must be finite")
    return value


def _convert(values: Any, kind: Any, root: Path, lines: dict[Path, int], name: str) -> Any:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `")
        path = (*root, *_path(where.rstrip("`")))
        if found := _UNKNOWN.match(problem):
            path, problem = (*path, found[1]), "nobody knows this key"
        elif found := _MISSING.match(problem):
            problem = f"{found[1]!r} is missing"
        elif "`key` in " in str(error) or "key" in where:
            problem = f"a key here: {problem}"
        raise BadTopic(name, _line(path, lines), _text(path), problem[:1].lower() + problem[1:]) from None


def _check(topic: Topic, lines: dict[Path, int], name: str) -> None:
    def no(path: Path, problem: str) -> None:
        raise BadTopic(name, _line(path, lines), _text(path), problem)

    ids = [h.id for h in topic.hypotheses]
    for key, items in (("hypotheses", ids), ("groups", [g.id for g in topic.groups]), ("indicators", [i.id for i in topic.indicators])):
        _no_twins(items, key, no)
    _no_twins([p.name for p in topic.places], "places", no)
    _no_twins(list(topic.level_names), "levels", no)
    if not math.isclose(total := sum(h.base_rate for h in topic.hypotheses), 1.0, abs_tol=1e-6):
        no(("hypotheses",), f"the base rates add up to {total:g}, not 1")
    if topic.subject not in ids:
        no(("subject",), f"no hypothesis {topic.subject!r}: use one of {', '.join(ids)}")
    _check_levels(topic, no)
    _check_languages(topic, no)
    for index, indicator in enumerate(topic.indicators):
        _check_indicator(topic, ("indicators", index), no)
        if indicator.detector not in detector_names():
            no(("indicators", index, "detector"), f"no detector {indicator.detector!r}: use one of {', '.join(detector_names())}")
        root = ("indicators", index, "parameters")
        parameters = _convert(indicator.parameters, detector_class(indicator.detector).Parameters, root, lines, name)
        for place in getattr(parameters, "places", ()):
            if place not in [p.name for p in topic.places]:
                no((*root, "places"), f"no place {place!r}")


def _check_languages(topic: Topic, no: Any) -> None:
    if topic.languages[0] != blocks.ENGLISH or len(set(topic.languages)) < len(topic.languages):
        no(("languages",), "English (en) comes first, and each language once")
    for language in topic.languages[1:]:
        if (own := topic.translations.get(language)) is None:
            no(("languages",), f"{language} has no translations")
            continue
        needs = (
            ("hypotheses", {h.id for h in topic.hypotheses}),
            ("indicators", {i.id for i in topic.indicators}),
            ("levels", set(topic.level_names)),
        )
        for key, names in needs:
            if odd := sorted(names ^ set(getattr(own, key))):
                what = "has no word here" if odd[0] in names else "is not in this topic"
                no(("translations", language, key), f"{odd[0]!r} {what}")
        try:
            blocks.table(language)
        except BadStep as error:
            no(("languages",), str(error))


def _check_levels(topic: Topic, no: Any) -> None:
    if topic.levels[0].up != 0.0:
        no(("levels", 0), "the lowest level has no up and no down: it is where nothing rings")
    for index, (lower, upper) in enumerate(zip(topic.levels, topic.levels[1:], strict=False), 1):
        if upper.up <= lower.up or upper.down < lower.down:
            no(("levels", index), f"{upper.name} must be reached above {lower.name}: levels go from the lowest to the highest")
    for path, level in ((("warn_at",), topic.warn_at), (("authentication", "single_kind_cap"), topic.authentication.single_kind_cap)):
        if level not in topic.level_names:
            no(path, f"no level {level!r}: use one of {', '.join(topic.level_names)}")
    if topic.warn_at == topic.level_names[0]:
        no(("warn_at",), "the lowest level cannot draft a warning: it is always reached")


def _check_indicator(topic: Topic, path: Path, no: Any) -> None:
    indicator = topic.indicators[int(path[1])]
    if indicator.group not in [g.id for g in topic.groups]:
        no((*path, "group"), f"no group {indicator.group!r}")
    ids = {h.id for h in topic.hypotheses}
    given: list[tuple[Path, dict[str, float]]] = [((*path, "likelihoods"), indicator.likelihoods)]
    if indicator.absence is not None:
        given.append(((*path, "absence", "likelihoods"), indicator.absence.likelihoods))
        if indicator.absence.alongside not in {None, *(i.id for i in topic.indicators)} - {indicator.id}:
            no((*path, "absence", "alongside"), f"no other indicator {indicator.absence.alongside!r}")
    for where, likelihoods in given:
        if odd := sorted(set(likelihoods) ^ ids):
            no(where, f"{odd[0]!r} is {'missing' if odd[0] in ids else 'no hypothesis'}: give one likelihood for each hypothesis")


def _no_twins(items: list[str], key: str, no: Any) -> None:
    for index, item in enumerate(items):
        if item in items[:index]:
            no((key, index), f"{item!r} stands twice")


def _path(text: str) -> Path:
    return tuple(int(part[1:-1]) if part.startswith("[") else part for part in re.findall(r"\[\d+\]|[^.\[\]$]+", key_text(text)))


def _text(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _line(path: Path, lines: dict[Path, int]) -> int:
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)
