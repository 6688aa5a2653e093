"""Machine clients, invitations and receivers: what is shown once is stored as a digest, and all of it ends with its owner."""

import pytest
from sqlalchemy import select, update
from tests.people.helpers import PASSWORD, SEEN, START, add

from tocsin.core import Clearance
from tocsin.core.times import DAY, HOUR, SECOND
from tocsin.people import Act, BadUser, Role, TooManyAttempts, UserExists
from tocsin.people.clients import NoSuchClient, narrowed
from tocsin.people.invitations import NoSuchInvitation, NotInvited
from tocsin.people.receivers import NoSuchReceiver
from tocsin.people.tables import clients, receivers

pytestmark = pytest.mark.anyio

LOW = Clearance("p", "ASTER", 0)


async def client(people, name="feeder", roles=("analyst",), clearance=SEEN, **more):
    return await people.clients.add(name, roles, clearance, by="operator", **more)


async def test_a_token_lets_its_client_in_and_is_stored_as_a_digest(people, journal, tmp_path):
    made, token = await client(people)
    assert token.startswith(f"tocsin_{made.prefix}_")
    user = people.clients.by_token(token)
    assert (user.name, user.roles, user.clearance, user.machine) == ("client:feeder", {Role.ANALYST}, SEEN, True)
    (row,) = journal.read_rows(select(clients))
    assert token.encode() not in bytes(row.digest)
    for file in (tmp_path / "node").iterdir():
        assert token.encode() not in file.read_bytes()


@pytest.mark.parametrize("wrong", ["", "x", "tocsin_", "tocsin_000000000000_" + "x" * 43, "\ud800", "last letter", "prefix alone"])
async def test_a_token_that_is_none_lets_nobody_in(people, wrong):
    made, token = await client(people)
    wrong = {"last letter": token[:-2] + "xx", "prefix alone": f"tocsin_{made.prefix}_"}.get(wrong, wrong)
    assert people.clients.by_token(wrong) is None
    assert people.clients.by_token(token) is not None


async def test_a_client_expires_and_is_removed(people, clock):
    _, token = await client(people, lasts=HOUR)
    clock.move_to(START + HOUR - 1)
    assert people.clients.by_token(token) is not None
    clock.move_to(START + HOUR)
    assert people.clients.by_token(token) is None
    await people.clients.remove("FEEDER", by="operator")
    with pytest.raises(NoSuchClient):
        await people.clients.remove("feeder", by="operator")


@pytest.mark.parametrize("role", ["approver", "security-officer", "administrator"])
async def test_no_machine_approves_or_administers(people, role):
    with pytest.raises(BadUser, match="person's role"):
        await client(people, roles=[role])


async def test_a_client_can_do_and_see_no_more_than_its_owner(people):
    await add(people, "Keller", ["analyst"], clearance=LOW)
    with pytest.raises(BadUser, match="no more than its owner"):
        await client(people, owner="Keller")
    with pytest.raises(BadUser, match="no more than its owner"):
        await client(people, clearance=LOW, roles=["watch-officer"], owner="Keller")
    await people.change_user("Keller", clearance=SEEN)
    _, token = await client(people, owner="Keller")
    await people.change_user("Keller", clearance=LOW, roles=["watch-officer"])
    user = people.clients.by_token(token)
    assert (user.roles, user.clearance, user.person) == (frozenset(), LOW, "keller")
    await add(people, "root", ["administrator"])
    await people.remove_user("Keller")
    assert people.clients.by_token(token) is None
    assert people.clients.every() == []


async def test_a_certificate_is_one_clients_and_bears_no_token(people):
    made, token = await client(people, certificate="AB:" * 31 + "CD")
    assert token == ""
    assert made.certificate == "ab" * 31 + "cd"
    assert people.clients.by_certificate(made.certificate).name == "client:feeder"
    assert people.clients.by_certificate("00" * 32) is None
    with pytest.raises(BadUser, match="another client's"):
        await client(people, "other", certificate=made.certificate)
    with pytest.raises(BadUser, match="64 hex"):
        await client(people, "third", certificate="abcd")


async def test_when_a_client_was_last_used_is_kept_coarsely(people, clock):
    _, token = await client(people)
    people.clients.by_token(token)
    clock.move_to(START + 59 * SECOND)
    people.clients.by_token(token)
    await people.tend()
    assert people.clients.every()[0].used_at == START
    clock.move_to(START + 3600 * SECOND)
    people.clients.by_token(token)
    assert people.clients.every()[0].used_at == clock.now()


async def test_wrong_tokens_wait_by_prefix(people):
    _, token = await client(people)
    with pytest.raises(TooManyAttempts):
        for _ in range(10):
            people.clients.by_token(token[:-2] + "xx")
    assert people.clients.by_token(token) is not None


def test_narrowing_never_widens():
    one = Clearance("p", "ASTER", 2, frozenset({"A", "B"}), ("X", "Y"), ("T",))
    other = Clearance("p", "ASTER", 1, frozenset({"B", "C"}), ("Y",), ())
    assert narrowed(one, other) == Clearance("p", "ASTER", 1, frozenset({"B"}), ("Y",), ())
    assert narrowed(one, Clearance("q", "ASTER", 2)) is None
    assert narrowed(one, Clearance("p", "BIRCH", 2)) is None


async def test_an_invitation_is_accepted_once_and_within_its_time(people, clock):
    made, token = await people.invitations.invite("Bo", ["analyst"], SEEN, by="root")
    assert people.invitations.look(token) == made
    session = await people.invitations.accept(token, PASSWORD)
    assert (session.user.name, session.user.roles, session.user.clearance) == ("Bo", {Role.ANALYST}, SEEN)
    with pytest.raises(NotInvited):
        await people.invitations.accept(token, PASSWORD)
    _, late = await people.invitations.invite("Cy", ["reader"], LOW, by="root")
    clock.move_to(START + 3 * DAY)
    with pytest.raises(NotInvited):
        await people.invitations.accept(late, PASSWORD)
    assert people.invitations.every() == []
    assert [(d.who, d.act) for d in people.acts(act="invitation")] == [
        ("root", Act.INVITATION_ADD),
        ("Bo", Act.INVITATION_ACCEPT),
        ("root", Act.INVITATION_ADD),
    ]


async def test_a_new_invitation_replaces_the_old_and_a_bad_password_uses_none_up(people):
    _, old = await people.invitations.invite("Bo", ["analyst"], SEEN, by="root")
    _, new = await people.invitations.invite("bo", ["reader"], LOW, by="root")
    with pytest.raises(NotInvited):
        await people.invitations.accept(old, PASSWORD)
    with pytest.raises(BadUser):
        await people.invitations.accept(new, "short")
    assert (await people.invitations.accept(new, PASSWORD)).user.roles == {Role.READER}
    with pytest.raises(UserExists):
        await people.invitations.invite("BO", ["reader"], LOW, by="root")


async def test_an_invitation_ends_when_its_name_becomes_a_user_by_another_way(people):
    _, token = await people.invitations.invite("Bo", ["approver"], SEEN, by="root")
    await add(people, "bo", ["reader"])
    assert people.invitations.every() == []
    with pytest.raises(NotInvited):
        people.invitations.look(token)
    await people.remove_user("bo")
    with pytest.raises(NotInvited):
        await people.invitations.accept(token, PASSWORD)


async def test_invitations_are_withdrawn_and_end_with_who_gave_them(people):
    await add(people, "Ada", ["administrator"])
    await add(people, "root", ["administrator"])
    made, first = await people.invitations.invite("Bo", ["analyst"], SEEN, by="root")
    await people.invitations.withdraw(made.id, by="root")
    with pytest.raises(NoSuchInvitation):
        await people.invitations.withdraw("Bo", by="root")
    _, second = await people.invitations.invite("Cy", ["analyst"], SEEN, by="Ada")
    await people.remove_user("Ada")
    for token in (first, second):
        with pytest.raises(NotInvited):
            await people.invitations.accept(token, PASSWORD)


async def test_receivers_are_kept_with_their_address_sealed(people, journal):
    made, token = await people.receivers.add("Harbour desk", "mail", "desk@harbour.example", LOW, by="root")
    assert (people.receivers.every(), token) == ([made], "")
    (row,) = journal.read_rows(select(receivers))
    assert b"harbour.example" not in row.address
    with pytest.raises(UserExists):
        await people.receivers.add("harbour desk", "feed", "", LOW, by="root")
    await people.receivers.remove("HARBOUR DESK", by="root")
    with pytest.raises(NoSuchReceiver):
        await people.receivers.remove("Harbour desk", by="root")


async def test_a_feeds_token_is_stored_as_a_digest_and_ends_with_its_time_and_its_successor(people, journal, clock, tmp_path):
    made, token = await people.receivers.add("desk", "feed", "", LOW, lasts=HOUR, by="root")
    assert token.startswith(f"tocsin_told_{made.prefix}_")
    assert people.receivers.by_token(token) == made._replace(used_at=START)
    assert people.clients.by_token(token) is None, "it is no machine client's"
    for file in (tmp_path / "node").iterdir():
        assert token.encode() not in file.read_bytes()
    clock.move_to(START + HOUR - 1)
    assert people.receivers.by_token(token) is not None
    clock.move_to(START + HOUR)
    assert people.receivers.by_token(token) is None
    renewed, new = await people.receivers.renew("DESK", lasts=HOUR, by="root")
    assert (renewed.name, renewed.added_at, renewed.expires) == ("desk", START, START + 2 * HOUR)
    assert people.receivers.by_token(new).name == "desk"
    assert people.receivers.by_token(token) is None
    await people.receivers.remove("desk", by="root")
    assert people.receivers.by_token(new) is None
    assert [done.act for done in people.acts(act="receiver")] == [Act.RECEIVER_ADD, Act.RECEIVER_RENEW, Act.RECEIVER_REMOVE]


async def test_a_feed_of_before_there_were_tokens_is_given_one(people, journal):
    await people.receivers.add("desk", "feed", "", LOW, by="root")
    before = update(receivers).values(prefix=None, digest=None, expires=None)
    await journal.write(lambda connection: connection.execute(before))
    old = people.receivers.get("desk")
    assert (old.prefix, old.expires) == ("", None)
    _, token = await people.receivers.renew("desk", by="root")
    assert people.receivers.by_token(token).name == "desk"


async def test_only_a_feed_has_a_token_and_for_a_year_at_most(people):
    await people.receivers.add("desk", "mail", "desk@harbour.example", LOW, by="root")
    with pytest.raises(BadUser, match="only a feed"):
        await people.receivers.renew("desk", by="root")
    with pytest.raises(NoSuchReceiver):
        await people.receivers.renew("nobody", by="root")
    for lasts in (0, -1, 367 * DAY):
        with pytest.raises(BadUser, match="a year"):
            await people.receivers.add("feed", "feed", "", LOW, lasts=lasts, by="root")


async def test_wrong_tokens_of_a_receiver_wait_are_written_down_and_lock_nobody_out(people, clock):
    _, token = await people.receivers.add("desk", "feed", "", LOW, by="root")
    with pytest.raises(TooManyAttempts):
        for _ in range(10):
            assert people.receivers.by_token(token[:-2] + "xx") is None
    assert people.receivers.by_token(token).used_at == START
    await people.tend()
    (refused,) = people.acts(act=[Act.RECEIVER_REFUSE])
    assert (refused.who, refused.what) == ("receiver:desk", "6 wrong tokens")
    assert people.receivers.every()[0].used_at == START
    clock.move_to(START + HOUR)
    assert people.receivers.by_token("x") is None
    assert people.receivers.by_token("\ud800") is None


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("pigeon", "x"),
        ("mail", "desk"),
        ("mail", "a@b c"),
        ("webhook", "http://x.example"),
        ("webhook", "https://"),
        ("feed", "x"),
        ("mail", "a@\n"),
    ],
)
async def test_an_address_that_fits_its_kind_is_needed(people, kind, address):
    with pytest.raises(BadUser):
        await people.receivers.add("desk", kind, address, LOW, by="root")


async def test_the_audit_is_read_by_who_what_and_when(people, clock):
    await people.add_user("root", PASSWORD, ["administrator"], SEEN, by="operator")
    clock.move_to(START + HOUR)
    await people.add_user("Keller", PASSWORD, ["analyst"], SEEN, by="root")
    await people.act("Keller", Act.REPORT_SAY, "report--1")
    assert [d.what for d in people.acts(who="root")] == ["Keller"]
    assert [d.what for d in people.acts(act="user")] == ["root", "Keller"]
    assert [d.what for d in people.acts(act=["user:add", "report"], since=START + HOUR)] == ["Keller", "report--1"]
    assert [d.what for d in people.acts(until=START + HOUR)] == ["root"]
    assert [d.what for d in people.acts(newest=True, limit=1)] == ["report--1"]
    assert people.acts(act="use") == []
    assert people.acts(act="%") == []
    with pytest.raises(BadUser):
        people.acts(act="weapon:aim")


async def test_idle_sessions_end_and_used_ones_do_not(people, clock):
    await add(people)
    used, idle = await people.log_in("Keller", PASSWORD), await people.log_in("Keller", PASSWORD)
    clock.move_to(START + HOUR)
    assert people.session(used.token) is not None
    await people.tend()
    clock.move_to(START + 2 * HOUR)
    assert people.session(idle.token) is None
    assert people.session(used.token) is not None
    assert [one.id for one in people.sessions.of("Keller")] == [used.id]
    await people.tend()
    assert people.session(used.token) is not None, "what was used since counts, written down or not"
