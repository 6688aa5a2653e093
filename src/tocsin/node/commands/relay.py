"""`tocsin relay ...`: a relay for partners to meet at, beside or apart from their nodes."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tocsin.core import InputError, TocsinError
from tocsin.exchange import Card

from .output import give, log_to_stderr
from .run import say_ready, stopped

log = logging.getLogger("tocsin")
LOOK_S = 1.0


def init(
    folder: Path,
    *cards: Path,
    host: str = "127.0.0.1",
    port: int = 4222,
    names: str = "",
    cert: Path | None = None,
    key: Path | None = None,
    ca: Path | None = None,
    memory_mb: int = 2560,
    storage_mb: int = 16_384,
    json: bool = False,
) -> None:
    """Make a relay in a folder, for the members whose cards are given.

    Parameters
    ----------
    host
        Where it listens; anything but the loopback is served with TLS alone.
    names
        What members call it, with commas: host names and addresses; the certificate is for these.
    cert
        A certificate of an authority that is there already, with --key and --ca; without it the relay makes its own authority.
    memory_mb
        For observations and control messages of all pairs of members.
    storage_mb
        For records of all pairs of members.
    """
    from tocsin.exchange import relayconf, relaytls
    from tocsin.node.system import SystemClock

    called = tuple(name for name in names.split(",") if name)
    own = [str(path.resolve()) if path is not None else "" for path in (cert, key, ca)]
    serving = relayconf.Serving(
        host=host, port=port, names=called, tls=bool(called or cert), memory_mb=memory_mb, storage_mb=storage_mb,
        cert=own[0], key=own[1], ca=own[2],
    )  # fmt: skip
    serving.check()
    if (folder / relayconf.FILE).exists():
        raise InputError(f"{folder} holds a relay already: `tocsin relay add` and `remove` change its members")
    (folder / "cards").mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    relayconf.write(folder, serving)
    authority = ""
    if serving.tls:
        if cert is not None and key is not None:
            relaytls.check_pair(cert, key)
            authority = own[2]
        else:
            authority = str(relaytls.make_authority(folder, SystemClock()))
    added = [_take(folder, path).partner for path in cards]
    text = f"A relay for {len(added)} members is made in {folder}. Run it: tocsin relay up {folder}"
    if authority:
        text += f"\nGive members its authority, {authority}: they name it as [relay] ca in node.toml"
    where = called[0] if called else host
    found = {"folder": str(folder), "url": f"{serving.scheme}://{where}:{port}", "ca": authority, "members": added}
    give(found, json=json, text=text)


def add(folder: Path, card: Path, *, json: bool = False) -> None:
    """Let a partner in by its card; a relay that runs takes it up by itself. A partner's new card stands beside its old one."""
    found = _take(folder, card)
    give({"added": found.partner, "fingerprint": found.fingerprint()}, json=json, text=f"{found.partner} may use this relay")


def remove(folder: Path, name: str, *, json: bool = False) -> None:
    """Let a partner in no more: its log-in ends and what was left for it or by it is purged, at once if the relay runs."""
    gone = [path for path in _cards(folder) if Card.from_toml(path.read_text()).partner == name]
    if not gone:
        raise InputError(f"{folder / 'cards'} holds no card of {name[:40]!r}")
    for path in gone:
        path.unlink()
    give({"removed": name}, json=json, text=f"{name} may not use this relay any more")


def up(folder: Path, *, port: int | None = None) -> None:
    """Run the relay in a folder until Ctrl-C, for the partners whose cards lie as *.toml in FOLDER/cards; prints its address.

    Parameters
    ----------
    port
        In place of what `tocsin relay init` was told; 0 takes a free one.
    """
    log_to_stderr()
    asyncio.run(_run(folder, port))


async def _run(folder: Path, port: int | None) -> None:
    from tocsin.exchange import Relay, relayconf
    from tocsin.node.system import SystemClock

    serving = relayconf.read(folder)
    members = _members(folder)
    if not members:
        raise InputError(f"{folder / 'cards'} holds no card: `tocsin relay add {folder} CARD`")
    relay = Relay(folder, serving.port if port is None else port, serving, SystemClock())
    url = await relay.start(members)
    watcher = asyncio.create_task(_follow(folder, relay.set_members, members), name="cards")
    try:
        say_ready(url)
        await stopped()
    finally:
        watcher.cancel()
        await relay.stop()


async def _follow(folder: Path, tell: Callable[[Sequence[Card]], Awaitable[None]], known: Sequence[Card]) -> None:
    now = [card.signatures for card in known]
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            members = _members(folder)
            if (then := [card.signatures for card in members]) != now:
                await tell(members)
                now = then
                log.info("the relay has %d members now", len({card.partner for card in members}))
        except TocsinError as error:
            log.warning("the relay's members stay as they were: %s", error)


def _members(folder: Path) -> list[Card]:
    found = {}
    for path in _cards(folder):
        try:
            card = Card.from_toml(path.read_text())
        except (OSError, UnicodeDecodeError):
            raise InputError(f"{path} cannot be read as a card") from None
        found[card.relay] = card
    return [found[user] for user in sorted(found)]


def _cards(folder: Path) -> list[Path]:
    return sorted((folder / "cards").glob("*.toml"))


def _take(folder: Path, path: Path) -> Card:
    try:
        card = Card.from_toml(path.read_text())
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} cannot be read as a card") from None
    (folder / "cards").mkdir(mode=0o700, parents=True, exist_ok=True)
    # Under another name first: a relay that runs must not read half a card.
    target = folder / "cards" / f"{card.partner}-{card.era}-{card.serial}.toml"
    beside = target.with_suffix(".new")
    shutil.copyfile(path, beside)
    beside.replace(target)
    return card
