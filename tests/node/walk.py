"""Two nodes alike to the last bit of their seeds, keys and clocks, one of which holds a record more; and a walk that asks both the same."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec

from tocsin.core import (
    LIVE,
    Acknowledgement,
    Claim,
    Clearance,
    Finding,
    Gap,
    Label,
    LogEntry,
    ManualClock,
    Record,
    Ref,
    Refusal,
    Report,
    Rule,
    SeededEntropy,
    WarningRecord,
    encode,
    make,
)  # fmt: skip
from tocsin.core.ids import new_id
from tocsin.core.observations import build
from tocsin.exchange import NodeKeys
from tocsin.journal import Cost, Entry
from tocsin.node import operations, secrets
from tocsin.node.http import make_app
from tocsin.node.http.live_routes import Stream
from tocsin.node.readers import SYSTEM, Reader
from tocsin.node.service import Node
from tocsin.people import People, Role

from . import helpers, walk_requests
from .walk_requests import Ask, ask

ZERO = 1_800_000_000_000_000
SECOND = 1_000_000
OPEN, HIDDEN, REPLAY = "exercise:open", "exercise:hidden", "replay:open"
CHEAP = Cost(passes=1, memory_kib=8, lanes=1)
ALL = [role.value for role in Role]
KINDS = ("report", "warning", "finding", "claim", "rule", "log", "acknowledgement", "request", "gap", "refusal")


def _made(seed: str, kind: str) -> str:
    return new_id(kind, SeededEntropy(seed))


NAMES: dict[str, str] = {
    "exercise": OPEN, "hidden-exercise": HIDDEN, "replay": REPLAY, "report": _made("report", "report"),
    "warning": _made("warning", "warning"), "own-warning": _made("own", "warning"), "rule": _made("rule", "rule"),
    "warning-record": _made("warning record", "warning"), "drill-warning": _made("drill warning", "warning"),
    "unknown-report": _made("?", "report"), "unknown-warning": _made("?", "warning"), "unknown-rule": _made("?", "rule"),
    **{f"canary-{kind}": _made("canary", kind) for kind in KINDS},
}  # fmt: skip
EPISODE = _made("episode", "finding")


class Answer(NamedTuple):
    """What came of one request."""

    who: str
    asked: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def label(level: int, *partners: str, origin: str = "ASTER", caveats: Sequence[str] = ()) -> Label:
    return Label("tocsin-levels", level, frozenset({origin}), frozenset({origin, "ASTER", *partners}), frozenset(caveats))


def warning(id: str, version: int = 1, state: str = "issued", text: str = "Transports gather.", **more: Any) -> WarningRecord:
    fields: dict[str, Any] = {
        "warning": id, "version": version, "state": state, "topic": "airborne-rapid-deployment", "level": "HIGH", "was": "LOW",
        "sentence": text, "probabilities": {"deployment": 0.6, "nothing": 0.4}, "words": {"deployment": "likely"}, "confidence": "low",
        "innocent": ("training",), "base_rate": "rare", "evidence": (), "cannot_see": (), "would_change": "More flights.",
        "drafted_at": ZERO, "cap": "<alert/>", "cancellation": "<alert/>",
    }  # fmt: skip
    return WarningRecord(**fields | more)


def finding(text: str = "Twelve transports.", episode: str = EPISODE) -> Finding:
    return Finding(episode=episode, state="opened", indicator="surge", detector="airlift-surge", topic="airborne-rapid-deployment",
                   text=text, since=ZERO, until=ZERO + SECOND)  # fmt: skip


def flights(node: Node, of: Label, realm: str, count: int, seconds: int = 0) -> Any:
    now = ZERO + seconds * SECOND
    return build("roof", realm, of, count, time=[now] * count, identity=[(1 << 56) + i + 1 for i in range(count)],
                 latitude=[47.0 + i / 10 for i in range(count)], longitude=[8.0 + seconds * 0.00197] * count, altitude=[5000.0] * count,
                 speed=[150.0] * count, course=[90.0] * count)  # fmt: skip


async def keep(
    node: Node, body: Any, of: Label, *, seed: str, realm: str = LIVE, author: str = "mara", origin: str = "ASTER", refs: Any = ()
) -> Record:
    """Keep a record as if it had been said here, or come from `origin`; its id is `seed`'s."""
    times = {"protocol_time": node.clock.now(), "realm_time": node.clock.now()}
    record = make(body, realm=realm, origin=origin, author=author, label=of, entropy=SeededEntropy(seed), refs=tuple(refs), **times)
    record = msgspec.structs.replace(record, id=_made(seed, record.kind))
    (kept,) = await node.journal.keep([Entry(encode(record), record)])
    await node.on_records([kept])
    return record


async def founded(folder: Path) -> Path:
    """The folder that both nodes are copies of: ASTER with partners BIRCH and CEDAR, and its people."""
    await helpers.make(folder, "ASTER", caveats=("KITE",))
    node = await Node.open(folder, secrets.find(folder), ManualClock(ZERO), SeededEntropy("founding"))
    node.people = People(node.journal, node.clock, node.entropy, cost=CHEAP, vault=node.vault, security=node.config.security)
    try:
        for partner in ("BIRCH", "CEDAR"):
            card = NodeKeys.make(partner).card(partner.title(), node.clock)
            await operations.add_partner(node, operations.NewPartner(card.to_toml(), "CONFIDENTIAL"))
        await node.people.change_user("mara", password=helpers.PASSWORD)
        for name, roles, level in (("low", ALL, 1), ("plain", ALL, 2), *((f"low-{role}", [role], 1) for role in ALL)):
            clearance = Clearance("tocsin-levels", "ASTER", level, frozenset())
            await node.people.add_user(name, helpers.PASSWORD, roles, clearance)
        for name, caveats, level in (("desk", (), 1), ("top", ("KITE",), 2)):
            clearance = Clearance("tocsin-levels", "ASTER", level, frozenset(caveats))
            await node.people.receivers.add(name, "feed", "", clearance, by="operator")
    finally:
        await node.close()
    return folder


HEDGED = re.compile(rb'(signed_mldsa65 = \\")[A-Za-z0-9+/=]+')
"""ML-DSA signs with randomness of its own, drawn where no test can hand it in: the one thing that is left out of the comparison."""
Canary = Callable[["Twin"], Awaitable[None]]


class Twin:
    """One of the two nodes, with everyone at their consoles."""

    def __init__(self, node: Node, clock: ManualClock) -> None:
        self.node, self.clock = node, clock
        self.app = make_app(node)
        self.clients: dict[str, httpx2.AsyncClient] = {}
        self.streams: list[tuple[str, Stream]] = []
        self.frames: list[tuple[str, bytes]] = []
        self.log: list[str] = []

    def held(self) -> int:
        """How many records the node holds."""
        return sum(self.node.journal.size(realm) for realm in (LIVE, OPEN, HIDDEN, REPLAY))

    def view_of(self, name: str) -> Any:
        user = next(u for u in self.node.people.users() if u.name == name)
        return self.node.view(user.clearance)

    async def settle(self) -> None:
        """Let a second go by, and take what streams have to say."""
        self.clock.move_to(self.clock.now() + SECOND)
        for name, one in self.streams:
            self.frames += [(name, data) for data in one.take()]

    def listen(self) -> None:
        for user in self.node.people.users():
            reader = Reader(user, self.node.view(user.clearance), "x")
            for realm in (LIVE, OPEN, HIDDEN):
                stream = Stream(self.node, reader, realm)
                self.node.listen(stream.hear)
                self.streams.append((f"{user.name} {realm}", stream))

    async def fill(self, early: Canary | None, middle: Canary | None) -> None:
        """What both nodes hold; and what only one does."""
        node = self.node
        low, plain = self.view_of("low"), self.view_of("plain")
        self.view_of("mara")
        self.listen()
        if early:
            await early(self)
        await self.settle()
        about = [Ref("about", NAMES["canary-report"]), Ref("answers", NAMES["canary-request"])]
        await keep(node, Report(title="Ferry", text="Kestrel seen.", source="harbour"), label(0), seed="report", refs=about)
        await keep(
            node, Report(title="Rail", text="Closed.", source="rail"), label(1, origin="BIRCH"), seed="b", origin="BIRCH", author="b"
        )
        await keep(node, warning(NAMES["warning"]), label(1, origin="BIRCH"), seed="warning record", origin="BIRCH", author="eva")
        for view, seed in ((low, "own"), (plain, "plain's")):
            episode = EPISODE if view is low else _made("other episode", "finding")
            draft = warning(_made(seed, "warning"), state="drafted")
            await keep(node, finding(episode=episode), label(0, "BIRCH"), seed=f"{seed} finding", author=SYSTEM + view.id)
            refs = [Ref("evidence", episode)]
            await keep(node, draft, label(0), seed=f"{seed} draft", author=SYSTEM + view.id, refs=refs)
        await keep(node, RULE, label(0, "BIRCH"), seed="rule")
        await keep(node, Report(title="Drill", text="Begins.", source="x"), label(0), seed="drill", realm=OPEN)
        await keep(node, warning(_made("drill", "warning")), label(0), seed="drill warning", realm=OPEN)
        await keep(node, Report(title="Old", text="Replayed.", source="x"), label(0), seed="replay", realm=REPLAY)
        await self.settle()
        await self.hear(label(0), OPEN, 2, 3)
        if middle:
            await middle(self)
        await self.settle()
        await keep(
            node, warning(NAMES["warning"], 2, text="More gather."), label(1, origin="BIRCH"), seed="v2", origin="BIRCH", author="eva"
        )
        await keep(node, LogEntry(text="Took over."), label(1), seed="log", author="low")
        for number in range(205):
            body = Refusal(sender="BIRCH", reason=f"it does not fit {number}", digest="00")
            await keep(node, body, label(1), seed=f"refusal {number}", author="node")
        for seconds in (5, 10):
            await self.hear(label(0), LIVE, 3, seconds)
            await self.hear(label(0), OPEN, 3, seconds)
            await self.settle()
        for world in list(node.worlds.values()):
            await node.look(world, ZERO + 15 * SECOND)
        await self.settle()
        self.clock.move_to(ZERO + 100 * SECOND)

    async def hear(self, of: Label, realm: str, count: int, seconds: int) -> None:
        """Take in a batch of a feed of the node's own."""
        await self.node.traffic.take_in(flights(self.node, of, realm, count, seconds))

    async def log_in(self, name: str) -> httpx2.AsyncClient:
        """A client of that person, logged in; of a receiver (`receiver:NAME`) with its token."""
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)  # type: ignore[arg-type]
        client = self.clients[name] = httpx2.AsyncClient(transport=transport, base_url="http://node/api/v1", timeout=20)
        if name.startswith("receiver:"):
            _, token = await self.node.people.receivers.renew(name.partition(":")[2], by="operator")
            client.headers["authorization"] = f"Bearer {token}"
            return client
        answer = await client.post("/session", json={"name": name, "password": helpers.PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["x-tocsin-csrf"] = answer.json()["csrf"]
        return client

    async def walk(self, name: str, *, whole: bool = True, reading: bool = False, all_of: str = "") -> list[Answer]:
        """Every answer to every request of the table, for one reader. `reading`: those alone that change nothing.

        `all_of`: where in each route's path its every request is asked, also of who else asks one of each route.
        """
        client = self.clients.get(name) or await self.log_in(name)
        found: list[Answer] = []
        table = sorted(walk_requests.REQUESTS, key=lambda r: (r in walk_requests.LAST, r.split()[0] != "GET", r))
        for route in table:
            method, path = route.split()
            if reading and (method != "GET"):
                continue
            asks = list(walk_requests.unfolded(walk_requests.REQUESTS[route]))
            every = whole or (bool(all_of) and path.startswith(all_of))
            found += [await self._ask(client, name, method, path, one) for one in (asks if every else asks[:1])]
        if not reading:
            found += [await self._ask(client, name, "GET", f"http://node{path}", ask()) for path in walk_requests.OUTSIDE]
        return found

    async def _ask(self, client: httpx2.AsyncClient, name: str, method: str, path: str, one: Ask) -> Answer:
        self.clock.move_to(self.clock.now() + 1000)
        path, query, body = _named(path, one)
        answer = await client.request(method, path, params=query, json=body)
        content = HEDGED.sub(rb"\1", answer.content)
        return Answer(name, f"{method} {path} {query} {body}", answer.status_code, tuple(sorted(answer.headers.items())), content)


def _named(path: str, one: Ask) -> tuple[str, dict[str, Any], Any]:
    from urllib.parse import quote

    def put(value: Any) -> Any:
        if isinstance(value, str):
            for name, known in NAMES.items():
                value = value.replace(f"{{{name}}}", known)
        return [put(v) for v in value] if isinstance(value, list) else value

    for name, value in one.path.items():
        path = path.replace(f"{{{name}}}", quote(put(value), safe="%"))
    query = {k: put(v) for k, v in one.query.items() if v is not None}
    body = {k: put(v) for k, v in one.json.items()} if isinstance(one.json, dict) else one.json
    return path, query, body


RULE = Rule(name="night", topic="airborne-rapid-deployment", level="HIGH", audience=("BIRCH",), realms=(LIVE,), valid_from=ZERO,
            valid_until=ZERO + 10**12, state="proposed")  # fmt: skip


@contextlib.asynccontextmanager
async def twin(template: Path, folder: Path, *, early: Canary | None = None, middle: Canary | None = None) -> AsyncIterator[Twin]:
    """A copy of `template`, opened and filled, with the canary that is given."""
    shutil.copytree(template, folder)
    clock = ManualClock(ZERO)
    node = await Node.open(folder, secrets.find(folder), clock, SeededEntropy("twin"))
    node.people = People(node.journal, clock, node.entropy, cost=CHEAP, vault=node.vault, security=node.config.security)
    one = Twin(node, clock)
    handler = _Lines(one.log)
    logging.getLogger().addHandler(handler)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(node.close)
        stack.callback(logging.getLogger().removeHandler, handler)
        tasks = await stack.enter_async_context(_tasks())
        node._tasks = tasks
        await one.fill(early, middle)
        try:
            yield one
        finally:
            for client in one.clients.values():
                await client.aclose()


@contextlib.asynccontextmanager
async def _tasks() -> AsyncIterator[asyncio.TaskGroup]:
    async with asyncio.TaskGroup() as group:
        before = asyncio.all_tasks()
        yield group
        for task in asyncio.all_tasks() - before:
            task.cancel()


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("tocsin", "litestar", "uvicorn")):
            self._lines.append(f"{record.name} {record.levelname} {record.getMessage()}")


async def wander(one: Twin) -> list[Answer]:
    """The walk of all who may not read the canary; frames and log lines at its end."""
    found: list[Answer] = []
    found += await one.walk("low")
    for role in ALL:
        found += await one.walk(f"low-{role}", whole=False)
    found += await one.walk("receiver:desk", whole=False, all_of="/told")
    # Last, because what plain may read plain also acts on: the random ids of all proposals come out of one stream.
    found += await one.walk("plain")
    await one.settle()
    frames = [
        Answer(name, "frames", 0, (), b"\n".join(data for who, data in one.frames if who == name))
        for name, _ in one.streams
        if not name.startswith("mara ")
    ]
    return [*found, *frames, Answer("", "log", 0, (), "\n".join(one.log).encode())]


# --- canaries -----------------------------------------------------------------------------------------------

TOP = label(2, caveats=("KITE",))
TEXT = Report(title="Kestrel nine", text="Kestrel nine is near.", source="kestrel source")


def record(body: Any, of: Label = TOP, **more: Any) -> Canary:
    async def add(one: Twin) -> None:
        await keep(one.node, body, of, **({"seed": "canary"} | more))

    return add


async def by_the_networks_own_view(one: Twin) -> None:
    own = one.node.view(one.node.config.own)
    await keep(one.node, warning(NAMES["canary-warning"], state="drafted"), TOP, seed="canary", author=SYSTEM + own.id)


async def unread_kind(one: Twin) -> None:
    record = make(TEXT, realm=LIVE, origin="BIRCH", author="eva", label=label(2, origin="BIRCH", caveats=("KITE",)),
                  protocol_time=one.clock.now(), realm_time=one.clock.now(), entropy=SeededEntropy("canary"))  # fmt: skip
    record = msgspec.structs.replace(record, kind="request", id=NAMES["canary-request"])
    (kept,) = await one.node.journal.keep([Entry(encode(record), record)])
    await one.node.on_records([kept])


async def said_by_mara(one: Twin) -> None:
    from tocsin.node.acts import Acts

    user = next(u for u in one.node.people.users() if u.name == "mara")
    reader, acts = Reader(user, one.node.view(user.clearance), "x"), Acts(one.node)
    await acts.report(reader, LIVE, TEXT, "CONFIDENTIAL", [], ["KITE"])
    await acts.write_log(reader, LIVE, "Kestrel nine is near.")


async def heard(one: Twin, realm: str) -> None:
    await one.hear(TOP, realm, 9, 8)
    await one.hear(TOP, realm, 9, 60)


ABOVE_ONE = "a report above the clearance of one"
CANARIES: dict[str, tuple[str, Canary]] = {
    ABOVE_ONE: ("middle", record(TEXT, label(2))),
    "a report under a caveat": ("middle", record(TEXT, label(0, caveats=("KITE",)))),
    "a report of another community": ("middle", record(TEXT, Label("tocsin-levels", 0, frozenset({"CEDAR"}), frozenset({"CEDAR"})),
                                                       origin="CEDAR", author="cy")),
    "a report under another policy": ("middle", record(TEXT, Label("elsewhere", 0, frozenset({"CEDAR"}), frozenset({"CEDAR", "ASTER"})),
                                                       origin="CEDAR", author="cy")),
    "the first record of all": ("early", record(TEXT)),
    "a claim in a report that is read": ("middle", record(Claim(text="Kestrel nine", source="s"), refs=[Ref("about", NAMES["report"])])),
    "a claim in a hidden realm": ("middle", record(Claim(text="Kestrel nine", source="s"), realm=HIDDEN)),
    "a report in a hidden realm": ("early", record(TEXT, realm=HIDDEN)),
    "a report in an open exercise": ("middle", record(TEXT, realm=OPEN)),
    "a finding of another episode": ("middle", record(finding("Kestrel nine", NAMES["canary-finding"]))),
    "a partner's finding of the same episode": ("middle", record(finding("Kestrel nine"), label(2, origin="CEDAR", caveats=("KITE",)),
                                                                 origin="CEDAR", author="cy")),
    "a warning": ("middle", record(warning(NAMES["canary-warning"], text="Kestrel nine"),
                                   label(2, origin="BIRCH", caveats=("KITE",)), origin="BIRCH", author="eva")),
    "a draft of the node's own view": ("middle", by_the_networks_own_view),
    "a warning in a hidden exercise": ("early", record(warning(NAMES["canary-warning"]), realm=HIDDEN)),
    "a version between two that are read": ("middle", record(warning(NAMES["warning"], 2, text="Kestrel nine"),
                                                             label(2, origin="BIRCH", caveats=("KITE",)), origin="BIRCH", author="eva")),
    "another's warning of the same id, first": ("early", record(warning(NAMES["warning"], text="Kestrel nine"),
                                                                label(2, origin="CEDAR", caveats=("KITE",)), origin="CEDAR", author="cy")),
    "an answer to a warning that is read": ("middle", record(Acknowledgement(warning=NAMES["warning"], state="held", note="K"),
                                                             refs=[Ref("acknowledges", NAMES["warning-record"])])),
    "a partner's answer to the node's own": ("middle", record(Acknowledgement(warning=NAMES["own-warning"], state="held", note="Kestrel"),
                                                              label(2, origin="BIRCH", caveats=("KITE",)), origin="BIRCH", author="eva")),
    "a rule": ("middle", record(RULE)),
    "word that a rule is withdrawn": ("middle", record(msgspec.structs.replace(RULE, state="withdrawn"),
                                                       refs=[Ref("cancels", NAMES["rule"])])),
    "a line of the watch log": ("middle", record(LogEntry(text="Kestrel nine"))),
    "a gap": ("middle", record(Gap(sender="BIRCH", first=1, last=2, reason="Kestrel"), author="node")),
    "a refusal": ("middle", record(Refusal(sender="BIRCH", reason="Kestrel", digest="00"), author="node")),
    "a request of a kind not understood": ("middle", unread_kind),
    "what a person says in a session": ("middle", said_by_mara),
    "observations": ("middle", lambda one: heard(one, LIVE)),
    "observations in an open exercise": ("middle", lambda one: heard(one, OPEN)),
    "observations in a hidden exercise": ("middle", lambda one: heard(one, HIDDEN)),
}  # fmt: skip
"""Everything that only one of the two nodes holds: when it comes, and how."""
