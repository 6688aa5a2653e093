"""`tocsin up`, `tocsin status`: what runs until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from tocsin.core import InputError, NotReachable

from .calls import call
from .output import give, log_to_stderr


def up(folder: Path, *, port: int | None = None) -> None:
    """Run the node in a folder until Ctrl-C; prints the console's address.

    Parameters
    ----------
    port
        Where the console listens, in place of what node.toml says; 0 takes a free port.
    """
    from tocsin.node.serving import serve
    from tocsin.node.system import give_back_memory

    if port is not None and not 0 <= port <= 65535:
        raise InputError(f"--port {port}: a port is 0 to 65535")
    log_to_stderr()
    give_back_memory()
    asyncio.run(serve(folder, port=port, ready=say_ready))


def status(folder: Path, *, json: bool = False) -> None:
    """How the node in a folder is; ends with 3 if it does not run."""
    found = call(folder, "status")
    lines = [f"{found['id']}, {found['name']}" + ("" if found["running"] else f": it does not run; start it with `tocsin up {folder}`")]
    lines += [f"realm {r['realm']}: {r['time'] or '-'}, {max(r['tracks'], default=0):,} tracks" for r in found["realms"]]
    lines += [f"feed {f['name']}: {f['state']}" for f in found["feeds"]]
    lines += [f"partner {link['partner']}: {link['state']}" for link in found["links"]]
    give(found, json=json, text="\n".join(lines))
    if not found["running"]:
        raise SystemExit(NotReachable.exit_code)


async def stopped() -> None:
    """Wait for Ctrl-C, a polite end, or the terminal's."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def say_ready(url: str) -> None:
    """Tell whoever started this where it listens."""
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
