"""The rehearsal: a four-minute night for a newcomer, in an exercise realm that stays in the node.

The steps tick off by what really happened in the realm: a finding opened, a warning drafted, somebody
acknowledged. Nothing in it is staged but the flights.
"""

from __future__ import annotations

from typing import Any

from tocsin.core import Realm, iso
from tocsin.core.times import SECOND, Micros

from . import night, playing
from .errors import Conflict
from .filtered import Filtered
from .readers import Reader
from .service import Node

LENGTH_S = 240.0
Json = dict[str, Any]


class Rehearsals:
    """One node's rehearsals: each view has its own, which no other hears of."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._of: dict[str, Rehearsal] = {}

    def of(self, reader: Reader) -> Rehearsal:
        """The rehearsal of `reader`'s view."""
        return self._of.setdefault(reader.view.id, Rehearsal(self._node, reader))


class Rehearsal:
    """The rehearsals of one view's people, one at a time."""

    def __init__(self, node: Node, reader: Reader) -> None:
        self._node = node
        self._shown = Filtered(node, reader)
        self._label = node.own_label(reader)
        self._name = reader.view.id[:6]
        self._realm: Realm | None = None
        self._started: Micros = 0

    @property
    def running(self) -> bool:
        """Whether a night is being played."""
        return self._realm is not None and self._elapsed() < LENGTH_S

    async def start(self) -> Json:
        """Begin a night; raises `Conflict` while one runs."""
        if self.running:
            raise Conflict("a rehearsal runs already: it takes four minutes")
        now = self._node.clock.now()
        name = f"rehearsal-{iso(now // SECOND * SECOND).lower().replace(':', '').replace('-', '')}-{self._name}"
        speed = night.LENGTH_S / LENGTH_S
        recording = self._node.config.rehearsal_recording
        made = await playing.start_exercise(self._node, name, speed, now % 1000, self._label, recording)
        self._realm, self._started = made["realm"], now
        return self.state()

    async def stop(self) -> Json:
        """End the night: its feed stops, its realm stays to be looked at."""
        for feed in self._node.traffic.feeds:
            if feed.realm == self._realm:
                self._node.traffic.stop(feed)
        self._started = self._node.clock.now() - int(LENGTH_S * SECOND)
        return self.state()

    @staticmethod
    def idle() -> Json:
        """What there is to say while no night is played."""
        return {"running": False, "realm": None, "elapsed_s": 0, "of_s": LENGTH_S, "step": 0, "steps": []}

    def state(self) -> Json:
        """How far it is, and which steps are done."""
        if self._realm is None:
            return self.idle()
        steps = self._steps()
        step = next((i for i, s in enumerate(steps) if not s["done"]), len(steps))
        return {
            "running": self.running,
            "realm": self._realm,
            "elapsed_s": min(self._elapsed(), LENGTH_S),
            "of_s": LENGTH_S,
            "step": step,
            "steps": steps,
        }

    def _elapsed(self) -> float:
        return (self._node.clock.now() - self._started) / SECOND

    def _steps(self) -> list[Json]:
        shown, realm = self._shown, self._realm or ""
        versions = [v for found in shown.warnings(realm) for v in found]
        said = [a for warning in dict.fromkeys(v.body.warning for v in versions) for a in shown.answers(realm, warning)]
        answers = [a.body.state for a in said]
        acted = [a.record.protocol_time for a in said if a.body.state == "acknowledged"]
        done = {
            "quiet": self._elapsed() > 5,
            "surge": shown.has_findings(realm),
            "bell": bool(versions),
            "acknowledged": "acknowledged" in answers,
            "issued": any(v.body.state == "issued" for v in versions),
            "changed": bool(acted) and any(v.record.protocol_time > min(acted) and v.record.author.startswith("node/") for v in versions),
        }
        return [{"id": key, "at_s": at, "done": done[key]} for key, at in night.STEPS]
