"""The demonstration's cast: three invented partners, founded in a folder, each knowing the others' cards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.core import Entropy
from tocsin.node import operations, secrets
from tocsin.node.config import ClockConfig, FeedConfig
from tocsin.node.founding import Wishes, found
from tocsin.node.service import Node
from tocsin.node.system import SystemClock, SystemEntropy

LEVELS = ("UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL")
NOTICE = "DEMO: recorded traffic of 1 August 2018, flights re-timed onto one hour and played fast. Nothing here is happening."
NAMES = {"ASTER": "Aster watch floor", "BIRCH": "Birch coast guard", "CEDAR": "Cedar civil protection"}
OFFICERS = {"ASTER": "mara", "BIRCH": "bo", "CEDAR": "cleo"}


@dataclass(frozen=True)
class Player:
    """One node of the cast."""

    id: str
    folder: Path
    officer: str
    password: str


def player(folder: Path, name: str, entropy: Entropy) -> Player:
    """The player `name`, with a fresh password for its officer."""
    return Player(name, folder / name.lower(), OFFICERS[name], entropy.take(9).hex())


async def found_all(players: list[Player], relay_url: str, clock: ClockConfig, receiver_port: int, recording: Path) -> dict[str, str]:
    """Found every node and pin everyone's card at everyone else's; gives the cards."""
    for one in players:
        feed = FeedConfig(
            name="receiver Jura", kind="sbs", at=f"127.0.0.1:{receiver_port}", classification="UNCLASSIFIED", releasable_to=tuple(NAMES)
        )
        more: dict[str, Any] = {
            "notice": NOTICE,
            "demo_clock": clock,
            "rehearsal_recording": str(recording),
            "feeds": (feed,) if one.id == "ASTER" else (),
        }
        wishes = Wishes(
            id=one.id, name=NAMES[one.id], user=one.officer, password=one.password, levels=LEVELS, clearance="CONFIDENTIAL", port=0,
            relay=relay_url, more=more,
        )  # fmt: skip
        await found(one.folder, wishes)
    nodes = {p.id: await Node.open(p.folder, secrets.find(p.folder), SystemClock(), SystemEntropy()) for p in players}
    try:
        cards = {name: (await operations.show_card(node, operations.Nothing()))["card"] for name, node in nodes.items()}
        for name, node in nodes.items():
            for other, card in cards.items():
                if other != name:
                    await operations.add_partner(node, operations.NewPartner(card, "CONFIDENTIAL"))
    finally:
        for node in nodes.values():
            await node.close()
    return cards
