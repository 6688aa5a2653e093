"""Two persons: nobody is both, whatever their accounts, and only exactly what was approved is done, once."""

import hashlib

import pytest
from tests.journal.helpers import CHEAP
from tests.people.helpers import PASSWORD, SEEN, START, add

from tocsin.core import SeededEntropy
from tocsin.core.times import HOUR
from tocsin.people import Act, AlreadyDecided, NotApproved, NotByMachine, NotYours, People, SamePerson, Security
from tocsin.people.approvals import LASTS, NoSuchProposal

pytestmark = pytest.mark.anyio

WHAT, CONTENT = "report--1", b"erase report--1, body and salt"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


async def two(people):
    return await add(people, "Ada", ["administrator"]), await add(people, "Bo", ["security-officer"])


async def test_what_one_proposed_another_approves_and_it_is_done_once(people, clock):
    ada, bo = await two(people)
    made = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    assert (made.state, made.digest, made.says) == ("open", DIGEST, "proposed by Ada, not approved")
    with pytest.raises(NotApproved):
        await people.approvals.taken(Act.JOURNAL_ERASE, WHAT, CONTENT)
    approved = await people.approvals.approve(made.id, bo, DIGEST)
    assert (approved.state, approved.mode, approved.says) == ("approved", "two-person", "proposed by Ada, approved by Bo")
    for act, what, content in (
        (Act.LABEL_LOWER, WHAT, CONTENT),
        (Act.JOURNAL_ERASE, "report--2", CONTENT),
        (Act.JOURNAL_ERASE, WHAT, CONTENT + b" and all others"),
    ):
        with pytest.raises(NotApproved):
            await people.approvals.taken(act, what, content)
    assert (await people.approvals.taken(Act.JOURNAL_ERASE, WHAT, CONTENT)).says == "proposed by Ada, approved by Bo"
    with pytest.raises(NotApproved):
        await people.approvals.taken(Act.JOURNAL_ERASE, WHAT, CONTENT)
    assert people.approvals.get(made.id).state == "done"


async def test_what_fails_uses_no_approval_up(people, journal):
    ada, bo = await two(people)
    made = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    await people.approvals.approve(made.id, bo, DIGEST)

    def work(connection):
        people.approvals.take(connection, Act.JOURNAL_ERASE, WHAT, CONTENT)
        raise KeyError("the act itself failed")

    with pytest.raises(KeyError):
        await journal.write(work)
    assert people.approvals.get(made.id).state == "approved"


async def test_nobody_is_both_persons(people):
    both = await add(people, "Ada", ["administrator", "security-officer"])
    made = await people.approvals.propose(both, Act.JOURNAL_ERASE, WHAT, CONTENT)
    with pytest.raises(SamePerson):
        await people.approvals.approve(made.id, both, DIGEST)


async def test_a_second_account_of_the_same_person_is_no_second_person(people):
    ada = await add(people, "Ada", ["administrator"])
    other = await people.add_user("Ada at night", PASSWORD, ["security-officer"], SEEN, same_as="ada")
    late = await add(people, "Ada by day", ["security-officer"])
    made = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    with pytest.raises(SamePerson):
        await people.approvals.approve(made.id, other, DIGEST)
    # Found out after the proposal: it counts all the same.
    await people.change_user("Ada", same_as="ada by day")
    with pytest.raises(SamePerson):
        await people.approvals.approve(made.id, people.user(late.name), DIGEST)


async def test_a_machine_neither_proposes_nor_approves(people):
    ada, bo = await two(people)
    _, token = await people.clients.add("feeder", ["reader"], SEEN, owner="Bo", by="Ada")
    machine = people.clients.by_token(token)
    assert machine.person == bo.person
    made = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    with pytest.raises(NotByMachine):
        await people.approvals.approve(made.id, machine, DIGEST)
    with pytest.raises(NotByMachine):
        await people.approvals.propose(machine, Act.JOURNAL_ERASE, WHAT, CONTENT)


async def test_roles_decide_who_proposes_and_who_is_the_second(people):
    ada, _ = await two(people)
    cy = await add(people, "Cy", ["watch-officer"])
    with pytest.raises(NotYours):
        await people.approvals.propose(cy, Act.JOURNAL_ERASE, WHAT, CONTENT)
    with pytest.raises(NotYours):
        await people.approvals.propose(ada, Act.LOG_WRITE, WHAT, CONTENT)
    made = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    with pytest.raises(NotYours, match="security-officer"):
        await people.approvals.approve(made.id, cy, DIGEST)
    with pytest.raises(NoSuchProposal):
        await people.approvals.approve("proposal--none", cy, DIGEST)


async def test_the_second_approves_what_they_were_shown(people):
    ada, bo = await two(people)
    made = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    for digest in ("", "0" * 64, DIGEST.upper(), "\ud800"):
        with pytest.raises(NotApproved):
            await people.approvals.approve(made.id, bo, digest)


async def test_a_proposal_and_an_approval_expire(people, clock):
    ada, bo = await two(people)
    made = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    await people.approvals.approve(made.id, bo, DIGEST)
    late = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT, lasts=HOUR)
    clock.move_to(START + HOUR)
    with pytest.raises(AlreadyDecided, match="expired"):
        await people.approvals.approve(late.id, bo, DIGEST)
    clock.move_to(START + LASTS)
    with pytest.raises(NotApproved):
        await people.approvals.taken(Act.JOURNAL_ERASE, WHAT, CONTENT)
    assert {one.state for one in people.approvals.every()} == {"expired"}


async def test_a_proposal_is_withdrawn_by_who_made_it_or_may_decide_it(people):
    ada, bo = await two(people)
    cy = await add(people, "Cy", ["watch-officer"])
    made = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    with pytest.raises(NotYours):
        await people.approvals.withdraw(made.id, cy)
    await people.approvals.approve(made.id, bo, DIGEST)
    assert (await people.approvals.withdraw(made.id, ada)).state == "withdrawn"
    with pytest.raises(NotApproved):
        await people.approvals.taken(Act.JOURNAL_ERASE, WHAT, CONTENT)
    with pytest.raises(AlreadyDecided, match="withdrawn"):
        await people.approvals.approve(made.id, bo, DIGEST)


async def test_what_a_leaver_proposed_or_approved_and_is_not_done_ends(people):
    ada, bo = await two(people)
    await add(people, "Root", ["administrator"])
    proposed = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    approved = await people.approvals.propose(people.user("Root"), Act.SETTING_CHANGE, "x", CONTENT)
    await people.approvals.approve(approved.id, bo, DIGEST)
    await people.remove_user("Ada")
    assert people.approvals.get(proposed.id).state == "withdrawn"
    await people.remove_user("Bo")
    assert people.approvals.get(approved.id).state == "withdrawn"


async def test_a_partner_may_be_the_second(people):
    ada, _ = await two(people)
    ada = await people.change_user("Ada", roles=["administrator", "analyst"])
    made = await people.approvals.propose(ada, Act.LABEL_LOWER, WHAT, CONTENT)
    with pytest.raises(NotApproved):
        await people.approvals.approve_as_partner(made.id, "BIRCH", "kari", "approval--1", "0" * 64)
    done = await people.approvals.approve_as_partner(made.id, "BIRCH", "kari", "approval--1", DIGEST)
    assert (done.mode, done.record_id) == ("partner", "approval--1")
    assert done.says == "proposed by Ada, approved by partner BIRCH (kari)"
    assert (await people.approvals.taken(Act.LABEL_LOWER, WHAT, CONTENT)).mode == "partner"


async def test_one_approver_is_enough_where_configured_and_it_says_so(journal, clock):
    people = People(journal, clock, SeededEntropy(3), cost=CHEAP, security=Security(single_approver=True))
    ada = await add(people, "Ada", ["administrator"])
    made = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    assert made.says == "approved by one person, Ada: single-approver mode"
    done = await people.approvals.taken(Act.JOURNAL_ERASE, WHAT, CONTENT)
    assert "single-approver mode" in done.says
    assert "single-approver mode" in people.acts(act="proposal")[0].what


async def test_the_audit_holds_each_step_and_no_content(people):
    ada, bo = await two(people)
    made = await people.approvals.propose(ada, Act.JOURNAL_ERASE, WHAT, CONTENT)
    await people.approvals.approve(made.id, bo, DIGEST)
    assert [(d.who, d.act) for d in people.acts(act="proposal")] == [("Ada", Act.PROPOSAL_MAKE), ("Bo", Act.PROPOSAL_APPROVE)]
    assert "body and salt" not in repr(people.acts())
