"""Logging in: the right ones at once, the wrong ones slowly, and nobody learns which of the two was wrong."""

import asyncio

import pytest
from sqlalchemy import select
from tests.people.helpers import PASSWORD, START, add

from tocsin.core import Denied, SeededEntropy
from tocsin.core.times import HOUR, SECOND
from tocsin.journal import Cost
from tocsin.people import Act, People, TooManyAttempts, WrongCredentials
from tocsin.people.credentials import digest_of
from tocsin.people.tables import sessions, users

pytestmark = pytest.mark.anyio


async def fail(people, name="Keller", times=1):
    for _ in range(times):
        with pytest.raises(WrongCredentials):
            await people.log_in(name, "not the password")


async def test_the_right_credentials_open_a_session(people):
    user = await add(people)
    session = await people.log_in("keller", PASSWORD)
    assert session.user == user
    assert session.expires == START + 12 * HOUR
    assert people.session(session.token) == session
    assert len(session.token) == len(session.csrf) == 43
    assert session.token != session.csrf


async def test_tokens_differ_and_are_stored_only_as_digests(people, journal, tmp_path):
    await add(people)
    opened = [await people.log_in("Keller", PASSWORD) for _ in range(3)]
    assert len({s.token for s in opened} | {s.csrf for s in opened}) == 6
    assert {row.digest for row in journal.read_rows(select(sessions))} == {digest_of(s.token) for s in opened}
    for file in (tmp_path / "node").iterdir():
        assert opened[0].token.encode() not in file.read_bytes()
    assert opened[0].token not in repr(opened[0])


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 100_000, "\x00", "\ud800", "é"])
async def test_a_token_that_is_none_opens_nothing(people, token):
    await add(people)
    await people.log_in("Keller", PASSWORD)
    assert people.session(token) is None
    await people.log_out(token)


async def test_a_session_ends_after_twelve_hours_of_protocol_time(people, clock, journal):
    await add(people)
    session = await people.log_in("Keller", PASSWORD)
    for hour in range(1, 12):
        clock.move_to(START + hour * HOUR)
        assert people.session(session.token) is not None
    clock.move_to(START + 12 * HOUR - 1)
    assert people.session(session.token) is not None
    clock.move_to(START + 12 * HOUR)
    assert people.session(session.token) is None
    await people.log_in("Keller", PASSWORD)
    assert len(journal.read_rows(select(sessions))) == 1, "expired sessions are removed"


async def test_logging_out_ends_this_session_alone(people):
    await add(people)
    one, other = await people.log_in("Keller", PASSWORD), await people.log_in("Keller", PASSWORD)
    await people.log_out(one.token)
    assert people.session(one.token) is None
    assert people.session(other.token) == other


async def test_removing_a_user_ends_their_sessions_at_once(people, journal):
    await add(people)
    session = await people.log_in("Keller", PASSWORD)
    await people.remove_user("Keller")
    assert people.session(session.token) is None
    assert journal.read_rows(select(sessions)) == []
    await add(people)
    assert people.session(session.token) is None, "a new user of the same name inherits nothing"


async def test_a_user_removed_while_logging_in_gets_no_session(people):
    await add(people)
    answers = await asyncio.gather(people.log_in("Keller", PASSWORD), people.remove_user("Keller"), return_exceptions=True)
    assert isinstance(answers[0], WrongCredentials) or people.session(answers[0].token) is None


async def test_a_session_stays_after_a_restart(people, journal, clock):
    await add(people)
    session = await people.log_in("Keller", PASSWORD)
    assert People(journal, clock, SeededEntropy(9)).session(session.token) == session


async def test_a_wrong_name_and_a_wrong_password_say_the_same(people):
    await add(people)
    said = set()
    for name, password in (("Keller", "not the password"), ("nobody here", PASSWORD), ("", ""), ("\ud800", "\ud800")):
        with pytest.raises(Denied) as refusal:
            await people.log_in(name, password)
        said.add((type(refusal.value), str(refusal.value)))
    assert said == {(WrongCredentials, "name or password is wrong")}


async def test_a_name_that_is_nobodys_costs_the_same_work(people, monkeypatch):
    await add(people)
    checked = []
    verify = people._passwords._verify
    monkeypatch.setattr(people._passwords, "_verify", lambda *a: checked.append(a[0].rsplit("$", 2)[0]) or verify(*a))
    await fail(people, "Keller")
    await fail(people, "nobody here")
    assert len(checked) == 2
    assert checked[0] == checked[1], "both with the same algorithm and parameters"


async def test_five_wrong_attempts_and_the_name_waits_longer_and_longer(people, clock):
    await add(people)
    await fail(people, times=5)
    now = START
    for wait in (10, 20, 40, 80, 160, 320, 640, 900, 900):
        with pytest.raises(TooManyAttempts, match=f"try again in {wait} s"):
            await people.log_in("Keller", PASSWORD)
        clock.move_to(now + wait * SECOND - 1)
        with pytest.raises(TooManyAttempts, match="in 1 s"):
            await people.log_in("Keller", PASSWORD)
        now += wait * SECOND
        clock.move_to(now)
        await fail(people)


async def test_the_right_password_after_the_wait_starts_afresh(people, clock):
    await add(people)
    await fail(people, times=5)
    clock.move_to(START + 10 * SECOND)
    await people.log_in("Keller", PASSWORD)
    await fail(people, times=4)
    await people.log_in("Keller", PASSWORD)


async def test_many_attempts_at_once_gain_nothing(people):
    await add(people)
    answers = await asyncio.gather(*(people.log_in("Keller", f"a guess, number {n}") for n in range(40)), return_exceptions=True)
    assert [type(a) for a in answers].count(WrongCredentials) == 5
    assert [type(a) for a in answers].count(TooManyAttempts) == 35


async def test_one_name_that_waits_lets_others_in(people):
    await add(people, "Keller")
    await add(people, "Moser")
    session = await people.log_in("Keller", PASSWORD)
    await fail(people, "KELLER", times=5)
    assert await people.log_in("Moser", PASSWORD)
    assert people.session(session.token) is not None, "who is in stays in"


async def test_guessed_names_wait_too_and_fill_no_memory(people):
    await fail(people, "ghost", times=5)
    with pytest.raises(TooManyAttempts):
        await people.log_in("ghost", PASSWORD)
    for n in range(20_000):
        people._attempts.begin(f"ghost number {n}", START + n * 1000 * SECOND, known=False)
    assert len(people._attempts._tallies) <= 4096


async def test_a_clock_set_back_does_not_lock_a_name_for_long(people):
    for _ in range(5):
        people._attempts.begin("keller", START + 10_000 * HOUR, known=True)
    with pytest.raises(TooManyAttempts, match="in 900 s"):
        people._attempts.begin("keller", START, known=True)


async def test_the_audit_names_a_known_name_and_never_what_was_typed(people):
    await add(people)
    session = await people.log_in("keller", PASSWORD)
    await people.log_out(session.token)
    await people.log_out(session.token)
    await fail(people, "keller")
    await fail(people, "a password in the wrong field")
    assert [(d.who, d.act) for d in people.acts()] == [
        ("Keller", Act.SESSION_OPEN),
        ("Keller", Act.SESSION_CLOSE),
        ("Keller", Act.SESSION_REFUSE),
        ("nobody", Act.SESSION_REFUSE),
    ]
    assert all(d.what == "" for d in people.acts())


async def test_a_password_is_stored_anew_when_its_cost_changes(people, journal, clock):
    await add(people)
    dearer = People(journal, clock, SeededEntropy(4), cost=Cost(passes=2, memory_kib=16, lanes=1))
    await dearer.log_in("Keller", PASSWORD)
    (row,) = journal.read_rows(select(users))
    assert "m=16,t=2,p=1" in row.password
    await dearer.log_in("Keller", PASSWORD)


async def test_the_same_token_drawn_twice_replaces_the_session(people, journal, clock):
    await add(people)
    first = await people.log_in("Keller", PASSWORD)
    again = await People(journal, clock, SeededEntropy(3), cost=people_cost(people)).log_in("Keller", PASSWORD)
    assert again.token == first.token
    assert len(journal.read_rows(select(sessions))) == 1


def people_cost(people):
    hasher = people._passwords._hasher
    return Cost(hasher.time_cost, hasher.memory_cost, hasher.parallelism)
