"""`tocsin doctor`: one check after another, each with what it found or what to do."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tocsin.core import Denied, NotReachable, TocsinError

from . import config as configuration
from . import control, secrets
from .filtered import reader_of_all
from .founding import RECOVERY
from .gates import load_community, load_site
from .partnership import uncompared
from .service import Node
from .system import SystemClock, SystemEntropy
from .tearing import Tearing
from .topics import load_topics

Row = dict[str, Any]
ENOUGH_BYTES = 1 << 30


async def check(folder: Path) -> list[Row]:
    """Rows `{what, well, says}`, `well` None where it is neither; later checks are left out where an earlier one makes them impossible."""
    rows: list[Row] = []
    try:
        config = configuration.read(folder)
    except TocsinError as error:
        return [_row("configuration", False, str(error))]
    rows.append(_row("configuration", True, f"{config.id}, {config.name}"))
    rows += list(_on_disk(folder, config))
    rows.append(_letting_in(config))
    try:
        running = await control.call_running(folder, "status", {}, timeout_s=10)
    except NotReachable:
        return [*rows, *await _stopped(folder), *await _relay(config)]
    except TocsinError as error:
        return [*rows, _row("node", False, str(error))]
    rows.append(_row("node", True, "it runs"))
    return [*rows, *_live(running), *await _relay(config)]


def _on_disk(folder: Path, config: configuration.Config) -> Iterator[Row]:
    mode = folder.stat().st_mode & 0o777
    yield _row("folder", not mode & 0o077, "for its owner alone" if not mode & 0o077 else f"others may enter: chmod 700 {folder}")
    if (folder / RECOVERY).exists():
        yield {
            "what": "recovery key",
            "well": None,
            "says": f"{folder / RECOVERY} is still here: print it, keep it in a safe, delete the file",
        }
    free = shutil.disk_usage(folder).free
    yield _row("disk", free > ENOUGH_BYTES, f"{free / 1e9:.1f} GB free")
    yield from _gate(folder, config)
    try:
        topics = load_topics(config.topics, folder)
        yield _row("topics", True, ", ".join(t.title for t in topics) or "none")
    except TocsinError as error:
        yield _row("topics", False, str(error))


def _letting_in(config: configuration.Config) -> Row:
    people = config.people
    wanted = {
        "optional": 'a second factor is asked of those who have one; set [people] second_factor = "privileged" to demand it of approvers',
        "privileged": "approvers, security officers and administrators must have a second factor",
        "required": "everybody must have a second factor",
    }[people.second_factor]
    says = [wanted, "passkeys at " + people.origin if people.origin else "no passkeys: [people] origin is not set"]
    if people.single_approver:
        says.append("one person's approval is enough (single-approver mode)")
    if people.oidc is not None:
        says.append(f"the organisation's login is {people.oidc.issuer}")
    exposed = config.http.host not in {"127.0.0.1", "::1", "localhost"} and not config.http.certificate
    if exposed:
        says.append("the console is reachable from elsewhere without TLS: set [http] certificate and key, or put a proxy before it")
    return {
        "what": "letting in",
        "well": False if exposed else None if people.second_factor == "optional" else True,
        "says": "; ".join(says),
    }


def _gate(folder: Path, config: configuration.Config) -> Iterator[Row]:
    site = load_site(config, folder)
    named = f"{', '.join(site.names[:6])} ({site.where})"
    yield _row("policies", not site.fault, f"{site.fault}; nobody is given anything until this is put right" if site.fault else named)
    try:
        if (community := load_community(config, folder)) is not None:
            yield _row("community", True, f"{community.name}, {len(community.partners)} partners, digest {community.digest()}")
    except TocsinError as error:
        yield _row("community", False, str(error))


async def _stopped(folder: Path) -> list[Row]:
    try:
        node = await Node.open(folder, secrets.find(folder), SystemClock(), SystemEntropy())
    except (TocsinError, Denied) as error:
        return [_row("keys and journal", False, str(error))]
    try:
        rows = [_row("keys and journal", True, "they open")]
        count = len(node.people.users())
        rows.append(_row("people", count > 0, f"{count} may log in"))
        shared = len(node.book.partners())
        rows.append(_row("partners", True, f"{shared} are pinned"))
        rows += _fingerprints(uncompared(node))
        rows.append(_reviews(len(Tearing(node).due(reader_of_all(node), node.clock.now()))))
        rows += _logs(node.notary.standing())
    finally:
        await node.close()
    return [*rows, {"what": "node", "well": None, "says": f"it does not run: tocsin up {folder}"}]


async def _relay(config: configuration.Config) -> list[Row]:
    if config.relay.supervise:
        return [_row("relay", True, "this node runs it")]
    if not config.relay.url:
        return [{"what": "relay", "well": None, "says": "none is set, so this node shares with nobody: set [relay] url in node.toml"}]
    return [await _reach(url) for url in config.relay.url.split(",")]


async def _reach(url: str) -> Row:
    where = urlsplit(url)
    try:
        async with asyncio.timeout(3):
            _, writer = await asyncio.open_connection(where.hostname, where.port or 4222)
        writer.close()
    except (OSError, TimeoutError):
        return _row("relay", False, f"nothing answers at {where.hostname}:{where.port or 4222}")
    return _row("relay", True, f"something answers at {where.hostname}:{where.port or 4222}")


def _clock_of(off_s: float) -> str:
    """What is said of a partner's clock that is too far off, nothing otherwise."""
    if not off_s:
        return ""
    way = "ahead" if off_s > 0 else "behind"
    return f"their clock is off by {abs(off_s) / 60:.0f} minutes ({way} of ours): one of the two is wrong, compare both with a third"


def _live(status: dict[str, Any]) -> Iterator[Row]:
    for feed in status["feeds"]:
        yield _row(f"feed {feed['name']}", feed["state"] == "ok", feed["state"])
    for link in status["links"]:
        clock = _clock_of(link["clock_off_s"])
        yield _row(f"partner {link['partner']}", link["state"] == "up" and not clock, clock or link["state"])
    yield from _fingerprints(status["uncompared"])
    yield _reviews(status["reviews_due"])
    yield from _logs(status["logs"])
    counters = status["counters"]
    refused = counters.get("refused", 0)
    yield _row("refusals", refused == 0, f"{refused} envelopes were refused" if refused else "none")


def _fingerprints(uncompared: Sequence[str]) -> list[Row]:
    if not uncompared:
        return []
    says = f"nobody has compared those of {', '.join(uncompared)} by telephone: tocsin partner confirm FOLDER NAME"
    return [{"what": "fingerprints", "well": None, "says": says}]


def _reviews(due: int) -> Row:
    says = f"{due} labels are due for review: tocsin label due" if due else "no label is due"
    return {"what": "reviews", "well": None if due else True, "says": says}


def _logs(logs: dict[str, Any]) -> Iterator[Row]:
    for one in logs["own"]:
        says = one["says"] or f"{one['size']:,} leaves are signed, cosigned by {', '.join(one['witnesses']) or 'nobody'}"
        yield {"what": f"log {one['realm']}", "well": {"signing": True, "stopped": False}.get(one["state"]), "says": says}
    for one in logs["witnessed"]:
        if one["two_histories"]:
            says = "it has signed two histories of this log: both notes are kept; ask them, and trust no proof of theirs until you know why"
            yield _row(f"log {one['origin']} of {one['partner']}", False, says)


def _row(what: str, well: bool, says: str) -> Row:
    return {"what": what, "well": well, "says": says}
