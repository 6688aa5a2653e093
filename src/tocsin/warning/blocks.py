"""One warning in several languages: each block of a CAP message rendered from the same record by a phrase table.

Nothing is translated by a machine at run time: a table holds the phrases, a topic its own names in that language. A table that no native
speaker has signed says so in every block. A block bears the digest of what it was rendered from, so that
one that is missing or stale is found before anything is issued.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import yaml

from tocsin.core import iso
from tocsin.core.times import SECOND

from . import words
from .errors import BadStep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.core import WarningRecord
    from tocsin.formats.cap import CapInfo

    from .model import Topic, Translation

ENGLISH: Final = "en"
RENDERED_FROM: Final = "rendered from"
TRANSLATION: Final = "translation"
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_SAID: Final = (
    *("topic", "level", "sentence", "probabilities", "words", "confidence", "innocent", "base_rate", "evidence"),
    *("cannot_see", "would_change", "eta", "eta_place", "area"),
)


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The phrases of one language. `reviewed_by`: the native speaker who signed it; empty: nobody has."""

    language: str
    reviewed_by: str
    phrases: dict[str, str]

    def __getitem__(self, phrase: str) -> str:
        if (found := self.phrases.get(phrase)) is None:
            raise BadStep(f"the phrase table {self.language} has no phrase {phrase!r}")
        return found


class Block(NamedTuple):
    """The words of one language: what differs between a CAP message's info blocks."""

    language: str
    event: str
    headline: str
    description: str
    area: str
    parameters: tuple[tuple[str, str], ...]


@cache
def table(language: str) -> Table:
    """The phrase table that ships for a language; raises `BadStep` if there is none."""
    file = resources.files(__package__) / "phrases" / f"{language}.yaml"
    if not language.replace("-", "").isalnum() or not file.is_file():
        raise BadStep(f"no phrase table ships for the language {language[:20]!r}")
    return msgspec.convert(yaml.safe_load(file.read_bytes()), Table)


def digest(warning: WarningRecord) -> str:
    """What all blocks of a warning are rendered from, as 16 hexadecimal digits: its words and figures, not its state or version."""
    said = [getattr(warning, name) for name in _SAID]
    return hashlib.sha256(_ENCODER.encode(said)).hexdigest()[:16]


def render(warning: WarningRecord, topic: Topic, language: str, status: str) -> Block:
    """The block of one language; raises `BadStep` if the topic or the table lacks words for it. `status`: CAP's, such as Exercise."""
    phrases = table(language)
    marks = [(RENDERED_FROM, digest(warning))]
    if language == ENGLISH:
        return _english(warning, topic, phrases, status, tuple(marks))
    if not phrases.reviewed_by:
        marks.append((TRANSLATION, "unreviewed"))
    return _translated(warning, topic, phrases, status, tuple(marks))


def check(warning: WarningRecord, infos: Iterable[CapInfo], languages: Iterable[str]) -> None:
    """Raise `BadStep` unless there is a block in each of `languages` and every block was rendered from this warning as it stands."""
    found = {info.language: dict(info.parameters).get(RENDERED_FROM) for info in infos}
    if missing := [language for language in languages if language not in found]:
        raise BadStep(f"the block in {missing[0]} is missing: a warning is issued in all of its languages or not at all")
    now = digest(warning)
    if stale := sorted(language for language, at in found.items() if at != now):
        raise BadStep(f"the block in {stale[0]} is stale: it was rendered from another state of this warning")


def _english(warning: WarningRecord, topic: Topic, phrases: Table, status: str, marks: tuple[tuple[str, str], ...]) -> Block:
    mark = "" if status == "Actual" else f"{status.upper()} "
    first = warning.sentence.partition(". ")[0].rstrip(".") + "."
    description = phrases["description"].format(
        mark=f"{mark.strip()}. " if mark else "",
        sentence=warning.sentence,
        innocent=" ".join(words.sentence(one) for one in warning.innocent),
        base_rate=warning.base_rate,
        why=" ".join(words.sentence(f"{e.text} ({words.weight(e.weight)})") for e in warning.evidence),
        blind=" ".join(words.sentence(one) for one in warning.cannot_see),
    )
    area = _area(warning, topic, phrases, words.listed([p.name for p in topic.places]))
    headline = phrases["headline"].format(mark=mark, level=warning.level, first=first)[:160]
    return Block(ENGLISH, topic.title, headline, description, area, marks)


def _translated(warning: WarningRecord, topic: Topic, phrases: Table, status: str, marks: tuple[tuple[str, str], ...]) -> Block:
    own = topic.translations.get(phrases.language)
    if own is None:
        raise BadStep(f"topic {topic.id} has no words in {phrases.language}")
    mark = "" if status == "Actual" else phrases[f"mark-{status}"]
    said = {
        "mark": mark,
        "level": _of(own.levels, warning.level, own),
        "subject": _of(own.hypotheses, topic.subject, own),
        "likelihood": phrases[f"word-{words.likelihood(warning.probabilities[topic.subject])}"],
        "percent": _percent(warning.probabilities[topic.subject], phrases),
    }
    arrival = ""
    if warning.eta is not None:
        arrival = phrases["arrival"].format(time=_time(warning.eta), place=warning.eta_place)
    description = phrases["description"].format(
        **said,
        confidence=phrases[f"confidence-{warning.confidence}"],
        arrival=arrival,
        innocent="".join([*_other_ways(warning, topic, own, phrases), *own.innocent]),
        base_rate=own.base_rate,
        why="".join(_reasons(warning, own, phrases)),
        blind=phrases["blind"].format(count=len(warning.cannot_see)),
        note="" if phrases.reviewed_by else phrases["unreviewed"],
    )
    area = _area(warning, topic, phrases, phrases["separator"].join(p.name for p in topic.places))
    return Block(phrases.language, own.title, phrases["headline"].format(**said)[:160], description, area, marks)


def _area(warning: WarningRecord, topic: Topic, phrases: Table, places: str) -> str:
    if warning.eta_place:
        return phrases["area-towards"].format(place=warning.eta_place)
    return phrases["area-around"].format(places=places if topic.places else warning.topic)


def _other_ways(warning: WarningRecord, topic: Topic, own: Translation, phrases: Table) -> list[str]:
    others = [(p, name) for name, p in warning.probabilities.items() if name != topic.subject and p >= 0.05]
    return [
        phrases["explains-too"].format(hypothesis=_of(own.hypotheses, name, own), percent=_percent(p, phrases))
        for p, name in sorted(others, reverse=True)
    ]


def _reasons(warning: WarningRecord, own: Translation, phrases: Table) -> list[str]:
    found = []
    for item in warning.evidence:
        ratio = item.weight
        if ratio >= 1.25:
            weight = phrases["weight-more"].format(times=f"{ratio:.0f}" if ratio >= 2 else f"{ratio:.1f}")
        elif 0 < ratio <= 0.8:
            weight = phrases["weight-less"].format(times=f"{1 / ratio:.0f}" if ratio <= 0.5 else f"{1 / ratio:.1f}")
        else:
            weight = phrases["weight-none"]
        found.append(phrases["because"].format(indicator=_of(own.indicators, item.indicator, own), weight=weight, time=_time(item.since)))
    return found


def _percent(probability: float, phrases: Table) -> str:
    if probability < 0.01:
        return phrases["under-one"]
    return phrases["over-ninety-nine"] if probability > 0.99 else f"{round(probability * 100)} %"


def _of(names: dict[str, str], name: str, own: Translation) -> str:
    if (found := names.get(name)) is None:
        raise BadStep(f"{own.title} has no word for {name[:40]!r}")
    return found


def _time(time: int) -> str:
    return iso(time - time % SECOND)[:16].replace("T", " ") + "Z"
