"""Confidentiality labels and who may read what bears them.

Labels form a lattice: whatever is made from several things bears the join of their labels, and may be
read exactly by those who may read every one of them. Shape after STANAG 4774: a classification out of a
policy's ordered levels, permissive categories (releasable-to) that narrow when joined, restrictive ones
(caveats) that gather.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import msgspec

from .errors import BadLabel, LabelMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable


class LabelPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A policy's name and its levels, the lowest first."""

    name: str
    levels: tuple[str, ...]

    def rank(self, level: str) -> int:
        """The rank of `level`; raises `BadLabel` if the policy has no such level."""
        if level not in self.levels:
            raise BadLabel(f"no level {level!r} in policy {self.name}: use one of {', '.join(self.levels)}")
        return self.levels.index(level)


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a record says about who may have it.

    `classification` is a rank in the policy's levels, 0 the lowest. `releasable_to` names partners, the
    originator among them; nobody has an implied right, and the empty set means that no partner may read.
    """

    policy: str
    classification: int
    originators: frozenset[str]
    releasable_to: frozenset[str]
    caveats: frozenset[str] = frozenset()


class Clearance(msgspec.Struct, frozen=True):
    """What one reader may be shown under one policy."""

    policy: str
    partner: str
    classification: int
    caveats: frozenset[str] = frozenset()


def join(labels: Iterable[Label]) -> Label:
    """The label of what is made from things that bear `labels`.

    Raises `LabelMismatch` if there is none, or if two follow different policies: map one to the other's
    policy first, an unmapped label is not readable.
    """
    return reduce(_join_two, _at_least_one(labels))


def may_read(label: Label | None, reader: Clearance | None) -> bool:
    """Whether `reader` may be shown what bears `label`; whatever is missing or unknown to the reader denies."""
    return (
        isinstance(label, Label)
        and isinstance(reader, Clearance)
        and label.classification >= 0
        and reader.policy == label.policy
        and reader.partner in label.releasable_to
        and reader.classification >= label.classification
        and reader.caveats >= label.caveats
    )


def originate(policy: LabelPolicy, level: str, origin: str, releasable_to: Iterable[str], caveats: Iterable[str] = ()) -> Label:
    """A new label by `origin`, which is always among those it may be released to."""
    return Label(policy.name, policy.rank(level), frozenset({origin}), frozenset({origin, *releasable_to}), frozenset(caveats))


def derived(label: Label, by: str) -> Label:
    """`label` for something that `by` derived or says: one more originator, no more readers."""
    return Label(label.policy, label.classification, label.originators | {by}, label.releasable_to, label.caveats)


def banner(label: Label, policy: LabelPolicy) -> str:
    """The label as one line for the strips of a page: level, caveats, releasable-to in alphabetic order.

    Raises `BadLabel` if `policy` is not the label's, or knows no such rank.
    """
    if label.policy != policy.name or not 0 <= label.classification < len(policy.levels):
        raise BadLabel(f"this label does not follow policy {policy.name}")
    words = [policy.levels[label.classification], *sorted(label.caveats)]
    return " ".join(words) + (" REL TO " + ", ".join(sorted(label.releasable_to)) if label.releasable_to else " REL TO NOBODY")


def _join_two(a: Label, b: Label) -> Label:
    if a.policy != b.policy:
        raise LabelMismatch(a.policy, b.policy)
    return Label(
        policy=a.policy,
        classification=_higher(a.classification, b.classification),
        originators=a.originators | b.originators,
        releasable_to=a.releasable_to & b.releasable_to,
        caveats=a.caveats | b.caveats,
    )


def _higher(a: int, b: int) -> int:
    # A rank below the lowest is unknown, and denies: joining must not lift it to one that somebody may read.
    return max(a, b) if min(a, b) >= 0 else min(a, b)


def _at_least_one(labels: Iterable[Label]) -> list[Label]:
    if not (found := list(labels)):
        raise LabelMismatch("no label", "at least one")
    return found
