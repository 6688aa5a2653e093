"""A relay that others can reach speaks TLS from its first byte, and members take no other server for it."""

import asyncio
import contextlib
import json

import pytest
from tests.exchange.helpers import until
from tests.exchange.test_relay import members, server

from tocsin.core import InputError, ManualClock, SeededEntropy
from tocsin.core.times import DAY
from tocsin.exchange import NatsTransport, OpenRelay, Relay, RelayUnreachable, probe, relaytls
from tocsin.exchange.login import NoLogin, diagnose, login, trust_only
from tocsin.exchange.relay import _free_port
from tocsin.exchange.relayconf import MAX_MEMBERS, MB, Room, Serving, configuration, read, write

pytestmark = pytest.mark.anyio


class Now:
    def now(self):
        import time

        return time.time_ns() // 1000


TLS = Serving(host="127.0.0.1", port=0, names=("127.0.0.1",), tls=True)


@contextlib.asynccontextmanager
async def relay(folder, *names, serving=TLS):
    keys, cards = members(*names)
    place = Relay(folder / "relay", 0, serving, Now())
    try:
        yield await place.start(cards), keys, cards, place
    finally:
        await place.stop()


async def test_members_meet_over_tls_and_the_relay_passes_its_trial(tmp_path):
    async with relay(tmp_path, "ASTER", "BIRCH") as (url, keys, cards, place):
        assert url.startswith("tls://127.0.0.1:")
        await probe(url, keys["ASTER"], keys, tls=trust_only(place.authority))
        links = [NatsTransport(url, keys[name], SeededEntropy(name), place.authority) for name in ("ASTER", "BIRCH")]
        heard = []

        async def receive(arrival):
            heard.append(arrival.data)

        for link, other in zip(links, ("BIRCH", "ASTER"), strict=True):
            await link.start(receive, lambda _: None, [other])
        await until(lambda: all(link.connected for link in links))
        await links[0].send("BIRCH", "a" * 16, "records", b"over tls")
        await until(lambda: heard == [b"over tls"])
        assert [step.what for step in await links[0].diagnose()] == ["relay", "tls", "login"]
        # A third is let in, and nobody is dropped for it.
        before = [link._client for link in links]
        _, more = members("CEDAR")
        await place.set_members([*cards, *more])
        await links[1].send("ASTER", "a" * 16, "records", b"still")
        await until(lambda: heard == [b"over tls", b"still"])
        assert [link._client for link in links] == before
        for link in links:
            await link.stop()


async def test_a_server_with_another_authority_is_not_taken_for_the_relay(tmp_path):
    (tmp_path / "other").mkdir()
    other = relaytls.make_authority(tmp_path / "other", Now())
    async with relay(tmp_path, "ASTER", "BIRCH") as (url, keys, *_):
        a = keys["ASTER"]
        with pytest.raises(NoLogin) as refused:
            await login(url, a.relay_user, a.sign_nonce, inbox="_INBOX.ASTER", tls=trust_only(other))
        assert refused.value.step == "tls"
        steps = await diagnose(url, a, trust_only(other))
        assert [(step.what, step.well) for step in steps] == [("relay", True), ("tls", False)]
        # The machine's own authorities do not help an impostor either.
        with pytest.raises(NoLogin):
            await login(url, a.relay_user, a.sign_nonce, inbox="_INBOX.ASTER", tls=trust_only(None))


async def test_a_certificate_for_another_name_is_refused(tmp_path):
    async with relay(tmp_path, "ASTER") as (url, keys, _, place):
        a = keys["ASTER"]
        wrong = url.replace("127.0.0.1", "127.0.0.2")
        with pytest.raises(RelayUnreachable):
            await login(wrong, a.relay_user, a.sign_nonce, inbox="_INBOX.ASTER", tls=trust_only(place.authority))


async def test_a_relay_that_greets_in_the_clear_is_no_tls_relay(tmp_path):
    keys, cards = members("ASTER", "BIRCH")
    port = _free_port()
    plain = json.loads(configuration(port, tmp_path / "js", cards[0].relay, cards[1:]))
    async with server(tmp_path / "plain", plain) as url:
        with pytest.raises(OpenRelay, match="before TLS"):
            await probe(url.replace("nats://", "tls://"), keys["BIRCH"], ["ASTER"], tls=trust_only(None))


async def test_a_relay_elsewhere_without_tls_is_refused_unasked():
    keys, _ = members("ASTER")
    with pytest.raises(OpenRelay, match="say tls://"):
        await probe("nats://relay.example:4222", keys["ASTER"], ["BIRCH"])


async def test_addresses_are_tried_in_turn(tmp_path):
    async with relay(tmp_path, "ASTER", "BIRCH") as (url, keys, _, place):
        both = f"tls://127.0.0.1:{_free_port()},{url}"
        link = NatsTransport(both, keys["ASTER"], SeededEntropy(1), place.authority)

        async def receive(_):
            raise AssertionError

        await link.start(receive, lambda _: None, ["BIRCH"])
        await until(lambda: link.connected)
        await link.stop()


async def test_more_members_than_sixteen_share_the_room_there_is(tmp_path):
    names = [f"M{i:02}" for i in range(18)]
    async with relay(tmp_path, *names[:2], serving=Serving(port=0)) as (_, keys, cards, place):
        client = await place._connect()
        manager = client.jetstream(timeout=10)
        assert (await manager.stream_info("IN_M00_M01_records")).config.max_bytes == 64 * MB
        _, more = members(*names[2:])
        await asyncio.wait_for(place.set_members([*cards, *more]), 90)
        found = await place._connect()
        info = await found.jetstream(timeout=10).account_info()
        assert info.streams == 18 * 17 * 3
        room = Room.of(Serving(), 18)
        assert room.records < 64 * MB
        assert (await found.jetstream(timeout=10).stream_info("IN_M00_M01_records")).config.max_bytes == room.records
        await found.close()
        await client.close()
        assert keys


def test_room_holds_a_largest_message_for_every_pair_and_is_what_the_server_is_told():
    for count in (1, 2, 16, MAX_MEMBERS):
        room = Room.of(Serving(), count)
        pairs = count * (count - 1)
        assert room.observations >= 4 * MB
        assert room.memory >= pairs * (room.observations + room.control)
        assert room.storage >= pairs * room.records


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "0.0.0.0"},
        {"host": "192.0.2.1"},
        {"host": "relay.example"},
        {"cert": "a.pem", "tls": True},
        {"names": ("not a name",), "tls": True},
    ],
)
def test_what_must_not_be_served_is_refused(tmp_path, wrong):
    with pytest.raises(InputError):
        write(tmp_path, Serving(**wrong))


def test_settings_come_back_as_they_were_written(tmp_path):
    assert read(tmp_path) == Serving()
    serving = Serving(host="0.0.0.0", names=("relay.example", "192.0.2.7"), tls=True, storage_mb=100)
    write(tmp_path, serving)
    assert read(tmp_path) == serving
    (tmp_path / "relay.toml").write_text("more = 1\n")
    with pytest.raises(InputError, match=r"relay\.toml"):
        read(tmp_path)


def test_certificates_are_kept_until_their_names_change_or_their_end_is_near(tmp_path):
    clock = ManualClock(Now().now())
    cert, key = relaytls.make_server(tmp_path, ["relay.example"], clock)
    first = cert.read_bytes()
    authority = (tmp_path / relaytls.AUTHORITY).read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / relaytls.AUTHORITY_KEY).stat().st_mode & 0o777 == 0o600
    relaytls.check_pair(cert, key)
    relaytls.make_server(tmp_path, ["relay.example"], clock)
    assert cert.read_bytes() == first
    clock.move_to(clock.now() + 350 * DAY)
    relaytls.make_server(tmp_path, ["relay.example"], clock)
    second = cert.read_bytes()
    assert second != first
    relaytls.make_server(tmp_path, ["relay.example", "192.0.2.7"], clock)
    assert cert.read_bytes() != second
    assert (tmp_path / relaytls.AUTHORITY).read_bytes() == authority
    with pytest.raises(InputError, match="belong together"):
        relaytls.check_pair(cert, tmp_path / relaytls.AUTHORITY_KEY)


def test_the_server_is_told_of_no_anonymous_client_and_no_system_account(tmp_path):
    _, cards = members("ASTER", "BIRCH")
    told = json.loads(configuration(4222, tmp_path / "js", cards[0].relay, cards[1:], TLS, (tmp_path / "c", tmp_path / "k")))
    assert told["tls"]["handshake_first"] is True
    assert told["tls"]["min_version"] == "1.3"
    assert "no_auth_user" not in told
    assert "system_account" not in told
    assert "accounts" not in told
    assert told["jetstream"]["sync_interval"] == "always"
