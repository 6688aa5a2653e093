"""Nodes as processes, over a real relay, for tests that kill them: started, told, listened to, and looked at afterwards."""

import asyncio
import contextlib
import json
import os
import sys
from collections import Counter
from pathlib import Path

import msgspec

from tests.faults.member import Plan, report
from tocsin.core import SeededEntropy
from tocsin.exchange import Relay, measure
from tocsin.journal import Journal, Vault
from tocsin.node.system import SystemClock, SystemEntropy

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


class Member:
    """One node. `events` holds what it told in all its lives, each with the number of the life."""

    def __init__(self, place, name):
        self.place, self.name, self.folder = place, name, place.folder / name
        self.partners = [other for other in place.names if other != name]
        self.events, self.life, self.process, self._listener = [], 0, None, None
        self._heard = asyncio.Event()
        self._stderr = None

    async def start(self, point="", at=1, *, url="", ahead_s=0.0, env=None, preexec=None):
        self.life += 1
        plan = Plan(str(self.folder), url or self.place.url, self.partners, point, at, ahead_s)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.member",
            str(self.folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=self._log(),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", **(env or {})},
            limit=1 << 22,
            preexec_fn=preexec,
        )
        self.process.stdin.write(msgspec.json.encode(plan) + b"\n")
        self._listener = asyncio.create_task(self._listen(self.life, self.process.stdout))
        if not point:
            await self.until(lambda: self.ended or self.told("up", life=self.life), what="to come up")
            assert not self.ended, (self.place.folder / f"{self.name}.log").read_text()[-3000:]

    def _log(self):
        if self._stderr is None:
            self._stderr = (self.place.folder / f"{self.name}.log").open("ab")
        return self._stderr

    async def _listen(self, life, stream):
        while line := await stream.readline():
            self.events.append({**json.loads(line), "life": life})
            self._heard.set()
        await self.process.wait()
        self._heard.set()

    @property
    def ended(self):
        return self.process is None or self.process.returncode is not None

    def order(self, do, **more):
        with contextlib.suppress(ConnectionError, RuntimeError):
            self.process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")

    def told(self, event, life=None):
        return [one for one in self.events if one["event"] == event and life in {None, one["life"]}]

    async def until(self, condition, seconds=PATIENCE_S, what=""):
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._heard.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.25):
                            await self._heard.wait()
        except TimeoutError:
            log = (self.place.folder / f"{self.name}.log").read_text()[-2000:]
            raise AssertionError(f"{self.name} did not come {what} in {seconds} s; last {self.events[-3:]}; log {log}") from None

    async def death(self):
        """Wait until it has died."""
        await self.until(lambda: self.ended, what="to die")
        await self._listener

    async def kill(self):
        if not self.ended:
            self.process.kill()
        await self.death()

    async def stop(self):
        """A polite end."""
        if not self.ended:
            self.process.stdin.close()
            try:
                await self.until(lambda: self.ended, seconds=30)
            except AssertionError:
                await self.kill()
                raise
        if self._listener:
            await self._listener

    async def state(self):
        tag = len(self.told("state")) + 1
        self.order("state", tag=tag)
        await self.until(lambda: len(self.told("state")) >= tag, what="to say how it is")
        return self.told("state")[-1]

    async def until_state(self, condition, seconds=PATIENCE_S):
        """Ask how it is until it is so."""
        async with asyncio.timeout(seconds):
            while True:
                if condition(await self.state()):
                    return
                await asyncio.sleep(0.2)

    def said(self):
        """Numbers that it acknowledged, in order of the acknowledgement."""
        return [one["number"] for one in self.told("said")]

    def rows_shared(self, life=None):
        return {n for one in self.told("shared", life) for n in range(one["first"], one["first"] + one["rows"])}

    def rows_seen(self, life=None):
        return Counter(n for one in self.told("seen", life) for n in one["rows"])

    async def kept(self):
        """All records in its journal, of which it must not be running."""
        journal = await Journal.open(self.folder, Vault.open(self.folder, measure.SECRET), SystemClock(), SystemEntropy())
        try:
            found, after = [], -1
            while page := journal.records(measure.REALM, after=after):
                found += page
                after = page[-1].index
            return found
        finally:
            await journal.close()


class Place:
    def __init__(self, folder, names):
        self.folder, self.names = Path(folder), names
        self.relay = Relay(self.folder / "relay")
        self.members = {}
        self.url = ""

    def __getitem__(self, name):
        return self.members[name]


@contextlib.asynccontextmanager
async def place(folder, *names):
    """Folders and keys for nodes of these names and their relay; whatever runs at the end is ended."""
    found = Place(folder, names)
    cards = measure.lay_out(found.folder, names, SystemClock(), SeededEntropy(str(names)))
    found.members = {name: Member(found, name) for name in names}
    try:
        found.url = await found.relay.start(cards)
        yield found
    finally:
        for one in found.members.values():
            if not one.ended:
                await one.kill()
            elif one._listener:
                await one._listener
            if one._stderr is not None:
                one._stderr.close()
        await found.relay.stop()


def expected(origin, numbers, readers, text="As it was said. "):
    """The records that `origin` said, by number."""
    return {number: report(origin, number, readers, text) for number in numbers}


async def judge(sender, receiver, numbers, text="As it was said. "):
    """What became of `numbers` of the sender's records at the receiver, and of what it shared. Both have stopped."""
    wanted = {record.id: record for record in expected(sender.name, numbers, sender.partners, text).values()}
    kept = [one for one in await receiver.kept() if one.record.origin == sender.name]
    times = Counter(one.record.id for one in kept)
    order = [one.record.id for one in await sender.kept() if one.record.id in wanted]
    forged = [one for one in kept if one.record.id not in wanted or one.record != wanted[one.record.id]]
    gaps = [msgspec.json.decode(one.record.body) for one in await receiver.kept() if one.record.kind == "gap"]
    # Between two lives of the sender that were heard of, whatever is missing needs a gap record; in the last one too.
    seen, needed = set(receiver.rows_seen()), 0
    lives = [life for life in range(1, sender.life + 1) if sender.rows_shared(life) & seen]
    for life, following in zip(lives, [*lives[1:], sender.life + 1], strict=False):
        shared = set().union(*(sender.rows_shared(one) for one in range(life, following)))
        needed += bool(shared - seen)
    doubled_rows = sum(1 for life in range(1, receiver.life + 1) for times_ in receiver.rows_seen(life).values() if times_ > 1)
    return {
        "said": len(wanted),
        "forged": len(forged) + len(set(receiver.rows_seen()) - sender.rows_shared()),
        "lost": sum(1 for id_ in wanted if not times[id_]),
        "doubled": sum(1 for id_ in wanted if times[id_] > 1) + doubled_rows,
        "gaps_unrecorded": max(0, needed - len(gaps)),
        "in_order": [one.record.id for one in kept if one.record.id in wanted] == [id_ for id_ in order if times[id_]],
        "gaps": len(gaps),
    }
