"""What happens in the demonstration, and the figures that come out of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.core import LIVE, Clock, Entropy, LabelPolicy, NotReachable, Observations, SeededEntropy, parse_iso
from tocsin.core.labels import originate
from tocsin.core.times import SECOND
from tocsin.node import control
from tocsin.node.config import ClockConfig
from tocsin.node.worlds import DemoClock
from tocsin.sources import load, retime
from tocsin.sources.samples import SWITZERLAND, sample

from .cast import LEVELS, NAMES, Player, found_all, player
from .officer import Officer
from .processes import running
from .receiver import Receiver

Json = dict[str, Any]
Say = Callable[[str], None]
REALM = "exercise:night-lantern"
LIVE_START = parse_iso("2018-08-01T12:00:00Z")
WINDOW_S = 3000.0
SPEED = 75.0
LOOKING_SPEED = 10.0
LEAD_S = 3.0
CUT_AFTER_S, CUT_FOR_S = 14.0, 6.0
PATIENCE_S = 20.0


def recording(cache: Path, seed: int) -> Observations:
    """The recorded day over Switzerland, its flights moved onto one window; raises `NotReachable` where it cannot be had."""
    policy = LabelPolicy("tocsin-levels", LEVELS)
    label = originate(policy, LEVELS[0], "ASTER", NAMES)
    loaded = load([sample(SWITZERLAND, cache)], feed="receiver Jura", realm=LIVE, label=label)
    return retime(loaded.observations, start=LIVE_START, window_s=WINDOW_S, entropy=SeededEntropy(seed))


class Demonstration:
    """One run. `stay` is awaited with the consoles' addresses before everything ends."""

    def __init__(self, folder: Path, cache: Path, clock: Clock, entropy: Entropy, say: Say, *, seed: int = 1) -> None:
        self._folder = folder
        self._cache = cache
        self._clock = clock
        self._entropy = entropy
        self._say = say
        self._seed = seed
        self._drafted: dict[str, Json] = {}
        self.figures: Json = {}

    async def run(self, stay: Callable[[list[tuple[Player, str]]], Any] | None = None) -> Json:
        """Play it through and give the figures."""
        self._say("reading the recording")
        observations = await asyncio.to_thread(recording, self._cache, self._seed)
        players = [player(self._folder, name, self._entropy) for name in NAMES]
        async with contextlib.AsyncExitStack() as stack:
            self._say("founding three nodes")
            relay_port = _free_port()
            clock = DemoClock(self._clock, LIVE_START, SPEED)
            receiver = Receiver(observations, clock)
            port = await stack.enter_async_context(receiver.listening())
            file = sample(SWITZERLAND, self._cache).resolve()
            clock_config = ClockConfig(start=LIVE_START, speed=SPEED)
            cards = await found_all(players, f"nats://127.0.0.1:{relay_port}", clock_config, port, file)
            self._say("starting the relay, and each node as a process of its own")
            await self._start_relay(stack, cards, relay_port)
            urls = await self._start_nodes(stack, players)
            zero = self._clock.now() + int(LEAD_S * SECOND)
            for one in players:
                await control.call_running(one.folder, "let-go", {"zero": zero})
            clock.let_go(zero)
            self._say("three nodes are up, and know each other by the cards that were pinned by hand")
            officers = [await stack.enter_async_context(Officer(p, url)) for p, url in zip(players, urls, strict=True)]
            self.figures = await self._play(players, officers, receiver, observations)
            if stay is not None:
                await self._go_on(players, clock, receiver)
                await stay(list(zip(players, urls, strict=True)))
            return self.figures

    async def _start_relay(self, stack: contextlib.AsyncExitStack, cards: dict[str, str], port: int) -> None:
        folder = self._folder / "relay"
        (folder / "cards").mkdir(parents=True)
        for name, card in cards.items():
            (folder / "cards" / f"{name.lower()}.toml").write_text(card)
        await stack.enter_async_context(running("relay", "up", str(folder), "--port", str(port), log=folder / "relay-process.log"))

    async def _go_on(self, players: list[Player], clock: DemoClock, receiver: Receiver) -> None:
        # For people to look at: the recorded hour again and again, at a pace that an eye can follow.
        receiver.repeat(WINDOW_S)
        now = self._clock.now()
        for one in players:
            await control.call_running(one.folder, "let-go", {"zero": now, "speed": LOOKING_SPEED})
        clock.let_go(now, LOOKING_SPEED)

    async def _start_nodes(self, stack: contextlib.AsyncExitStack, players: list[Player]) -> list[str]:
        runs = [running("up", str(p.folder), log=p.folder / "node.log") for p in players]
        return list(await asyncio.gather(*(stack.enter_async_context(one) for one in runs)))

    async def _play(self, players: list[Player], officers: list[Officer], receiver: Receiver, observations: Observations) -> Json:
        aster, birch, _cedar = players
        started = self._clock.now()
        background = str(sample(SWITZERLAND, self._cache).resolve())
        exercise = await control.call_running(
            aster.folder,
            "exercise",
            {
                "id": REALM.partition(":")[2],
                "speed": SPEED,
                "seed": self._seed,
                "classification": "RESTRICTED",
                "releasable_to": list(NAMES),
                "background": background,
            },
        )
        self._say("exercise NIGHT LANTERN runs beside the recorded traffic, in a realm of its own")
        withheld = await self._withhold(officers[0])
        cut = asyncio.create_task(self._cut(birch))
        length = (int(observations["time"][-1]) - LIVE_START) / SECOND / SPEED + LEAD_S + 6
        while (self._clock.now() - started) / SECOND < length or not receiver.ended:
            await self._watch(officers)
            await asyncio.sleep(0.4)
            if (self._clock.now() - started) / SECOND > length + PATIENCE_S:
                break
        await cut
        await self._settle(players)
        # What came last is answered too, and the answers arrive before anything is counted.
        await self._watch(officers)
        await self._settle(players)
        figures = await self._figures(players, officers, observations, withheld)
        return figures | {"observations_exercise": exercise["observations"]}

    async def _withhold(self, officer: Officer) -> Json:
        body = {
            "realm": LIVE, "title": "Second-hand word of a night exercise", "source": "harbour radio", "grade": "C3",
            "text": "A harbour pilot passes on that transports were seen loading before dawn. Not confirmed by anyone else.",
            "classification": "CONFIDENTIAL", "releasable_to": ["ASTER", "BIRCH"],
        }  # fmt: skip
        preview = await officer.post("/release/preview", {k: body[k] for k in ("realm", "classification", "releasable_to")})
        report: Json = await officer.post("/reports", body)
        self._say("a report goes to BIRCH and not to CEDAR")
        return {
            "record": report["record"],
            "from": [p["partner"] for p in preview if not p["allowed"]],
            "reasons": {p["partner"]: p["reason"] for p in preview},
        }

    async def _cut(self, one: Player) -> None:
        await asyncio.sleep(CUT_AFTER_S)
        await control.call_running(one.folder, "link", {"state": "cut"})
        self._say(f"the link of {one.id} is cut")
        await asyncio.sleep(CUT_FOR_S)
        await control.call_running(one.folder, "link", {"state": "restore"})
        self._say(f"the link of {one.id} is back")

    async def _watch(self, officers: list[Officer]) -> None:
        for officer in officers:
            for warning in await officer.get("/warnings", realm=REALM):
                await self._see(officer, warning)

    async def _see(self, officer: Officer, warning: Json) -> None:
        key = f"{officer.player.id} {warning['warning']} {warning['level']}"
        if key not in self._drafted:
            self._drafted[key] = warning
            whose = "drafts" if warning["mine"] else f"gets from {warning['origin']}"
            self._say(f"{officer.player.id} {whose} {warning['level']}: {warning['sentence']}")
        path = f"/warnings/{warning['warning']}"
        if warning["may"]["approve"] and officer.player.id == "ASTER" and warning["level"] == "HIGH":
            self._say(f"{officer.player.officer} at {officer.player.id} approves")
            await officer.post(f"{path}/approve", {"note": ""}, realm=REALM)
        elif warning["may"]["acknowledge"] and not warning["mine"]:
            await officer.post(f"{path}/acknowledge", {"note": ""}, realm=REALM)

    async def _settle(self, players: list[Player]) -> None:
        # Everything that was said has its receipt, or the patience is over and the figures say so.
        for _ in range(int(PATIENCE_S / 0.25)):
            states = [await control.call_running(p.folder, "status", {}) for p in players]
            if all(link["behind_out"] == 0 and link["behind_in"] == 0 for s in states for link in s["links"]):
                return
            await asyncio.sleep(0.25)

    async def _figures(self, players: list[Player], officers: list[Officer], observations: Observations, withheld: Json) -> Json:
        states = {p.id: await control.call_running(p.folder, "status", {}) for p in players}
        journals = {o.player.id: await self._journal(o) for o in officers}
        lost, doubled = _lost_and_doubled(journals, withheld)
        warnings = []
        for officer in officers:
            for realm in (LIVE, REALM):
                for w in await officer.get("/warnings", realm=realm):
                    detail = await officer.get(f"/warnings/{w['warning']}", realm=realm)
                    warnings.append(_warning(officer.player.id, detail))
        if withheld["record"] in {row["id"] for row in journals["CEDAR"]}:
            raise NotReachable("the withheld report reached CEDAR: this is a fault in the release, stop here")
        late = [s["latency_ms"] for name, s in states.items() if name != "ASTER" and s["latency_ms"]]
        return {
            "demo": "recorded traffic, flights re-timed onto one window, played fast; everything is marked DEMO",
            "seed": self._seed,
            "speed": SPEED,
            "source": "ASTER",
            "observations": len(observations),
            "observations_delivered": {name: s["received_observations"] for name, s in states.items() if name != "ASTER"},
            "aircraft_real": len(np.unique(observations["identity"])),
            "warnings": warnings,
            "withheld": [withheld],
            "lost": lost + sum(s["counters"].get("lost", 0) for s in states.values()),
            "doubled": doubled + sum(s["counters"].get("doubled", 0) for s in states.values()),
            "gaps": sum(s["counters"].get("gaps", 0) for s in states.values()),
            "latency_ms": {"p50": max(x["p50"] for x in late), "p99": max(x["p99"] for x in late)},
            "latency_by_node": {name: s["latency_ms"] for name, s in states.items() if name != "ASTER"},
            "latency_while_cut_ms": states["BIRCH"]["latency_while_cut_ms"],
            "counters": {name: s["counters"] for name, s in states.items()},
        }

    async def _journal(self, officer: Officer) -> list[Json]:
        rows: list[Json] = []
        for realm in (LIVE, REALM):
            after = -1
            while page := await officer.get("/journal", realm=realm, after=after, limit=1000):
                rows += page
                after = page[-1]["index"]
        return rows


def _lost_and_doubled(journals: dict[str, list[Json]], withheld: Json) -> tuple[int, int]:
    # What ASTER's people said, or approved, must be at each partner once; the withheld report at BIRCH alone.
    counts = {name: Counter(row["id"] for row in rows) for name, rows in journals.items()}
    lost = 0
    for row in journals["ASTER"]:
        if row["origin"] == "ASTER" and not row["author"].startswith("node/") and row["kind"] in {"warning", "report"}:
            audience = [name for name in ("BIRCH", "CEDAR") if row["id"] != withheld["record"] or name not in withheld["from"]]
            lost += sum(counts[name][row["id"]] == 0 for name in audience)
    return lost, sum(n - 1 for count in counts.values() for n in count.values() if n > 1)


def _warning(node: str, warning: Json) -> Json:
    evidence = [{"indicator": e["indicator"], "weight": e["weight"]} for e in warning["evidence"]]
    row = {key: warning[key] for key in ("realm", "topic", "level", "state", "drafted_at", "issued_at", "sentence", "warning", "origin")}
    return {"node": node, **row, "approved_by": warning["approved_by"] or None, "evidence": evidence, "who_knows": warning["who_knows"]}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
