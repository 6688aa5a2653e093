"""A relay in hostile hands, as the wire sees it: a proxy between nodes and the NATS server that reads every frame.

Seeded. Towards the server it withholds what a node leaves for another (and forges the server's confirmation), delays it and so
changes the order, or leaves it twice. Towards a node it withholds, doubles, alters, delays, and replays what it saw before.
"""

import asyncio
import json
import random
import re
from collections import deque

MSG = re.compile(rb"in\.([A-Za-z0-9-]+)\.([A-Za-z0-9-]+)\.([a-z0-9]+)\.(records|observations|control)")


class Hostile:
    """`mischief`: how likely each act is for a message, by name: withhold, double, alter, delay, replay."""

    def __init__(self, url, seed, classes=("records", "observations", "control"), **mischief):
        self._host, _, port = url.removeprefix("nats://").partition(":")
        self._port, self._chance, self.mischief = int(port), random.Random(seed), mischief
        self.classes = classes
        self.done = dict.fromkeys(("withhold", "double", "alter", "delay", "replay"), 0)
        self._server, self._tasks, self._seen = None, set(), deque(maxlen=200)
        self.url = ""

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 23)
        self.url = f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def relent(self):
        """Carry everything from now on."""
        self.mischief = {}

    def _now(self, act, klass):
        hit = klass in self.classes and self._chance.random() < self.mischief.get(act, 0)
        self.done[act] += hit
        return hit

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            theirs, ours = await asyncio.open_connection(self._host, self._port, limit=1 << 23)
        except OSError:
            writer.close()
            return
        sids = {}
        both = [
            asyncio.create_task(self._carry(reader, ours, writer, sids, self._from_node)),
            asyncio.create_task(self._carry(theirs, writer, ours, sids, self._from_server)),
        ]
        self._tasks.update(both)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            self._tasks.difference_update(both)
            writer.close()
            ours.close()

    async def _carry(self, reader, to, back, sids, act):
        while line := await reader.readline():
            words = line.split()
            verb = words[0].upper() if words else b""
            body = b""
            if verb in {b"PUB", b"HPUB", b"MSG", b"HMSG"}:
                body = await reader.readexactly(int(words[-1]) + 2)
            if verb == b"SUB":
                sids[words[1]] = words[-1]
            await act(verb, words, line, body, to, back, sids)

    async def _write(self, to, data):
        if not to.is_closing():
            to.write(data)
            await to.drain()

    def _later(self, to, data):
        async def send():
            await asyncio.sleep(self._chance.random() * 0.4)
            await self._write(to, data)

        task = asyncio.create_task(send())
        self._tasks.add(task)
        task.add_done_callback(lambda done: (self._tasks.discard(done), done.cancelled() or done.exception()))

    async def _from_node(self, verb, words, line, body, server, node, sids):
        found = MSG.fullmatch(words[1]) if verb == b"HPUB" else None
        klass = found[4].decode() if found else ""
        if found and self._now("withhold", klass):
            # The server never hears of it; the node is told that it was stored.
            reply = words[2]
            sid = next((sid for subject, sid in sids.items() if reply.startswith(subject.rstrip(b"*>"))), None)
            answer = json.dumps({"stream": "IN", "seq": 1}).encode()
            if sid is not None:
                await self._write(node, b"MSG %s %s %d\r\n%s\r\n" % (reply, sid, len(answer), answer))
            return
        if found and self._now("double", klass):
            # Under another message id, or the server would store it once.
            head = int(words[3])
            await self._write(server, b"PUB %s %d\r\n%s" % (words[1], len(body) - 2 - head, body[head:]))
        if found and self._now("delay", klass):
            self._later(server, line + body)
            return
        await self._write(server, line + body)

    async def _from_server(self, verb, words, line, body, node, server, sids):
        found = MSG.fullmatch(words[1]) if verb in {b"MSG", b"HMSG"} else None
        klass = found[4].decode() if found else ""
        if found is None:
            await self._write(node, line + body)
            return
        if self._now("replay", klass) and self._seen:
            old = self._chance.choice(self._seen)
            # What it saw before, under the sid and the reply of what comes now.
            if old[0][1] == words[1]:
                head = [*words[:-1]] if verb == b"MSG" else None
                if head is not None and old[1][0:4] != b"NATS":
                    await self._write(node, b" ".join([*head, str(len(old[1]) - 2).encode()]) + b"\r\n" + old[1])
        if verb == b"MSG":
            self._seen.append((words, body))
        if self._now("alter", klass):
            at = self._chance.randrange(len(body) // 2, len(body) - 2)
            body = body[:at] + bytes([body[at] ^ (1 << self._chance.randrange(8))]) + body[at + 1 :]
        if self._now("double", klass):
            await self._write(node, line + body)
        if self._now("delay", klass):
            self._later(node, line + body)
            return
        await self._write(node, line + body)
