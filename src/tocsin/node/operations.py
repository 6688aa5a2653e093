"""What an operator may have a node do: users, partners, replays, exercises, its state. By name, with typed arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from tocsin.core import LIVE, NotReachable, iso, realms
from tocsin.core.times import SECOND
from tocsin.people import Act

from . import auditing, bundles, partnership, personnel, playing
from .errors import NodeError
from .filtered import reader_of_all as node_reader
from .partnership import OPERATOR, Named, NewPartner, Nothing, add_partner, list_partners, remove_partner, show_card, uncompared
from .personnel import NewUser, add_user
from .service import Node
from .tearing import Tearing
from .worlds import DemoClock


class Replay(msgspec.Struct, forbid_unknown_fields=True):
    """Files to play into the realm `replay:<id>`, as fast as it goes."""

    files: list[str]
    id: str = "file"


class Exercise(msgspec.Struct, forbid_unknown_fields=True):
    """The demonstration's night, as exercise `id`."""

    id: str
    speed: float
    seed: int = 1
    classification: str = ""
    releasable_to: list[str] = []
    background: str = ""


class LinkTo(msgspec.Struct, forbid_unknown_fields=True):
    """Cut this node off from the relay, or let it back."""

    state: Literal["cut", "restore"]


class LetGo(msgspec.Struct, forbid_unknown_fields=True):
    """The protocol time (µs UTC) at which a demonstration begins, or goes on at another speed."""

    zero: int
    speed: Annotated[float, msgspec.Meta(gt=0, le=1000)] | None = None


async def status(node: Node, _: Nothing) -> Any:
    """How the node is: feeds, links, realms, what the exchange counted, how long observations took to come."""
    inside, outside = _by_cuts(node)
    realm_rows = [
        {
            "realm": world.realm,
            "time": iso(world.clock.now()) if world.clock.now() else None,
            "tracks": [len(s.picture.tracks(world.clock.now())) for s in world.sights()],
        }
        for world in node.worlds.values()
    ]
    feeds = [msgspec.to_builtins(feed.status()) for feed in node.traffic.feeds]
    links = [link._asdict() for link in node.exchange.links()] if node.exchange else []
    return {
        "id": node.config.id,
        "name": node.config.name,
        "running": node.is_running,
        "realms": realm_rows,
        "feeds": feeds,
        "links": links,
        "counters": node.exchange.counters() if node.exchange else {},
        "received_observations": node.traffic.received,
        "latency_ms": _quantiles(outside),
        "latency_while_cut_ms": _quantiles(inside),
        "totals": {w.realm: [s.picture.totals() for s in w.sights()] for w in node.worlds.values()},
        "journal": {realm: node.journal.size(realm) for realm in node.journal.realms()},
        "logs": node.notary.standing(),
        "uncompared": uncompared(node),
        "reviews_due": len(Tearing(node).due(node_reader(node), node.clock.now())),
    }


async def replay(node: Node, wanted: Replay) -> Any:
    """Play files into a replay realm as fast as it goes; gives what was read and what rang."""
    realm = realms.parse(f"replay:{wanted.id}")
    await node.people.act(OPERATOR, Act.REPLAY_START, realm)
    return await playing.replay(node, [Path(name) for name in wanted.files], realm)


async def exercise(node: Node, wanted: Exercise) -> Any:
    """Conduct the demonstration's night as an exercise."""
    await node.people.act(OPERATOR, Act.EXERCISE_START, wanted.id)
    label = playing.label_of(node, wanted.classification, wanted.releasable_to)
    return await playing.start_exercise(node, wanted.id, wanted.speed, wanted.seed, label, wanted.background)


async def link(node: Node, wanted: LinkTo) -> Any:
    """Cut or restore the link to the relay: for drills."""
    if node.transport is None:
        raise NotReachable("this node has no relay")
    now = node.clock.now()
    if wanted.state == "cut":
        node.traffic.cuts.append((now, None))
        await node.transport.cut()
    else:
        await node.transport.restore()
        node.traffic.cuts[-1:] = [(begin, end or now) for begin, end in node.traffic.cuts[-1:]]
    await node.people.act(OPERATOR, Act.LINK_CHANGE, wanted.state)
    return {"link": wanted.state}


async def let_go(node: Node, at: LetGo) -> Any:
    """Let a demonstration's live clock go."""
    clock = node.worlds[LIVE].clock
    if not isinstance(clock, DemoClock):
        raise NodeError("this node's live clock is the system's own")
    clock.let_go(at.zero, at.speed)
    await node.people.act(OPERATOR, Act.CLOCK_START, "live")
    return {"zero": at.zero}


def _by_cuts(node: Node) -> tuple[list[float], list[float]]:
    # What was sent while this node was cut off, and until it was back and had caught up, says nothing of how fast the exchange is.
    inside: list[float] = []
    outside: list[float] = []
    for late in node.traffic.latencies:
        cut = any(begin - SECOND <= late.sent_at and (end is None or late.sent_at <= end + SECOND) for begin, end in node.traffic.cuts)
        (inside if cut else outside).append(late.ms)
    return sorted(inside), sorted(outside)


def _quantiles(late: list[float]) -> dict[str, float] | None:
    if not late:
        return None
    return {"n": len(late), "p50": late[len(late) // 2], "p99": late[min(len(late) - 1, len(late) * 99 // 100)], "max": late[-1]}


__all__ = ["Named", "NewPartner", "NewUser", "Nothing", "add_partner", "add_user", "list_partners", "remove_partner", "show_card"]


class Operation(NamedTuple):
    """One operation: the struct of its arguments, what runs it, and the act that the audit gets; none for one that only reads."""

    arguments: type[msgspec.Struct]
    run: Callable[[Node, Any], Awaitable[Any]]
    act: Act | None = None


OPERATIONS: dict[str, Operation] = {
    "status": Operation(Nothing, status),
    **{name: Operation(*one) for name, one in personnel.OPERATIONS.items()},
    **{f"partner.{name}": Operation(*one) for name, one in partnership.OPERATIONS.items()},
    **{name: Operation(*one) for name, one in auditing.OPERATIONS.items()},
    "replay": Operation(Replay, replay, Act.REPLAY_START),
    "exercise": Operation(Exercise, exercise, Act.EXERCISE_START),
    "link": Operation(LinkTo, link, Act.LINK_CHANGE),
    "let-go": Operation(LetGo, let_go, Act.CLOCK_START),
    "bundle.export": Operation(bundles.Export, bundles.export, Act.BUNDLE_EXPORT),
    "bundle.import": Operation(bundles.Import, bundles.take_in, Act.BUNDLE_IMPORT),
}
