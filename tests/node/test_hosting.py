"""The relay that a node runs, and what ends by time alone after a rotation: log-ins, and the keys of before."""

import socket

import pytest

from tests.node.helpers import make, opened
from tests.node.test_partnership import introduce
from tocsin.core.times import HOUR, ManualClock
from tocsin.exchange import NodeKeys
from tocsin.exchange.login import NoLogin, login
from tocsin.node.control import run
from tocsin.node.system import SystemClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def clock():
    return ManualClock(SystemClock().now())


async def logs_in(url, keys):
    """Whether the relay lets these keys in."""
    try:
        client = await login(url, keys.relay_user, keys.sign_nonce, inbox=f"_INBOX.{keys.partner}")
    except NoLogin:
        return False
    await client.close()
    return True


async def test_the_keys_of_before_a_rotation_are_forgotten_on_disk_too_when_their_grace_is_over(tmp_path, clock):
    folder = await make(tmp_path / "aster")
    async with opened(folder, clock) as node:
        await run(node, "partner.rotate", {"grace_hours": 2})
        clock.move_to(clock.now() + 2 * HOUR - 1)
        await node.tend_keys()
        assert node.keys.former is not None
        assert NodeKeys.load(node.vault, folder).former is not None
        clock.move_to(clock.now() + 1)
        await node.tend_keys()
        assert node.keys.former is None
        assert NodeKeys.load(node.vault, folder).former is None
        assert node.keys.kems() == [node.keys.kem]


async def make_host(folder):
    """A node that runs a relay, on a port that is free."""
    await make(folder, relay_here=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    toml = folder / "node.toml"
    text = toml.read_text()
    assert "port = 4222" in text
    toml.write_text(text.replace("port = 4222", f"port = {port}"))
    return folder


async def test_an_old_log_in_is_let_in_during_the_grace_and_not_afterwards(tmp_path, clock):
    async with (
        opened(await make_host(tmp_path / "aster"), clock) as a,
        opened(await make(tmp_path / "birch", "BIRCH"), clock) as b,
    ):
        await introduce(a, b)
        assert not a.hosting.is_here
        url = await a.hosting.start()
        try:
            assert a.hosting.is_here
            before = b.keys.rotated(b.config.name, clock, HOUR).former
            assert await logs_in(url, before)
            await run(b, "partner.rotate", {"grace_hours": 1})
            assert not await logs_in(url, b.keys)
            await run(a, "partner.follow", {"name": "BIRCH", "chain": (await run(b, "partner.chain", {}))["chain"]})
            assert await logs_in(url, b.keys)
            assert await logs_in(url, before)
            clock.move_to(clock.now() + HOUR + 1)
            await a.tend_keys()
            assert not await logs_in(url, before)
            assert await logs_in(url, b.keys)
            assert await logs_in(url, a.keys)
        finally:
            await a.hosting.stop()


async def test_a_node_that_runs_no_relay_has_none_to_tell(tmp_path, clock):
    async with opened(await make(tmp_path / "aster", relay="nats://127.0.0.1:4"), clock) as node:
        assert await node.hosting.start() == "nats://127.0.0.1:4"
        assert not node.hosting.is_here
        assert node.hosting.authority() is None
        await node.hosting.tell()
        await node.hosting.tend()
        await node.hosting.stop()
