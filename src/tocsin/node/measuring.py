"""The exchange measured with real processes: this one sends, others hold the recipients and commit as a node does.

To commit a record is to keep it in the recipient's own journal, on disk (fsync). To commit an observation is to have
verified, opened and range-checked its batch and put it into the recipient's picture and its sealed archive, which
writes a file (with fsync) as soon as enough rows have gathered.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tocsin.core import Clearance, NotReachable, Observations
from tocsin.core.times import Micros
from tocsin.exchange import Relay
from tocsin.exchange import measure as parts
from tocsin.exchange.measure import SENDER, Ear, Marked, Progress
from tocsin.journal import Journal, Kept
from tocsin.picture import Archive, Picture
from tocsin.policy import Views

from .system import SystemClock, SystemEntropy, settle

Json = dict[str, Any]
REPORT_S = 0.02
PATIENCE_S = 120.0


class Plan(msgspec.Struct, frozen=True):
    """What a process of recipients is told at its start."""

    folder: str
    url: str
    names: list[str]


class Size(msgspec.Struct, frozen=True):
    """How much to measure."""

    recipients: int = 10
    processes: int = 2
    records: int = 5_000
    latency_s: float = 15
    rate: int = 20_000
    fast_s: float = 15


SMALL = Size(recipients=4, records=100, latency_s=1, rate=2_000, fast_s=0.5)


class NodeSink:
    """What a node does with what arrives, without its screens: picture and sealed archive."""

    def __init__(self, folder: Path, journal: Journal, clock: SystemClock) -> None:
        view = Views().of(Clearance(parts.POLICY, folder.name, 0))
        self._picture = Picture(parts.REALM, view, entropy=SystemEntropy())
        self._archive = Archive(folder / "archive", journal, clock)
        self._clock = clock

    async def on_records(self, kept: Sequence[Kept]) -> None:
        """The journal has them."""

    async def on_observations(self, batch: Observations, sender: str, sent_at: Micros) -> None:  # noqa: ARG002
        """Into the picture and the archive."""
        self._picture.update(batch, self._clock.now())
        await self._archive.add(batch)

    async def on_change(self, what: str) -> None:
        """Nobody looks."""


def memory_mb(pid: int | str = "self") -> float:
    """How much memory a process holds (resident), in MB; 0 where the system does not say."""
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return round(pages * 4096 / 1e6, 1)
    return 0.0


def cpu_of(pid: int | str) -> float:
    """CPU seconds that a process has used; 0 where the system does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100
    return 0.0


# --- a process of recipients ---------------------------------------------------------------------------------------


async def receive(plan: Plan) -> None:
    """Run recipients until stdin ends; a line there asks for what was seen since the last."""
    clock, folder = SystemClock(), Path(plan.folder)
    ears = {name: Ear(clock) for name in plan.names}

    def make_sink(name: str) -> Callable[[Journal], Ear]:
        def sink(journal: Journal) -> Ear:
            ears[name].inner = NodeSink(folder / name, journal, clock)
            return ears[name]

        return sink

    async with contextlib.AsyncExitStack() as exits:
        nodes = [
            await exits.enter_async_context(parts.member(folder / name, [SENDER], plan.url, clock, SystemEntropy(), make_sink(name)))
            for name in plan.names
        ]
        settle()
        asked, ended = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def hear() -> None:
            (asked if sys.stdin.buffer.readline() else ended).set()

        loop.add_reader(0, hear)
        cpu = time.process_time()
        while not ended.is_set():
            counts = [node.exchange.counters() for node in nodes]
            sums = {key: sum(one[key] for one in counts) for key in ("lost", "doubled", "gaps", "refused")}
            _say(Progress(min(ear.rows for ear in ears.values()), min(ear.records for ear in ears.values()), **sums))
            if asked.is_set():
                asked.clear()
                used, cpu = time.process_time() - cpu, time.process_time()
                delays = [one for ear in ears.values() for one in ear.delays]
                for ear in ears.values():
                    ear.delays.clear()
                _say(Marked(delays, used, memory_mb()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPORT_S):
                    await ended.wait()
        loop.remove_reader(0)


def _say(line: Progress | Marked) -> None:
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


# --- the sender's side ---------------------------------------------------------------------------------------------


class Receivers:
    """The processes of recipients, as the sender's process sees them."""

    def __init__(self, processes: list[asyncio.subprocess.Process]) -> None:
        self._processes = processes
        self._progress = [Progress(0, 0)] * len(processes)
        self._marks: list[asyncio.Queue[Marked]] = [asyncio.Queue() for _ in processes]
        self.heard = asyncio.Event()
        self._tasks = [asyncio.create_task(self._listen(index)) for index in range(len(processes))]

    async def _listen(self, index: int) -> None:
        stream = self._processes[index].stdout
        while stream is not None and (line := await stream.readline()):
            said = msgspec.json.decode(line)
            if "delays" in said:
                self._marks[index].put_nowait(msgspec.convert(said, Marked))
            else:
                self._progress[index] = msgspec.convert(said, Progress)
            self.heard.set()

    def rows(self) -> int:
        """Observations that the slowest recipient has committed."""
        return min(one.rows for one in self._progress)

    def records(self) -> int:
        """Records that the slowest recipient has committed."""
        return min(one.records for one in self._progress)

    def troubles(self) -> Json:
        """What was lost, doubled, refused at any recipient; all 0 unless something is broken."""
        return {key: sum(getattr(one, key) for one in self._progress) for key in ("lost", "doubled", "gaps", "refused")}

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the recipients report; raises `NotReachable` if it does not come."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    self.heard.clear()
                    await self.heard.wait()
        except TimeoutError:
            raise NotReachable(f"the recipients did not get everything in {PATIENCE_S:.0f} s") from None

    async def has(self, *, rows: int = 0, records: int = 0) -> None:
        """Wait until the slowest recipient has committed so much."""
        await self.until(lambda: self.rows() >= rows and self.records() >= records)

    async def mark(self) -> list[Marked]:
        """What each process saw since the last mark."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.write(b"mark\n")
        async with asyncio.timeout(PATIENCE_S):
            return [await marks.get() for marks in self._marks]

    async def end(self) -> None:
        """Ask all to end, and wait."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in self._processes:
            try:
                async with asyncio.timeout(20):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        for task in self._tasks:
            await task


@contextlib.asynccontextmanager
async def receivers(folder: Path, url: str, names: Sequence[str], processes: int) -> AsyncIterator[Receivers]:
    """Recipients of these names, spread over processes, running."""
    started = []
    for number in range(processes):
        plan = Plan(str(folder), url, list(names[number::processes]))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tocsin.node.measuring",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
        if process.stdin is not None:
            process.stdin.write(msgspec.json.encode(plan) + b"\n")
        started.append(process)
    found = Receivers(started)
    try:
        yield found
    finally:
        await found.end()


def measure(folder: Path, size: Size) -> Json:
    """Everything that `tocsin bench exchange` gives about speed."""
    return asyncio.run(_measure(folder, size))


async def _measure(folder: Path, size: Size) -> Json:
    clock, entropy = SystemClock(), SystemEntropy()
    names = [f"R{number:02}" for number in range(size.recipients)]
    relay = Relay(folder / "relay")
    url = await relay.start(parts.lay_out(folder, [SENDER, *names], clock, entropy))
    label = parts.label_for(names)
    sky = parts.Sky(label)
    found: Json = {"recipients": size.recipients, "commit": "records: journal with fsync; observations: picture and sealed archive"}
    try:
        async with (
            parts.member(folder / SENDER, names, url, clock, entropy, Ear(clock)) as node,
            receivers(folder, url, names, size.processes) as others,
        ):
            # Keys are exchanged and every chain is begun before anything is timed.
            await node.exchange.say(parts.a_report(-1, label, clock.now(), entropy))
            await node.exchange.share(sky.take(100, clock.now()))
            await others.until(lambda: others.records() >= 1 and others.rows() >= 100)
            await others.mark()
            settle()
            watch = Watch(others, relay, clock)

            async def say(number: int) -> None:
                await node.exchange.say(parts.a_report(number, label, clock.now(), entropy))

            with watch.phase():
                await parts.say_many(say, size.records)
                await others.until(lambda: others.records() >= size.records + 1)
            _, cpu = await watch.used()
            found |= {"records_per_s": round(size.records / watch.took_s), "records_cpu_s_per_1000": round(cpu / size.records * 1000, 2)}

            before = others.rows()
            with watch.phase():
                shared = await parts.share_at(node.exchange, sky, clock, size.rate, size.latency_s)
                await others.until(lambda: others.rows() >= before + shared)
            marks, cpu = await watch.used()
            p50, p99 = parts.percentiles([delay for mark in marks for delay in mark.delays])
            found |= {"rate": size.rate, "p50_ms": p50, "p99_ms": p99, "cpu_at_rate": round(cpu / watch.took_s, 2)}

            before, sent = others.rows(), node.exchange.counters()
            with watch.phase():
                shared = await parts.share_fast(node.exchange, sky, clock, size.fast_s, others.rows)
                await others.until(lambda: others.rows() >= before + shared)
            _, cpu = await watch.used()
            now = node.exchange.counters()
            found |= {
                "observations_per_s": round(shared / watch.took_s),
                "delivered_per_s": round(shared * size.recipients / watch.took_s),
                "bytes_per_observation": round((now.get("observation_bytes", 0) - sent.get("observation_bytes", 0)) / shared, 1),
                "cpu_s": round(cpu, 2),
                "cpu_s_per_million_delivered": round(cpu / (shared * size.recipients) * 1e6, 2),
            }
            found |= others.troubles()
    finally:
        await relay.stop()
    return found


class Watch:
    """Times a phase, and adds up the CPU of all processes in it: sender, recipients, relay."""

    def __init__(self, others: Receivers, relay: Relay, clock: SystemClock) -> None:
        self._others, self._relay, self._clock = others, relay, clock
        self._own = self._server = 0.0
        self.took_s = 0.0

    @contextlib.contextmanager
    def phase(self) -> Iterator[None]:
        """What is timed."""
        self._own, self._server = time.process_time(), cpu_of(self._relay.pid)
        began = self._clock.now()
        yield
        self.took_s = max(self._clock.now() - began, 1) / 1e6

    async def used(self) -> tuple[list[Marked], float]:
        """The recipients' marks, and the CPU seconds of all."""
        own, server = time.process_time() - self._own, cpu_of(self._relay.pid) - self._server
        marks = await self._others.mark()
        return marks, own + server + sum(mark.cpu_s for mark in marks)


if __name__ == "__main__":
    asyncio.run(receive(msgspec.json.decode(sys.stdin.buffer.readline(), type=Plan)))
