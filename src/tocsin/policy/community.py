"""The community: partners that share under one label policy, written down in `community.toml`, the same file at every partner.

It says the policy's levels, caveats and feed terms, what each partner is cleared for, who belongs to which community
of interest, which levels of other policies equal which of ours, the relays, and how many must agree to exclude a
partner. A name that stands nowhere in it means nothing, and what it means nothing to denies.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tocsin.core import Clearance, Label, LabelPolicy

from .errors import BadCommunity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_BYTES = 262_144
_PARTNER = re.compile(r"[A-Z][A-Z0-9-]{0,23}")
_NAME = re.compile(r"\w[\w .:+'()/-]{0,63}")
_TABLES = {"partners", "communities", "equivalences"}

Names = tuple[str, ...]


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The community's label policy: levels, the lowest first, and the caveats and feed terms that its labels may bear."""

    name: str
    levels: Names
    caveats: Names = ()
    terms: Names = ()


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a partner is cleared for, and the feed terms that it has accepted."""

    name: str = ""
    clearance: str
    caveats: Names = ()
    terms: Names = ()


class Circle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A community of interest: the partners in it. One without members is nobody, never everybody."""

    members: Names
    about: str = ""


class Equivalence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Another policy: its levels, the lowest first, and which of ours each equals; likewise its caveats, terms and communities.

    What is left out has no equal here, so that nobody here may read it.
    """

    levels: Names
    equals: dict[str, str]
    caveats: dict[str, str] = {}
    terms: dict[str, str] = {}
    communities: dict[str, str] = {}


class Community(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A community as its file says it. `exclusion_quorum`: how many partners must agree to exclude one."""

    name: str
    policy: Terms
    partners: dict[str, Member]
    communities: dict[str, Circle] = {}
    equivalences: dict[str, Equivalence] = {}
    relays: Names = ()
    exclusion_quorum: Annotated[int, msgspec.Meta(ge=1)] = 2

    @property
    def label_policy(self) -> LabelPolicy:
        """The policy's name and levels."""
        return LabelPolicy(self.policy.name, self.policy.levels)

    def clearance(self, partner: str) -> Clearance | None:
        """What `partner` is cleared for, its communities and terms included; None if the file does not name it."""
        if (member := self.partners.get(partner)) is None:
            return None
        rank = self.label_policy.rank(member.clearance)
        bare = Clearance(self.policy.name, partner, rank, frozenset(member.caveats))
        return msgspec.structs.replace(bare, communities=self.communities_of(partner), terms=member.terms)

    def communities_of(self, partner: str) -> Names:
        """The communities of interest that `partner` belongs to, in alphabetic order."""
        return tuple(sorted(name for name, circle in self.communities.items() if partner in circle.members))

    def terms_of(self, partner: str) -> Names:
        """The feed terms that `partner` has accepted."""
        member = self.partners.get(partner)
        return member.terms if member is not None else ()

    def ours(self, label: Label) -> Label | None:
        """`label` under our policy: itself, or mapped by the equivalences; None if anything in it has no equal here."""
        if label.policy == self.policy.name:
            return label
        if (other := self.equivalences.get(label.policy)) is None or not 0 <= label.classification < len(other.levels):
            return None
        level = other.equals.get(other.levels[label.classification])
        known = set(label.caveats) <= set(other.caveats) and set(label.terms) <= set(other.terms)
        if level is None or not known or not {name for clause in label.communities for name in clause} <= set(other.communities):
            return None
        return msgspec.structs.replace(
            label,
            policy=self.policy.name,
            classification=self.policy.levels.index(level),
            caveats=frozenset(other.caveats[name] for name in label.caveats),
            terms=tuple(other.terms[name] for name in label.terms),
            communities=tuple(tuple(other.communities[name] for name in clause) for clause in label.communities),
        )

    def digest(self) -> str:
        """16 hex digits that two partners compare to see that they hold the same community."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:16]


def read_community(data: bytes, name: str = "community.toml") -> Community:
    """The community that a file's bytes say; raises `BadCommunity` with file, line where it can be told, and key."""
    if len(data) > MAX_BYTES:
        raise BadCommunity(f"{name}: {len(data):,} bytes, more than the {MAX_BYTES:,} that are taken")
    try:
        text = data.decode()
        found = tomllib.loads(text)
    except UnicodeDecodeError:
        raise BadCommunity(f"{name}: this is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadCommunity(f"{name}: {error}") from None
    return _Reading(text, name).community(found)


class _Reading:
    """One file being read: knows where its keys stand."""

    def __init__(self, text: str, name: str) -> None:
        self._lines = text.splitlines()
        self._name = name

    def community(self, found: dict[str, Any]) -> Community:
        # One entry after another, so that an error names the entry.
        for table, kind in (("partners", Member), ("communities", Circle), ("equivalences", Equivalence)):
            entries = found.get(table, {})
            if not isinstance(entries, dict):
                raise self._bad((table,), "a table for each is needed")
            for key, entry in entries.items():
                try:
                    msgspec.convert(entry, kind)
                except msgspec.ValidationError as error:
                    raise self._bad((table, key), str(error)) from None
        try:
            community = msgspec.convert(found, Community)
        except msgspec.ValidationError as error:
            raise self._bad((), str(error)) from None
        self._check(community)
        return community

    def _check(self, community: Community) -> None:
        policy = community.policy
        self._once(("policy", "levels"), policy.levels, needed=True)
        self._once(("policy", "caveats"), policy.caveats)
        self._once(("policy", "terms"), policy.terms)
        self._once(("relays",), community.relays, plain=False)
        for partner, member in community.partners.items():
            where = ("partners", partner)
            if not _PARTNER.fullmatch(partner):
                raise self._bad(where, "a partner's id is 1 to 24 capitals, digits and hyphens, a capital first")
            self._among((*where, "clearance"), [member.clearance], policy.levels, "level")
            self._among((*where, "caveats"), member.caveats, policy.caveats, "caveat")
            self._among((*where, "terms"), member.terms, policy.terms, "term")
        self._apart(community)
        for name, circle in community.communities.items():
            self._once(("communities", name, "members"), circle.members)
            self._among(("communities", name, "members"), circle.members, community.partners, "partner")
        for name, other in community.equivalences.items():
            self._equivalence(("equivalences", name), other, community)
        if community.exclusion_quorum > max(1, len(community.partners) - 1):
            raise self._bad(("exclusion_quorum",), "more than the partners that could agree to exclude one")

    def _apart(self, community: Community) -> None:
        # Two groups whose names somebody could take for one another would be one group to that somebody.
        seen: dict[str, str] = {}
        kinds: Mapping[str, Iterable[str]] = {"partners": community.partners, "communities": community.communities}
        for table, names in kinds.items():
            for name in names:
                if not _NAME.fullmatch(name):
                    raise self._bad((table, name), "a name is 1 to 64 plain characters")
                if (other := seen.setdefault(name.casefold(), name)) != name or (table == "communities" and name in community.partners):
                    raise self._bad((table, name), f"this name is too like {other}: two groups must not be taken for one")

    def _equivalence(self, where: Names, other: Equivalence, community: Community) -> None:
        policy = community.policy
        if where[-1] == policy.name:
            raise self._bad(where, "this is our own policy")
        self._once((*where, "levels"), other.levels, needed=True)
        self._among((*where, "equals"), other.equals, other.levels, "level of theirs")
        self._among((*where, "equals"), other.equals.values(), policy.levels, "level of ours")
        ranks = [policy.levels.index(other.equals[level]) for level in other.levels if level in other.equals]
        if ranks != sorted(ranks):
            raise self._bad((*where, "equals"), "a higher level of theirs equals a lower one of ours")
        self._among((*where, "caveats"), other.caveats.values(), policy.caveats, "caveat of ours")
        self._among((*where, "terms"), other.terms.values(), policy.terms, "term of ours")
        self._among((*where, "communities"), other.communities.values(), community.communities, "community of ours")

    def _once(self, where: Names, names: Names, *, needed: bool = False, plain: bool = True) -> None:
        if (needed and not names) or len(set(names)) != len(names):
            raise self._bad(where, "name each once" + (", the lowest first" if needed else ""))
        if plain and not all(_NAME.fullmatch(name) for name in names):
            raise self._bad(where, "a name is 1 to 64 plain characters")

    def _among(self, where: Names, names: Iterable[str], known: Iterable[str], what: str) -> None:
        if strange := sorted(set(names) - set(known)):
            raise self._bad(where, f"{strange[0][:40]!r} is no {what}: use {', '.join(known) or 'none'}")

    def _bad(self, where: Names, what: str) -> BadCommunity:
        line = self._line(where)
        at = f", line {line}" if line else ""
        return BadCommunity(f"{self._name}{at}: {'.'.join(where)}{': ' if where else ''}{' '.join(what.split())}")

    def _line(self, where: Names) -> int | None:
        # The line of the last key of `where` that is found, below the header of its table.
        found, begin = None, 0
        for depth, key in enumerate(where):
            quoted = rf"(?:\"{re.escape(key)}\"|'{re.escape(key)}'|{re.escape(key)})"
            above = r"(?:[^\]]*\.)?\s*" if depth else ""
            table = rf"\s*\[\s*{above}{quoted}\s*(?:\]|\.)"
            shape = re.compile(rf"{table}|\s*{quoted}\s*[=.]")
            at = next((n for n, line in enumerate(self._lines[begin:], begin) if shape.match(line)), None)
            if at is None:
                return found
            found, begin = at + 1, at + (0 if self._lines[at].lstrip().startswith("[") else 1)
        return found
