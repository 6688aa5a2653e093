"""The second key to release: the site's own Cedar policies, checked when they are read and asked in batches.

Only `permit` is taken. Cedar leaves out a policy whose condition errs: a `permit` left out allows less, a `forbid`
left out would allow more, so restrictions are conditions of the permit. What errs is never shown or logged, since
Cedar's texts quote the facts. Policies are validated against the schema when they are read; facts are held to the
same types once for each label and reader, not once for each question, which would cost as much as the decision.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cedarpy
import msgspec

from tocsin.core.labels import NO_RESHARE

from .errors import BadPolicies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.core import Clearance, Label
    from tocsin.core.times import Micros

SUFFIX = ".cedar"
MAX_FILES = 64
MAX_BYTES = 262_144
MAX_DEPTH = 64
CLAUSES = 8
"""Clauses of communities that the facts have room for; a label with more is allowed to nobody."""
BATCH = 256
_HERE = Path(__file__).parent
_ENCODER = msgspec.json.Encoder(order="deterministic")
ACTIONS = frozenset({"release", "tell", "read", "receive"})
_TIMES = {"now", "clock"}
MINUTE = 60_000_000


class Asked(NamedTuple):
    """One question to the site's policies. `action`: release, tell, read, receive; `now` µs UTC of protocol time."""

    action: str
    label: Label
    reader: Clearance
    level: str
    realm: str
    kind: str
    topic: str
    now: Micros


class LabelFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """A label as the schema's `LabelFacts` has it."""

    policy: str
    level: str
    classification: int
    originators: frozenset[str]
    releasable_to: frozenset[str]
    caveats: list[str]
    terms: list[str]
    no_reshare: bool
    expires: int | None = None
    community1: tuple[str, ...] | None = None
    community2: tuple[str, ...] | None = None
    community3: tuple[str, ...] | None = None
    community4: tuple[str, ...] | None = None
    community5: tuple[str, ...] | None = None
    community6: tuple[str, ...] | None = None
    community7: tuple[str, ...] | None = None
    community8: tuple[str, ...] | None = None


class ReaderFacts(msgspec.Struct, frozen=True):
    """A clearance as the schema's `ReaderFacts` has it."""

    policy: str
    partner: str
    classification: int
    caveats: list[str]
    communities: tuple[str, ...]
    terms: tuple[str, ...]


class RestFacts(msgspec.Struct, frozen=True):
    """The facts that are neither label's nor reader's."""

    realm: str
    kind: str
    topic: str
    now: int


class SitePolicies:
    """A parsed set of policies. `fault` says why it allows nothing, if it does so because it could not be read."""

    def __init__(self, texts: Mapping[str, str], *, where: str = "policies") -> None:
        self.where = where
        self.fault = ""
        self.names: tuple[str, ...] = ()
        self.uses_time = False
        for name, text in texts.items():
            self._add(name, text)
        self.digest = hashlib.sha256("\n".join(texts.values()).encode()).digest()
        if not self.names:
            raise BadPolicies(f"{where}: there is no policy in it: nobody is given anything until there is")
        self._set: cedarpy.PolicySet | None = cedarpy.PolicySet.from_str("\n".join(texts.values()))

    @classmethod
    def shipped(cls) -> SitePolicies:
        """The permit that expresses the lattice's rule."""
        found = cls({"release.cedar": (_HERE / "release.cedar").read_text()}, where="shipped")
        # Its one use of time is the label's own expiry, which the gate looks at anyway.
        found.uses_time = False
        return found

    @classmethod
    def read(cls, folder: Path) -> SitePolicies:
        """The policies of every `.cedar` file in `folder`, in alphabetic order; raises `BadPolicies`."""
        try:
            files = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
            if len(files) > MAX_FILES or sum(path.stat().st_size for path in files) > MAX_BYTES:
                raise BadPolicies(f"{folder}: more than {MAX_FILES} files or {MAX_BYTES:,} bytes of policies")
            texts = {path.name: path.read_bytes().decode() for path in files}
        except OSError as error:
            raise BadPolicies(f"{folder}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise BadPolicies(f"{folder}: a policy is not UTF-8") from None
        return cls(texts, where=str(folder))

    @classmethod
    def nothing(cls, fault: str) -> SitePolicies:
        """Policies that allow nothing, because of `fault`."""
        found = cls.__new__(cls)
        found.where, found.fault, found.names, found.uses_time, found.digest, found._set = "", fault, (), False, b"", None
        return found

    def allow(self, asked: Sequence[Asked]) -> list[bool]:
        """For each question whether a policy permits it and none errs; whatever goes wrong on the way is a no."""
        answers: list[bool] = []
        for begin in range(0, len(asked), BATCH):
            answers += self._ask(asked[begin : begin + BATCH])
        return answers

    def _ask(self, asked: Sequence[Asked]) -> list[bool]:
        requests: list[dict[str, Any]] = []
        places: list[int] = []
        for place, one in enumerate(asked):
            try:
                requests.append(request(one))
            except (TypeError, AttributeError, ValueError, msgspec.ValidationError):
                continue  # The facts cannot be said, so nothing can permit it.
            places.append(place)
        found = [False] * len(asked)
        if self._set is None or not requests:
            return found
        try:
            results = cedarpy.is_authorized_batch(requests, self._set, _entities())
        except (ValueError, TypeError, RuntimeError):
            return found
        for place, result in zip(places, results, strict=True):
            found[place] = result.decision is cedarpy.Decision.Allow and not result.diagnostics.errors
        return found

    def _add(self, name: str, text: str) -> None:
        at = f"{self.where}/{name}"
        if _depth(text) > MAX_DEPTH:
            raise BadPolicies(f"{at}: brackets nest deeper than {MAX_DEPTH}")
        try:
            tree = json.loads(cedarpy.policies_to_json_str(text))
            result = cedarpy.validate_policies(text, _schema())
        except (ValueError, RecursionError) as error:
            raise BadPolicies(f"{at}: {_line(error)}") from None
        if tree["templates"] or tree.get("templateLinks"):
            raise BadPolicies(f"{at}: templates are not taken: write the policy out")
        for key, policy in tree["staticPolicies"].items():
            said = policy.get("annotations", {}).get("id") or key
            if policy["effect"] != "permit":
                raise BadPolicies(f"{at}: {said} is a forbid, which fails open when it errs: say it as a condition of the permit")
            self.names = (*self.names, said)
            self.uses_time = self.uses_time or _mentions(policy, _TIMES)
        if not result.validation_passed:
            raise BadPolicies(f"{at}: {_line(result.errors[0].error if result.errors else 'it does not fit the schema')}")


@lru_cache(maxsize=1)
def _schema() -> cedarpy.Schema:
    return cedarpy.Schema.from_str((_HERE / "release.cedarschema").read_text())


@lru_cache(maxsize=1)
def _entities() -> cedarpy.Entities:
    return cedarpy.Entities.from_json_str("[]")


def request(one: Asked) -> dict[str, Any]:
    """What Cedar is asked for `one`; raises `ValidationError` or `ValueError` if its facts do not fit the schema's types."""
    if one.action not in ACTIONS:
        raise ValueError("the site's policies know no such action")
    minute = one.now // MINUTE
    # 1970-01-01 was a Thursday.
    clock = f'{{"hour":{minute // 60 % 24},"minute":{minute % 60},"weekday":{(minute // 1440 + 3) % 7 + 1}}}'
    rest = _typed(RestFacts(one.realm, one.kind, one.topic, one.now))
    exercise = "true" if one.realm.startswith("exercise:") else "false"
    label, reader = _label_facts(one.label, one.level), _reader_facts(one.reader)
    return {
        "principal": {"type": "Reader", "id": one.reader.partner},
        "action": {"type": "Action", "id": one.action},
        "resource": {"type": "Matter", "id": one.kind or "any"},
        "context": f'{{"label":{label},"reader":{reader},"exercise":{exercise},"clock":{clock},{rest[1:]}',
    }


@lru_cache(maxsize=4096)
def _label_facts(label: Label, level: str) -> str:
    if len(label.communities) > CLAUSES:
        raise ValueError("more communities than the facts have room for")
    clauses = {f"community{at}": clause for at, clause in enumerate(label.communities, 1)}
    facts = LabelFacts(
        label.policy,
        level,
        label.classification,
        label.originators,
        label.releasable_to,
        sorted(label.caveats),
        [term for term in label.terms if term != NO_RESHARE],
        NO_RESHARE in label.terms,
        label.expires,
        **clauses,
    )
    return _typed(facts)


@lru_cache(maxsize=4096)
def _reader_facts(reader: Clearance) -> str:
    caveats = sorted(reader.caveats)
    return _typed(ReaderFacts(reader.policy, reader.partner, reader.classification, caveats, reader.communities, reader.terms))


def _typed(facts: msgspec.Struct) -> str:
    msgspec.convert(msgspec.structs.asdict(facts), type(facts))
    return _ENCODER.encode(facts).decode()


def _mentions(tree: Any, names: set[str]) -> bool:
    if isinstance(tree, dict):
        return tree.get("attr") in names or any(_mentions(one, names) for one in tree.values())
    return isinstance(tree, list) and any(_mentions(one, names) for one in tree)


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]
