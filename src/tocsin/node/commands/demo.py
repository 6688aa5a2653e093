"""`tocsin demo`."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from tocsin.core import iso

from .output import give


def demo(*, once: bool = False, json: bool = False, seed: int = 1, cache: Path | None = None) -> None:
    """Three nodes on this machine, recorded traffic played fast, one exercise; ends with a table of what happened.

    On a terminal the consoles stay up until Ctrl-C.

    Parameters
    ----------
    once
        End after the table.
    seed
        Of the exercise and of how flights are re-timed.
    cache
        Where the recording is kept; `.cache/samples` in the current folder if left out.
    """
    try:
        figures = asyncio.run(_run(once or not sys.stdout.isatty(), seed, cache or Path(".cache/samples")))
    except asyncio.CancelledError:
        # Told to end, or the terminal went away: everything that was started has been ended.
        raise SystemExit(143) from None
    if json:
        give(figures, json=True)
    elif once or not sys.stdout.isatty():
        show(figures)


async def _run(once: bool, seed: int, cache: Path) -> dict[str, Any]:
    from tocsin.node.demo.cast import Player
    from tocsin.node.demo.script import Demonstration
    from tocsin.node.system import SystemClock, SystemEntropy

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    clock = SystemClock()
    zero = clock.now()

    def say(text: str) -> None:
        sys.stderr.write(f"{(clock.now() - zero) / 1e6:5.1f} s  {text}\n")
        sys.stderr.flush()

    with tempfile.TemporaryDirectory(prefix="tocsin-demo-", ignore_cleanup_errors=True) as folder:
        demonstration = Demonstration(Path(folder), cache, clock, SystemEntropy(), say, seed=seed)

        async def stay(consoles: list[tuple[Player, str]]) -> None:
            from .run import stopped

            show(demonstration.figures)
            sys.stdout.write("\nThe consoles stay up until Ctrl-C. Log in, and press Rehearse for a four-minute night:\n")
            for player, url in consoles:
                sys.stdout.write(f"  {player.id:6} {url}  name {player.officer}, password {player.password}\n")
            sys.stdout.flush()
            await stopped()

        return await demonstration.run(None if once else stay)


def show(figures: dict[str, Any]) -> None:
    """The table at the end, for a person."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(title="Who warned when, on which evidence", title_justify="left", box=None, pad_edge=False)
    for heading in ("Node", "Realm", "Level", "From", "Drafted (realm time)", "Approved by", "Evidence, times likelier"):
        table.add_column(heading, overflow="fold")
    for w in figures["warnings"]:
        evidence = ", ".join(f"{e['indicator']} {e['weight']:.1f}" for e in w["evidence"])
        cells = (w["node"], w["realm"], f"{w['level']} {w['state']}", w["origin"], iso(w["drafted_at"]), w["approved_by"] or "-", evidence)
        table.add_row(*map(Text, cells))
    console.print()
    console.print(table)
    late = figures["latency_ms"]
    delivered = ", ".join(f"{name} {n:,}" for name, n in figures["observations_delivered"].items())
    withheld = "; ".join(f"one report from {', '.join(w['from'])}" for w in figures["withheld"])
    lines = (
        f"Observations of {figures['aircraft_real']:,} real aircraft: {figures['observations']:,}",
        f"Delivered, with the exercise's {figures['observations_exercise']:,}: {delivered}",
        f"From {figures['source']}'s intake to a partner's picture: p50 {late['p50']:.0f} ms, p99 {late['p99']:.0f} ms",
        f"Withheld: {withheld}. Lost: {figures['lost']}. Doubled: {figures['doubled']}.",
        f"{figures['demo'][0].upper()}{figures['demo'][1:]}.",
    )
    for line in lines:
        console.print(Text(line))
