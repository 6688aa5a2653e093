"""TLP 2.0 (FIRST, August 2022) as a label policy: its five words are the levels, and what each means is in their order.

A partner is an organisation, so its level says what its own people may have, and a receiver without a node is one of
its clients, or the public. Who is named in `releasable_to` is a matter of the label as under every policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.core import Label, LabelPolicy
from tocsin.core.labels import originate

if TYPE_CHECKING:
    from collections.abc import Iterable

CLEAR, GREEN, AMBER, AMBER_STRICT, RED = "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"
TLP = LabelPolicy("TLP-2.0", (CLEAR, GREEN, AMBER, AMBER_STRICT, RED))


class Meaning(NamedTuple):
    """What a level means for a partner, for its own people, and for receivers without a node."""

    partner: str
    own_people: str
    receivers: str


MEANING: dict[str, Meaning] = {
    CLEAR: Meaning("Every partner of the community.", "All of them.", "Anyone: it may be published."),
    GREEN: Meaning("Every partner of the community.", "All of them.", "Those of the community; nothing is published."),
    AMBER: Meaning("The partners that are named.", "Those who need to know.", "Clients of a named partner who need to know."),
    AMBER_STRICT: Meaning("The partners that are named.", "Those who need to know.", "None: it stays in the organisation."),
    RED: Meaning("The partners that are named.", "Only those cleared for RED, and it goes no further.", "None."),
}


def tlp_label(level: str, origin: str, community: Iterable[str], named: Iterable[str] = ()) -> Label:
    """A label by `origin`: CLEAR and GREEN reach the whole `community`, the others the partners `named`; raises `BadLabel`."""
    return originate(TLP, level, origin, community if level in {CLEAR, GREEN} else named)


def may_be_published(label: Label) -> bool:
    """Whether a label under this policy lets anyone have it at all: CLEAR, and nothing else."""
    return label.policy == TLP.name and label.classification == 0 and not (label.caveats or label.terms or label.communities)


def keeps_from_receivers(label: Label) -> str:
    """Why a label under this policy keeps something from receivers without a node; empty if it does not, or follows another."""
    if label.policy != TLP.name or label.classification <= TLP.rank(AMBER):
        return ""
    return f"TLP:{TLP.levels[min(label.classification, len(TLP.levels) - 1)]} stays in the organisations that are named."
