"""What a monitoring system is told, in Prometheus' text format: for each reader the numbers of what that reader may see.

What counts the node as a whole (links, the exchange, the process) counts under every label, so it is for readers of everything here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .filtered import Filtered
from .readers import Reader
from .service import Node

_PAGE_BYTES = 4096


class Sample(NamedTuple):
    """One number. `kind`: gauge or counter; `help` in a few words, for people."""

    name: str
    kind: str
    help: str
    labels: dict[str, str]
    value: float


def text(node: Node, reader: Reader) -> str:
    """Every sample that `reader` may be told, in a fixed order."""
    lines: list[str] = []
    last = ""
    samples = [*_own(node, reader), *(_whole(node) if Filtered(node, reader).reads_all else ())]
    for sample in sorted(samples, key=lambda s: s.name):
        if sample.name != last:
            lines += [f"# HELP {sample.name} {sample.help}", f"# TYPE {sample.name} {sample.kind}"]
            last = sample.name
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels.items())
        lines.append(f"{sample.name}{{{labels}}} {sample.value:.12g}" if labels else f"{sample.name} {sample.value:.12g}")
    return "\n".join(lines) + "\n"


def _own(node: Node, reader: Reader) -> Iterator[Sample]:
    shown = Filtered(node, reader)
    for realm in shown.realms():
        of = {"realm": realm}
        for kind, count in shown.counts(realm).items():
            yield Sample("tocsin_records", "gauge", "Records that this reader may see.", {**of, "kind": _plain(kind)}, count)
        world = node.worlds[realm]
        now = world.time(reader.view)
        yield Sample("tocsin_realm_time_seconds", "gauge", "Realm time.", of, now / 1_000_000)
        yield Sample("tocsin_warnings_open", "gauge", "Warnings that nobody has cancelled.", of, shown.open_warnings(realm))
        yield Sample("tocsin_tracks", "gauge", "Current tracks.", of, len(world.sight(reader.view).picture.tracks(now)))
        for feed in world.feeds(reader.view):
            labels = {**of, "feed": feed.name, "from": feed.sender}
            yield Sample("tocsin_feed_observations_total", "counter", "Observations heard.", labels, feed.observations)
            if (late := feed.state(now).lateness_s) is not None:
                yield Sample("tocsin_feed_lateness_seconds", "gauge", "Since the last observation.", labels, late)


def _whole(node: Node) -> Iterator[Sample]:
    for what, count in sorted(node.journal.counters().items()):
        yield Sample("tocsin_journal_total", "counter", "What the journal's writer did.", {"what": _plain(what)}, count)
    yield Sample("tocsin_received_observations_total", "counter", "Observations from partners.", {}, node.traffic.received)
    yield Sample("tocsin_process_resident_bytes", "gauge", "Memory of the process.", {}, resident_bytes())
    if node.exchange is None:
        return
    for what, count in sorted(node.exchange.counters().items()):
        yield Sample("tocsin_exchange_total", "counter", "What the exchange counted.", {"what": _plain(what)}, count)
    for link in node.exchange.links():
        to = {"partner": link.partner}
        yield Sample("tocsin_link_up", "gauge", "Whether the partner's link is up.", to, link.state == "up")
        yield Sample("tocsin_link_behind_in", "gauge", "Messages known of and not here yet.", to, link.behind_in)
        yield Sample("tocsin_link_behind_out", "gauge", "Messages without a receipt.", to, link.behind_out)


def resident_bytes() -> int:
    """Memory of this process that is in use, 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0


def _plain(name: str) -> str:
    return re.sub(r"[^\w-]", "_", name)[:40]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
