"""Who may log in: names, roles, and that an administrator remains."""

import asyncio

import pytest
from sqlalchemy import select
from tests.people.helpers import PASSWORD, SEEN, START, add

from tocsin.core import Clearance, SeededEntropy
from tocsin.people import Act, BadUser, Done, LastAdministrator, NoSuchUser, People, Role, UserExists, WrongCredentials
from tocsin.people.tables import users

pytestmark = pytest.mark.anyio


async def test_a_user_has_name_roles_and_clearance(people):
    user = await add(people, roles=["watch-officer", "approver"])
    assert user.name == "Keller"
    assert user.roles == {Role.WATCH_OFFICER, Role.APPROVER}
    assert user.clearance == SEEN
    assert people.users() == [user]


async def test_a_password_is_nowhere_in_the_database(people, journal, tmp_path):
    await add(people)
    (row,) = journal.read_rows(select(users))
    assert row.password.startswith("$argon2id$")
    for file in (tmp_path / "node").iterdir():
        assert PASSWORD.encode() not in file.read_bytes()


async def test_two_users_with_one_password_are_stored_differently(people, journal):
    await add(people, "Keller")
    await add(people, "Moser")
    assert len({row.password for row in journal.read_rows(select(users))}) == 2


@pytest.mark.parametrize("other", ["Keller", "KELLER", "\uff2beller", "keller"])
async def test_a_name_that_looks_the_same_is_refused(people, other):
    await add(people, "keller")
    with pytest.raises(UserExists):
        await add(people, other)
    assert len(people.users()) == 1


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "a\x00b", " lead", "trail ", "x" * 65, "<b>", "node", "Node", "operator", "nobody", "\ud800", "-x", "a/b"]
)
async def test_a_name_that_would_mislead_is_refused(people, name):
    with pytest.raises(BadUser):
        await add(people, name)
    assert people.users() == []


@pytest.mark.parametrize("name", ["k", "Lt. Keller", "Ødegård", "O'Neill", "k@aster", "许", "Keller Jr."])
async def test_people_may_have_their_names(people, name):
    assert (await add(people, name)).name == name
    assert (await people.log_in(name, PASSWORD)).user.name == name


@pytest.mark.parametrize("password", ["", "short", "123456789", "x" * 1025, "é" * 600])
async def test_a_password_too_short_or_too_long_is_refused(people, password):
    with pytest.raises(BadUser) as refusal:
        await add(people, password=password)
    assert not password or password not in str(refusal.value)


async def test_a_role_that_does_not_exist_is_refused(people):
    for roles in ([], ["king"], ["watch-officer", ""]):
        with pytest.raises(BadUser, match="role"):
            await add(people, roles=roles)


async def test_users_stay_after_a_restart(people, journal, clock):
    user = await add(people)
    assert People(journal, clock, SeededEntropy(9)).users() == [user]


async def test_the_last_administrator_stays(people):
    await add(people, "root", ["administrator"])
    await add(people, "Keller", ["approver"])
    with pytest.raises(LastAdministrator):
        await people.remove_user("root")
    with pytest.raises(LastAdministrator):
        await people.change_user("root", roles=["reader"])
    assert {u.name: u.roles for u in people.users()}["root"] == {Role.ADMINISTRATOR}
    await add(people, "second", ["administrator", "reader"])
    await people.remove_user("root")
    with pytest.raises(LastAdministrator):
        await people.remove_user("second")
    await people.remove_user("Keller")
    assert [u.name for u in people.users()] == ["second"]


async def test_two_administrators_cannot_remove_each_other_at_once(people):
    await add(people, "a", ["administrator"])
    await add(people, "b", ["administrator"])
    answers = await asyncio.gather(people.remove_user("a"), people.remove_user("b"), return_exceptions=True)
    assert sorted(type(a) for a in answers if a) == [LastAdministrator]
    assert len(people.users()) == 1


async def test_removing_or_changing_nobody_says_so(people):
    with pytest.raises(NoSuchUser):
        await people.remove_user("ghost")
    with pytest.raises(NoSuchUser):
        await people.change_user("ghost", roles=["reader"])


async def test_changes_show_in_open_sessions(people):
    await add(people)
    session = await people.log_in("Keller", PASSWORD)
    lower = Clearance("p", "ASTER", 0)
    await people.change_user("keller", roles=["reader"], clearance=lower)
    user = people.session(session.token).user
    assert (user.roles, user.clearance) == ({Role.READER}, lower)


async def test_a_new_password_ends_sessions_and_the_old_password(people):
    await add(people)
    session = await people.log_in("Keller", PASSWORD)
    await people.change_user("Keller", password="another long password")
    assert people.session(session.token) is None
    with pytest.raises(WrongCredentials):
        await people.log_in("Keller", PASSWORD)
    assert await people.log_in("Keller", "another long password")


async def test_the_audit_says_who_did_what_to_whom(people, clock):
    await people.add_user("root", PASSWORD, ["administrator"], SEEN, by="operator")
    clock.move_to(START + 5)
    await people.act("root", Act.WARNING_APPROVE, "warning--1")
    await people.act("root", "report:say", "report--1")
    await people.add_user("Keller", PASSWORD, ["reader"], SEEN, by="root")
    await people.change_user("Keller", roles=["analyst"], by="root")
    await people.remove_user("Keller", by="root")
    assert people.acts() == [
        Done(START, "operator", Act.USER_ADD, "root"),
        Done(START + 5, "root", Act.WARNING_APPROVE, "warning--1"),
        Done(START + 5, "root", Act.REPORT_SAY, "report--1"),
        Done(START + 5, "root", Act.USER_ADD, "Keller"),
        Done(START + 5, "root", Act.USER_CHANGE, "Keller"),
        Done(START + 5, "root", Act.USER_REMOVE, "Keller"),
    ]
    assert people.acts(after=5) == people.acts()[5:]
    assert people.acts(after=1, limit=2) == people.acts()[1:3]


async def test_an_act_nobody_defined_is_refused(people):
    with pytest.raises(BadUser, match="no such act"):
        await people.act("root", "weapon:aim", "x")
    assert people.acts() == []


def test_every_act_is_subject_and_action():
    for act in Act:
        subject, _, action = act.value.partition(":")
        assert subject.isalpha()
        assert action.isalpha()
        assert act.name == f"{subject}_{action}".upper()


async def test_what_was_not_done_is_not_in_the_audit(people):
    await people.add_user("root", PASSWORD, ["administrator"], SEEN)
    with pytest.raises(LastAdministrator):
        await people.remove_user("root", by="root")
    assert people.acts() == []
