"""The relay lets a member do what it needs and nothing else, and a node refuses one that does more."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from pathlib import Path

import nats.errors
import pytest
from nats.aio.client import Client
from tests.exchange.helpers import town, until

import tocsin
from tocsin.core import InputError, ManualClock, SeededEntropy
from tocsin.exchange import NatsTransport, NodeKeys, OpenRelay, Relay, RelayUnreachable, probe, wire
from tocsin.exchange.relay import _free_port, server_binary
from tocsin.exchange.relayconf import MAX_MEMBERS, configuration, permissions
from tocsin.exchange.transport import login

pytestmark = pytest.mark.anyio
CLOCK = ManualClock(1_760_000_000_000_000)


def members(*names):
    keys = {name: NodeKeys.make(name) for name in names}
    return keys, [keys[name].card(name, CLOCK) for name in names]


@contextlib.asynccontextmanager
async def relay(folder, *names):
    keys, cards = members(*names)
    place = Relay(folder / "relay")
    try:
        yield await place.start(cards), keys, cards, place
    finally:
        await place.stop()


async def test_a_sound_relay_passes_its_trial(tmp_path):
    async with relay(tmp_path, "ASTER", "BIRCH") as (url, keys, *_):
        for name in keys:
            await probe(url, keys[name], keys)


async def test_a_stranger_and_an_anonymous_client_stay_outside(tmp_path):
    async with relay(tmp_path, "ASTER", "BIRCH") as (url, *_):
        stranger = NodeKeys.make("ASTER")
        with pytest.raises(RelayUnreachable):
            await login(url, stranger.relay_user, stranger.sign_nonce, inbox="_INBOX.ASTER")
        client = Client()
        with pytest.raises(nats.errors.Error):
            await client.connect(url, allow_reconnect=False, connect_timeout=20, error_cb=lambda _: asyncio.sleep(0))


@contextlib.asynccontextmanager
async def server(folder, settings):
    folder.mkdir()
    (folder / "open.conf").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(server_binary(), "-c", str(folder / "open.conf"), stdout=log, stderr=log)
    try:
        await until(lambda: b"Server is ready" in (folder / "log").read_bytes() or process.returncode is not None)
        assert process.returncode is None, (folder / "log").read_text()
        yield f"nats://{settings['listen']}"
    finally:
        process.terminate()
        await process.wait()


async def test_a_relay_that_anyone_may_use_is_refused(tmp_path):
    keys, _ = members("ASTER")
    async with server(tmp_path / "open", {"listen": f"127.0.0.1:{_free_port()}"}) as url:
        with pytest.raises(OpenRelay, match="without a key"):
            await probe(url, keys["ASTER"], ["ASTER", "BIRCH"])


async def test_a_node_does_not_run_with_a_relay_that_anyone_may_use(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place, server(tmp_path / "open", {"listen": f"127.0.0.1:{_free_port()}"}) as url:
        a = place["ASTER"]
        await a.stop()
        await a.start()
        a.exchange._context.transport = NatsTransport(url, a.keys, a.entropy)
        with pytest.raises(OpenRelay):
            await a.exchange.start()
        assert not a.exchange._tasks
        assert not a.exchange._context.transport.connected
        assert "without a key" in a.exchange._context.transport.failure


@pytest.mark.parametrize(
    ("loosen", "match"),
    [
        (lambda p: p["subscribe"]["allow"].append("_INBOX.>"), "hear _INBOX.BIRCH"),
        (lambda p: p["subscribe"]["allow"].append("in.>"), "hear in.>"),
        (lambda p: p["publish"]["allow"].append("$JS.API.STREAM.INFO.>"), "STREAM.INFO"),
        (lambda p: p["publish"]["allow"].append("$JS.API.CONSUMER.MSG.NEXT.>"), "MSG.NEXT"),
        (lambda p: p["publish"]["allow"].append("in.>"), "send to in.ASTER.BIRCH"),
        (lambda p: p.pop("publish"), "send to"),
        (lambda p: p.pop("subscribe"), "hear"),
    ],
)
async def test_a_relay_with_one_permission_too_many_is_refused(tmp_path, loosen, match):
    keys, cards = members("ASTER", "BIRCH")
    text = json.loads(configuration(_free_port(), tmp_path / "js", NodeKeys.make("ADMIN").relay_user, cards))
    loosen(text["authorization"]["users"][1]["permissions"])
    async with server(tmp_path / "loose", text) as url:
        with pytest.raises(OpenRelay, match=match):
            await probe(url, keys["ASTER"], ["ASTER", "BIRCH"])


async def test_a_relay_that_is_not_there_is_said_to_be_unreachable():
    keys, _ = members("ASTER")
    with pytest.raises(RelayUnreachable):
        await probe("nats://127.0.0.1:1", keys["ASTER"], ["BIRCH"])


async def test_a_member_that_is_added_joins_and_one_that_is_removed_is_cut_off(tmp_path):
    async with relay(tmp_path, "ASTER", "BIRCH") as (url, keys, cards, place):
        more, more_cards = members("CEDAR")
        transport = NatsTransport(url, keys["ASTER"], SeededEntropy(1))
        arrived = []

        async def receive(arrival):
            arrived.append(arrival)

        await transport.start(receive, lambda _: None, ["BIRCH", "CEDAR"])
        other = NatsTransport(url, more["CEDAR"], SeededEntropy(2))
        await place.set_members([*cards, *more_cards])
        await other.start(receive, lambda _: None, ["ASTER"])
        await until(lambda: transport.connected and other.connected)
        await other.send("ASTER", "a" * 16, "records", b"hello")
        await until(lambda: [a.data for a in arrived] == [b"hello"])
        await place.set_members(cards)
        await until(lambda: not other.connected)
        await asyncio.sleep(0.5)
        assert not other.connected
        await transport.stop()
        await other.stop()


async def test_messages_outlive_the_relay(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await b.transport.cut()
        for i in range(5):
            await a.say(f"r{i}", "BIRCH")
        await until(lambda: a.counts["sent"] == 5)
        place.relay._process.kill()
        await until(lambda: place.relay.restarts == 1 and a.transport.connected)
        await a.transport.cut()  # only the relay can have them now
        await b.transport.restore()
        await until(lambda: b.exchange.links()[0].behind_in == 5)
        assert b.titles() == []  # the key is the sender's to give
        await a.transport.restore()
        await until(lambda: b.titles() == [f"r{i}" for i in range(5)])


async def test_a_full_relay_keeps_nothing_from_arriving_later(tmp_path):
    async with town(tmp_path, "ASTER", "BIRCH") as place:
        a, b = place["ASTER"], place["BIRCH"]
        await b.transport.cut()
        client = await place.relay._connect()
        manager = client.jetstream()
        name = wire.stream_name("BIRCH", "ASTER", "records")
        config = (await manager.stream_info(name)).config
        config.max_bytes = 20_000
        await manager.update_stream(config)
        for i in range(6):
            await a.say(f"r{i}", "BIRCH")
            # An envelope each, until there is room for no more.
            await until(lambda i=i: a.counts["sent"] > i or a.counts.get("relay_full", 0) >= 1)
        await until(lambda: a.counts.get("relay_full", 0) >= 1)
        await b.transport.restore()
        await until(lambda: b.titles() == [f"r{i}" for i in range(6)], seconds=20)
        await client.close()


async def test_a_relay_left_behind_by_a_node_that_was_killed_is_replaced(tmp_path):
    keys, cards = members("ASTER", "BIRCH")
    left = Relay(tmp_path / "relay")
    url = await left.start(cards)
    # Its node is gone: nobody watches it any more.
    left._supervisor.cancel()
    place = Relay(tmp_path / "relay")
    try:
        assert await place.start(cards) == url
        await until(lambda: left._process.returncode is not None)
        await probe(url, keys["ASTER"], keys)
    finally:
        await place.stop()
        await left.stop()


_HOST = """
import asyncio, sys
from pathlib import Path
from tocsin.exchange import Relay

async def work():
    relay = Relay(Path(sys.argv[1]))
    await relay.start([])
    print(relay.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(work())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not end a process with its parent")
async def test_a_relay_ends_with_its_node_however_that_ends(tmp_path):
    source = os.environ | {"PYTHONPATH": str(Path(tocsin.__file__).parents[1])}
    command = (sys.executable, "-c", _HOST, str(tmp_path / "relay"))
    host = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=source)
    try:
        server = Path(f"/proc/{int(await host.stdout.readline())}")
        assert b"nats-server" in (server / "cmdline").read_bytes().split(b"\x00")[0]
    finally:
        host.kill()
        await host.wait()

    def has_ended():
        try:
            return b") Z " in (server / "stat").read_bytes()  # ended, and not yet taken note of by whoever inherits it
        except (FileNotFoundError, ProcessLookupError):
            return True

    await until(has_ended)


async def test_a_relay_whose_port_was_taken_a_moment_before_takes_another(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [taken.getsockname()[1], 0]
        monkeypatch.setattr("tocsin.exchange.relay._free_port", lambda free=_free_port: ports.pop(0) or free())
        async with relay(tmp_path, "ASTER", "BIRCH") as (url, keys, *_):
            assert ports == []
            await probe(url, keys["ASTER"], keys)
        # One that was asked for is not left for another.
        place = Relay(tmp_path / "other", port=taken.getsockname()[1])
        try:
            with pytest.raises(RelayUnreachable, match="ended at once"):
                await place.start(members("ASTER", "BIRCH")[1])
        finally:
            await place.stop()


async def test_a_server_that_never_answers_is_ended_and_tried_again_until_it_does(tmp_path, monkeypatch):
    """It may hang at its start like that again when it is started anew, which ends neither the node nor the watch over it."""
    dumb = tmp_path / "dumb"
    dumb.write_text("#!/bin/sh\nexec sleep 600\n")
    dumb.chmod(0o755)
    _, cards = members("ASTER", "BIRCH")
    with monkeypatch.context() as hanging:
        hanging.setattr("tocsin.exchange.relay.START_TIMEOUT_S", 0.3)
        hanging.setattr("tocsin.exchange.relay.PORTS_TRIED", 1)
        hanging.setattr("tocsin.exchange.relay.server_binary", lambda: str(dumb))
        place = Relay(tmp_path / "hangs")
        with pytest.raises(RelayUnreachable, match="did not answer"):
            await place.start(cards)
        assert place._process.returncode is not None
    async with relay(tmp_path, "ASTER", "BIRCH") as (url, keys, _, place):
        with monkeypatch.context() as hanging:
            hanging.setattr("tocsin.exchange.relay.START_TIMEOUT_S", 0.3)
            hanging.setattr("tocsin.exchange.relay.server_binary", lambda: str(dumb))
            place._process.kill()
            await until(lambda: place.restarts >= 2)
        # The watch goes on, and brings it up when it can.
        for _ in range(100):
            with contextlib.suppress(RelayUnreachable):
                return await probe(url, keys["ASTER"], keys)
            await asyncio.sleep(0.2)
        raise AssertionError("the relay did not come back")


def test_a_member_may_touch_its_own_subjects_only():
    allowed = permissions("ASTER", ["ASTER", "BIRCH"])
    assert allowed["subscribe"]["allow"] == ["_INBOX.ASTER.>"]
    assert "in.*.ASTER.>" in allowed["publish"]["allow"]
    assert not [subject for subject in allowed["publish"]["allow"] if "IN_BIRCH" in subject or subject in {">", "$JS.API.>"}]
    assert len(allowed["publish"]["allow"]) == 1 + 2 * 3


def test_two_members_of_one_name_or_too_many_are_refused(tmp_path):
    keys, cards = members("ASTER")
    del keys
    place = Relay(tmp_path)
    for wrong in ([*cards, *cards], cards * (MAX_MEMBERS + 1)):
        with pytest.raises(InputError):
            place._write_configuration(wrong)


def test_the_server_is_the_one_of_this_environment():
    assert server_binary().startswith(sys.prefix) or "nats-server" in server_binary()
