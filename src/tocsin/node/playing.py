"""Playing into realms: recordings into a replay as fast as it goes, the demonstration's night into an exercise."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.core import FLAG, Label, Realm, ScaledClock, iso, realms
from tocsin.core.labels import originate
from tocsin.core.times import SECOND
from tocsin.sources import Playback, load, paced

from . import night
from .errors import Conflict
from .filtered import whole
from .service import Node
from .worlds import STEP

Json = dict[str, Any]
PLAY_STEP_S = 5.0


async def replay(node: Node, files: Sequence[Path], realm: Realm) -> Json:
    """Play `files` into `realm` in the order of their times; gives what was read, left out, and what rang.

    Civil identities serve the picture while it plays and are not kept. A file that breaks is named among
    `errors`, and what stood before the break is played.
    """
    label = node.own_label()
    loaded = await asyncio.to_thread(load, files, feed="replay", realm=realm, label=label)
    observations = loaded.observations
    found: Json = {
        "realm": realm,
        "observations": len(observations),
        "skipped": dict(loaded.skipped),
        "errors": [str(e) for e in loaded.errors],
    }
    if not len(observations):
        return found | {"aircraft": 0, "from": None, "until": None, "left_out": {}, "findings": 0, "warnings": []}
    world = node.world(realm)
    shown = whole(node)
    before = {version.record.id for versions in shown.warnings(realm) for version in versions}
    times = observations["time"]
    edges = np.arange(int(times[0]) // STEP, int(times[-1]) // STEP + 2) * STEP
    cuts = np.searchsorted(times, edges)
    for number in range(len(edges) - 1):
        first, last = cuts[number], cuts[number + 1]
        if first == last:
            continue
        world.take(observations.select(slice(first, last)), node.config.id)
        await node.look(world, int(edges[number + 1]))
        if number % 20 == 0:
            await asyncio.sleep(0)
    versions = [v for vs in shown.warnings(realm) for v in vs if v.record.id not in before]
    left_out: Counter[str] = Counter()
    for name, count in world.sight(node.views.of(node.config.own)).picture.totals().items():
        if name not in {"accepted", "tracks"} and count:
            left_out[name] += count
    return found | {
        "aircraft": len(np.unique(observations["identity"])),
        "from": iso(int(times[0])),
        "until": iso(int(times[-1])),
        "left_out": dict(left_out),
        "findings": len(shown.episodes(realm)),
        "warnings": [
            {"warning": v.body.warning, "level": v.body.level, "time": iso(v.record.realm_time), "sentence": v.body.sentence}
            for v in versions
        ],
    }


async def start_exercise(
    node: Node,
    name: str,
    speed: float,
    seed: int,
    label: Label,
    background: str = "",
) -> Json:
    """Conduct the night as `exercise:<name>`: its clock runs `speed` times as fast as the system's.

    Raises `Conflict` if there was one by that name.
    """
    realm = realms.parse(f"exercise:{name}")
    if realm in node.worlds:
        raise Conflict(f"{realm} was there before: give the exercise a new name")
    start = night.START
    clock = ScaledClock(node.clock, start, speed)
    observations = await asyncio.to_thread(night.observations, realm, label, seed, Path(background) if background else None)
    node.world(realm, clock).conducted_under = label
    node.changed("session", realm, label)
    feed = Playback(observations, clock, PLAY_STEP_S, pace=paced(speed))
    node.add_feed(feed)
    transports = int(np.sum(observations["flags"] & FLAG.SIMULATED > 0))
    length = (int(observations["time"][-1]) - start) / SECOND
    return {"realm": realm, "observations": len(observations), "simulated": transports, "length_s": length / speed}


def label_of(node: Node, classification: str, releasable_to: Sequence[str]) -> Label:
    """The label of an exercise: the node's own without a classification."""
    if not classification:
        return node.own_label()
    return originate(node.config.policy, classification, node.config.id, releasable_to)
