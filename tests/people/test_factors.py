"""Second factors: a code works once, a passkey proves itself, and nobody learns who has one before the password is right."""

import asyncio

import pyotp
import pytest
from sqlalchemy import select
from tests.journal.helpers import CHEAP, opened, vault_of
from tests.people.helpers import PASSWORD, START, add

from tocsin.core import ManualClock, SeededEntropy
from tocsin.core.times import SECOND
from tocsin.people import (
    Act,
    BadFactor,
    FactorNeeded,
    NoPending,
    Pending,
    People,
    Security,
    TooManyAttempts,
    WrongCredentials,
    WrongFactor,
)
from tocsin.people.tables import factors, recovery_codes

pytestmark = pytest.mark.anyio


def code(secret: str, clock, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(clock.now() // SECOND + 30 * steps)


async def with_totp(people, clock, name="Keller"):
    secret = people.factors.new_secret()
    offered = people.factors.offer_totp(name, secret)
    added = await people.factors.add_totp(name, secret, code(offered.secret, clock))
    clock.move_to(clock.now() + 30 * SECOND)
    return offered.secret, added


async def test_a_user_with_codes_gets_in_by_password_and_code(people, clock):
    await add(people)
    secret, added = await with_totp(people, clock)
    assert len(added.recovery) == 10
    pending = await people.logins.begin("keller", PASSWORD)
    assert isinstance(pending, Pending)
    assert (pending.ways, pending.enrol) == (("totp", "recovery"), False)
    session = await people.logins.with_code(pending.token, code(secret, clock))
    assert (session.user.name, session.factor, session.factor_at) == ("Keller", "totp", clock.now())
    assert people.session(session.token) == session
    with pytest.raises(NoPending):
        await people.logins.with_code(pending.token, code(secret, clock, 1))


async def test_a_password_alone_is_not_enough_for_who_has_a_factor(people, clock):
    await add(people)
    await with_totp(people, clock)
    with pytest.raises(FactorNeeded):
        await people.log_in("Keller", PASSWORD)
    assert people.sessions.of("Keller") == []


async def test_a_code_works_once_within_its_window(people, clock):
    await add(people)
    secret, _ = await with_totp(people, clock)
    spent = code(secret, clock)
    first, second = [await people.logins.begin("Keller", PASSWORD) for _ in range(2)]
    await people.logins.with_code(first.token, spent)
    with pytest.raises(WrongFactor):
        await people.logins.with_code(second.token, spent)
    with pytest.raises(WrongFactor):
        await people.logins.with_code(second.token, code(secret, clock, -1))
    assert await people.logins.with_code(second.token, code(secret, clock, 1))


async def test_the_same_code_twice_at_once_lets_one_in(people, clock):
    await add(people)
    secret, _ = await with_totp(people, clock)
    begun = [await people.logins.begin("Keller", PASSWORD) for _ in range(4)]
    now = code(secret, clock)
    answers = await asyncio.gather(*(people.logins.with_code(one.token, now) for one in begun), return_exceptions=True)
    assert sorted(type(a).__name__ for a in answers) == ["Session", "WrongFactor", "WrongFactor", "WrongFactor"]


async def test_codes_out_of_the_window_do_not_hold(people, clock):
    await add(people)
    secret, _ = await with_totp(people, clock)
    for steps in (-2, 2):
        pending = await people.logins.begin("Keller", PASSWORD)
        with pytest.raises(WrongFactor):
            await people.logins.with_code(pending.token, code(secret, clock, steps))


async def test_five_wrong_codes_end_the_login_and_make_the_factor_wait(people, clock):
    await add(people)
    secret, _ = await with_totp(people, clock)
    pending = await people.logins.begin("Keller", PASSWORD)
    for _ in range(5):
        with pytest.raises(WrongFactor):
            await people.logins.with_code(pending.token, "000000")
    with pytest.raises(NoPending):
        await people.logins.with_code(pending.token, code(secret, clock))
    again = await people.logins.begin("Keller", PASSWORD)
    with pytest.raises(TooManyAttempts):
        await people.logins.with_code(again.token, code(secret, clock))
    clock.move_to(clock.now() + 10 * SECOND)
    assert await people.logins.with_code(again.token, code(secret, clock))


async def test_a_pending_login_is_over_after_five_minutes_and_with_another_password(people, clock):
    await add(people)
    secret, _ = await with_totp(people, clock)
    pending = await people.logins.begin("Keller", PASSWORD)
    await people.change_user("Keller", password="another long password")
    with pytest.raises(WrongCredentials):
        await people.logins.with_code(pending.token, code(secret, clock))
    pending = await people.logins.begin("Keller", "another long password")
    clock.move_to(clock.now() + 300 * SECOND)
    with pytest.raises(NoPending):
        await people.logins.with_code(pending.token, code(secret, clock))


async def test_a_wrong_password_says_the_same_with_and_without_a_factor(people, clock):
    await add(people, "Keller")
    await add(people, "Moser")
    await with_totp(people, clock)
    said = set()
    for name in ("Keller", "Moser", "nobody here"):
        with pytest.raises(WrongCredentials) as refusal:
            await people.logins.begin(name, "not the password")
        said.add(str(refusal.value))
    assert said == {"name or password is wrong"}


async def test_a_recovery_code_works_once_however_it_is_typed(people, clock):
    await add(people)
    _, added = await with_totp(people, clock)
    pending = await people.logins.begin("Keller", PASSWORD)
    session = await people.logins.with_code(pending.token, f" {added.recovery[0].upper().replace('-', ' ')}")
    assert session.factor == "recovery"
    assert people.factors.recovery_left("Keller") == 9
    pending = await people.logins.begin("Keller", PASSWORD)
    with pytest.raises(WrongFactor):
        await people.logins.with_code(pending.token, added.recovery[0])
    fresh = await people.factors.new_recovery_codes("Keller")
    assert set(fresh).isdisjoint(added.recovery)
    with pytest.raises(WrongFactor):
        await people.logins.with_code(pending.token, added.recovery[1])
    assert await people.logins.with_code(pending.token, fresh[9])


async def test_no_secret_and_no_code_lies_in_the_database(people, clock, journal, tmp_path):
    await add(people)
    secret = people.factors.new_secret()
    text = people.factors.offer_totp("Keller", secret).secret
    added = await people.factors.add_totp("Keller", secret, code(text, clock))
    assert len(journal.read_rows(select(recovery_codes))) == 10
    (row,) = journal.read_rows(select(factors))
    assert secret not in row.secret
    for file in (tmp_path / "node").iterdir():
        data = file.read_bytes()
        assert secret not in data
        assert text.encode() not in data
        assert not any(one.encode() in data or one.replace("-", "").encode() in data for one in added.recovery)


async def test_codes_are_added_only_with_a_first_code(people, clock):
    await add(people)
    with pytest.raises(WrongFactor):
        await people.factors.add_totp("Keller", people.factors.new_secret(), "000000")
    assert people.factors.of("Keller") == []
    assert not isinstance(await people.logins.begin("Keller", PASSWORD), Pending)


async def test_with_the_last_factor_its_recovery_codes_go(people, clock):
    await add(people)
    _, added = await with_totp(people, clock)
    await people.factors.remove("Keller", added.factor.id)
    assert people.factors.ways("Keller") == ()
    assert people.factors.recovery_left("Keller") == 0
    assert (await people.log_in("Keller", PASSWORD)).factor == ""


async def test_more_factors_than_ten_are_refused(people, clock):
    await add(people)
    for _ in range(10):
        await with_totp(people, clock)
    with pytest.raises(BadFactor, match="at most 10"):
        await with_totp(people, clock)


async def test_the_audit_tells_of_factors(people, clock):
    await add(people)
    secret, added = await with_totp(people, clock)
    pending = await people.logins.begin("Keller", PASSWORD)
    with pytest.raises(WrongFactor):
        await people.logins.with_code(pending.token, "000000")
    session = await people.logins.with_code(pending.token, code(secret, clock))
    clock.move_to(clock.now() + 30 * SECOND)
    await people.logins.prove_code(session, code(secret, clock))
    await people.factors.remove("Keller", added.factor.id)
    assert [(d.who, d.act) for d in people.acts()] == [
        ("Keller", Act.FACTOR_ADD),
        ("Keller", Act.FACTOR_REFUSE),
        ("Keller", Act.SESSION_OPEN),
        ("Keller", Act.SESSION_PROVE),
        ("Keller", Act.FACTOR_REMOVE),
    ]


async def test_a_proven_factor_is_fresh_for_five_minutes(people, clock):
    await add(people)
    secret, _ = await with_totp(people, clock)
    pending = await people.logins.begin("Keller", PASSWORD)
    token = (await people.logins.with_code(pending.token, code(secret, clock))).token
    assert people.logins.is_fresh(people.session(token))
    clock.move_to(clock.now() + 300 * SECOND)
    assert not people.logins.is_fresh(people.session(token))
    with pytest.raises(FactorNeeded) as needed:
        people.logins.must_be_fresh(people.session(token))
    assert needed.value.ways == ("totp", "recovery")
    await people.logins.prove_code(people.session(token), code(secret, clock))
    assert people.logins.is_fresh(people.session(token))


@pytest.fixture
async def strict(tmp_path, anyio_backend):
    clock = ManualClock(START)
    journal = await opened(tmp_path / "strict", clock)
    yield (
        People(
            journal, clock, SeededEntropy(3), cost=CHEAP, vault=vault_of(tmp_path / "strict"), security=Security(second_factor="privileged")
        ),
        clock,
    )
    await journal.close()


async def test_where_it_is_demanded_the_first_login_adds_a_factor(strict):
    people, clock = strict
    await add(people, "Keller", ["approver"])
    await add(people, "Moser", ["watch-officer"])
    assert not isinstance(await people.logins.begin("Moser", PASSWORD), Pending)
    pending, other = [await people.logins.begin("Keller", PASSWORD) for _ in range(2)]
    assert (pending.ways, pending.enrol) == ((), True)
    with pytest.raises(NoPending):
        await people.logins.with_code(pending.token, "000000")
    offered = people.logins.enrol_totp(pending.token)
    people.logins.enrol_totp(other.token)
    session, added = await people.logins.enrolled_totp(pending.token, code(offered.secret, clock))
    assert session.factor == "totp"
    assert len(added.recovery) == 10
    with pytest.raises(NoPending):
        await people.logins.enrolled_totp(other.token, code(people.logins.enrol_totp(other.token).secret, clock))
    assert len(people.factors.of("Keller")) == 1, "a login begun before cannot add another"
