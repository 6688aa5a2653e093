"""Confidentiality labels and who may read what bears them.

Labels form a lattice: whatever is made from several things bears the join of their labels, and may be
read exactly by those who may read every one of them. Shape after STANAG 4774: a classification out of a
policy's ordered levels, permissive categories (releasable-to, communities of interest) that narrow when
joined, restrictive ones (caveats, feed terms) that gather.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import msgspec

from .errors import BadLabel, LabelMismatch
from .times import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .times import Micros

ORCON = "ORCON"
"""The caveat of what goes on only with the consent of every originator."""
NO_RESHARE = "NO-RESHARE"
"""The feed term of what stays with the organisation that took it in."""
MAX_CLAUSES = 64
"""Most clauses of communities in a record's label."""

Clauses = tuple[tuple[str, ...], ...]


class LabelPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy's name and its levels, the lowest first."""

    name: str
    levels: tuple[str, ...]

    def rank(self, level: str) -> int:
        """The rank of `level`; raises `BadLabel` if the policy has no such level."""
        if level not in self.levels:
            raise BadLabel(f"no level {level!r} in policy {self.name}: use one of {', '.join(self.levels)}")
        return self.levels.index(level)


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a record says about who may have it.

    `classification` is a rank in the policy's levels, 0 the lowest. `releasable_to` names partners, the
    originator among them; nobody has an implied right, and the empty set means that no partner may read.
    `communities`: a reader must belong to at least one community of every clause; no clause asks nothing, and
    an empty clause means nobody. `terms` are a feed's (NON-COMMERCIAL, NO-RESHARE): a reader must have accepted
    them. After `expires` (protocol time, µs) nobody is given it any more; at `review` its originator looks at
    the label again, which changes nothing for readers. Clauses and terms are kept sorted, each once. A label that
    says NO-RESHARE and names two partners contradicts itself: it is releasable to nobody.
    """

    policy: str
    classification: int
    originators: frozenset[str]
    releasable_to: frozenset[str]
    # A factory, so that it is written even if empty, as the first nodes did.
    caveats: frozenset[str] = msgspec.field(default_factory=frozenset)
    communities: Clauses = ()
    terms: tuple[str, ...] = ()
    expires: int | None = None
    review: int | None = None

    def __post_init__(self) -> None:
        if self.communities and (fit := _fewest(self.communities)) != self.communities:
            msgspec.structs.force_setattr(self, "communities", fit)
        if self.terms and (terms := tuple(sorted(set(self.terms)))) != self.terms:
            msgspec.structs.force_setattr(self, "terms", terms)
        if NO_RESHARE in self.terms and len(self.releasable_to) > 1:
            msgspec.structs.force_setattr(self, "releasable_to", frozenset())


class Clearance(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one reader may be shown under one policy: `communities` it belongs to, `terms` of feeds that it has accepted."""

    policy: str
    partner: str
    classification: int
    caveats: frozenset[str] = msgspec.field(default_factory=frozenset)
    communities: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()


def join(labels: Iterable[Label]) -> Label:
    """The label of what is made from things that bear `labels`.

    Raises `LabelMismatch` if there is none, or if two follow different policies: map one to the other's
    policy first, an unmapped label is not readable.
    """
    return reduce(_join_two, _at_least_one(labels))


def may_read(label: Label | None, reader: Clearance | None, now: Micros | None = None) -> bool:
    """Whether `reader` may be shown what bears `label` at `now`; whatever is missing or unknown to the reader denies.

    A label that expires is not readable where the time is not known.
    """
    return (
        isinstance(label, Label)
        and isinstance(reader, Clearance)
        and label.classification >= 0
        and reader.policy == label.policy
        and reader.partner in label.releasable_to
        and reader.classification >= label.classification
        and reader.caveats >= label.caveats
        and (label.expires is None or (now is not None and now < label.expires))
        and (not label.communities or belongs(label.communities, reader.communities))
        and (not label.terms or accepts(label.terms, reader.terms))
    )


def belongs(clauses: Clauses, communities: Iterable[str]) -> bool:
    """Whether a member of `communities` meets every clause."""
    mine = set(communities)
    return all(not mine.isdisjoint(clause) for clause in clauses)


def accepts(terms: Iterable[str], accepted: Iterable[str]) -> bool:
    """Whether who has `accepted` keeps `terms`; NO-RESHARE, which names one organisation, needs no word of it."""
    return set(terms) <= {NO_RESHARE, *accepted}


def originate(
    policy: LabelPolicy,
    level: str,
    origin: str,
    releasable_to: Iterable[str],
    caveats: Iterable[str] = (),
    *,
    communities: Clauses = (),
    terms: Iterable[str] = (),
    expires: Micros | None = None,
    review: Micros | None = None,
) -> Label:
    """A new label by `origin`, which is always among those it may be released to, and alone if a term is NO-RESHARE."""
    terms = tuple(terms)
    readers = frozenset({origin}) if NO_RESHARE in terms else frozenset({origin, *releasable_to})
    return Label(policy.name, policy.rank(level), frozenset({origin}), readers, frozenset(caveats), communities, terms, expires, review)


def derived(label: Label, by: str) -> Label:
    """`label` for something that `by` derived or says: one more originator, no more readers."""
    return msgspec.structs.replace(label, originators=label.originators | {by})


def narrowed(label: Label, audience: Iterable[str]) -> Label:
    """`label` for `audience` alone, as far as it was releasable to them: nothing else of it is lost."""
    return msgspec.structs.replace(label, releasable_to=label.releasable_to & frozenset(audience))


def banner(label: Label, policy: LabelPolicy) -> str:
    """The label as one line for the strips of a page: level, caveats, terms, communities, releasable-to in alphabetic order.

    Raises `BadLabel` if `policy` is not the label's, or knows no such rank.
    """
    if label.policy != policy.name or not 0 <= label.classification < len(policy.levels):
        raise BadLabel(f"this label does not follow policy {policy.name}")
    words = [policy.levels[label.classification], *sorted(label.caveats), *label.terms]
    words += ["COI " + (" OR ".join(clause) or "NOBODY") for clause in label.communities]
    text = " ".join(words) + (" REL TO " + ", ".join(sorted(label.releasable_to)) if label.releasable_to else " REL TO NOBODY")
    return text if label.expires is None else f"{text} UNTIL {iso(label.expires)}"


def _join_two(a: Label, b: Label) -> Label:
    if a.policy != b.policy:
        raise LabelMismatch(a.policy, b.policy)
    return Label(
        policy=a.policy,
        classification=_higher(a.classification, b.classification),
        originators=a.originators | b.originators,
        releasable_to=a.releasable_to & b.releasable_to,
        caveats=a.caveats | b.caveats,
        communities=(*a.communities, *b.communities),
        terms=(*a.terms, *b.terms),
        expires=_sooner(a.expires, b.expires),
        review=_sooner(a.review, b.review),
    )


def _higher(a: int, b: int) -> int:
    # A rank below the lowest is unknown, and denies: joining must not lift it to one that somebody may read.
    return max(a, b) if min(a, b) >= 0 else min(a, b)


def _sooner(a: int | None, b: int | None) -> int | None:
    return min((one for one in (a, b) if one is not None), default=None)


def _fewest(clauses: Clauses) -> Clauses:
    # Who meets a clause meets every wider one, which therefore need not be said.
    sets = {frozenset(clause) for clause in clauses}
    return tuple(sorted(tuple(sorted(one)) for one in sets if not any(other < one for other in sets)))


def _at_least_one(labels: Iterable[Label]) -> list[Label]:
    if not (found := list(labels)):
        raise LabelMismatch("no label", "at least one")
    return found
