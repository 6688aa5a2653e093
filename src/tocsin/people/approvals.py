"""What needs two persons: one proposes exactly this, another approves exactly that, and only then it is done, once.

The second may be a colleague with the role for it, or a partner, whose node signs a record that says so. Where a node
is configured for a single approver, one is enough, and what was approved so says it openly.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import insert, select, update

from tocsin.core.times import HOUR

from . import credentials, rows
from .errors import AlreadyDecided, NoSuchUser, NotApproved, NotByMachine, NotYours, SamePerson
from .model import Act
from .roles import SECONDS, may, names_of
from .tables import proposals, users

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from tocsin.core import Clock, Entropy
    from tocsin.core.times import Micros
    from tocsin.journal import Journal

    from .model import Security, User

LASTS: Micros = 72 * HOUR
LONGEST: Micros = 31 * 24 * HOUR
_CLASS = "proposals"
TWO, PARTNER, SINGLE = "two-person", "partner", "single"


class Proposal(NamedTuple):
    """What one person proposed and who approved it. Times in protocol time, µs; `digest`: SHA-256 of exactly what is to be done, in hex.

    `state`: open, approved, withdrawn, expired or done. `record_id`: the partner's record, if a partner approved.
    """

    id: str
    act: Act
    what: str
    digest: str
    proposed_by: str
    proposed_at: int
    expires: int
    state: str
    approved_by: str
    approved_at: int | None
    mode: str
    record_id: str

    @property
    def says(self) -> str:
        """Who stands behind it, in words that go wherever what was approved is shown."""
        if self.state not in {"approved", "done"}:
            return f"proposed by {self.proposed_by}, not approved"
        if self.mode == SINGLE:
            return f"approved by one person, {self.approved_by}: single-approver mode"
        if self.mode == PARTNER:
            return f"proposed by {self.proposed_by}, approved by partner {self.approved_by}"
        return f"proposed by {self.proposed_by}, approved by {self.approved_by}"


class NoSuchProposal(NoSuchUser):
    """Raised if there is no such proposal."""

    def __init__(self) -> None:
        Exception.__init__(self, "there is no such proposal")


class Approvals:
    """The proposals of one node."""

    def __init__(self, journal: Journal, clock: Clock, entropy: Entropy, security: Security) -> None:
        self._journal, self._clock, self._entropy, self._security = journal, clock, entropy, security

    async def propose(self, by: User, act: Act, what: str, content: bytes, *, lasts: Micros = LASTS) -> Proposal:
        """Propose `act` on `what` (an id or a name, never content); `content` is exactly what would be done.

        Raises `NotByMachine`, `NotYours`. In single-approver mode it is approved at once, and says so.
        """
        if by.machine:
            raise NotByMachine
        if act not in SECONDS or not may(by.roles, act):
            raise NotYours(names_of(act))
        single, now = self._security.single_approver, self._clock.now()
        row = {
            "id": f"proposal--{self._entropy.take(16).hex()}",
            "act": act.value,
            "what": what[:200],
            "digest": hashlib.sha256(content).digest(),
            "content": self._journal.seal(content, _CLASS, now),
            "proposed_by": by.name,
            "person": by.person or credentials.key_of(by.name),
            "proposed_at": now,
            "expires": now + min(lasts, LONGEST),
            "state": "approved" if single else "open",
            "approved_by": by.name if single else "",
            "approved_at": now if single else None,
            "mode": SINGLE if single else "",
            "record_id": "",
        }

        def work(connection: Connection) -> None:
            connection.execute(insert(proposals), [row])
            rows.note(
                connection, now, by.name, Act.PROPOSAL_MAKE, f"{row['id']!s} {act.value}" + (" single-approver mode" if single else "")
            )

        await self._journal.write(work)
        return self.get(str(row["id"]))

    async def approve(self, proposal: str, by: User, digest: str) -> Proposal:
        """Approve what another person proposed; `digest` is of what the approver was shown.

        Raises `NoSuchProposal`, `AlreadyDecided`, `NotByMachine`, `NotYours`, `SamePerson`, `NotApproved` if the digest is another.
        """
        if by.machine:
            raise NotByMachine

        def work(connection: Connection) -> None:
            row = self._open(connection, proposal)
            if not may_second(by, Act(row.act)):
                raise NotYours(" or ".join(sorted(SECONDS[Act(row.act)])))
            proposer = connection.execute(select(users).where(users.c.name == row.proposed_by)).one_or_none()
            persons = {row.person, credentials.key_of(row.proposed_by)} | (
                {proposer.person or proposer.key} if proposer is not None else set()
            )
            if persons & {by.person, credentials.key_of(by.name)}:
                raise SamePerson
            if not hmac.compare_digest(row.digest.hex().encode(), digest.encode("utf-8", "replace")):
                raise NotApproved
            self._decide(connection, proposal, TWO, by.name, "")
            rows.note(connection, self._clock.now(), by.name, Act.PROPOSAL_APPROVE, f"{proposal} {row.act}")

        await self._journal.write(work)
        return self.get(proposal)

    async def approve_as_partner(self, proposal: str, partner: str, by: str, record_id: str, digest: str) -> Proposal:
        """Take a partner's approval: a record that its node signed and whose proof the caller has checked.

        Raises `NoSuchProposal`, `AlreadyDecided`, `NotApproved` if it approves something else.
        """

        def work(connection: Connection) -> None:
            row = self._open(connection, proposal)
            if not hmac.compare_digest(row.digest.hex().encode(), digest.encode("utf-8", "replace")):
                raise NotApproved
            self._decide(connection, proposal, PARTNER, f"{partner} ({by})" if by else partner, record_id)
            rows.note(connection, self._clock.now(), f"partner {partner}", Act.PROPOSAL_APPROVE, f"{proposal} {row.act}")

        await self._journal.write(work)
        return self.get(proposal)

    async def withdraw(self, proposal: str, by: User) -> Proposal:
        """Withdraw a proposal that is not done yet: one's own, or, for who may be the second, anybody's."""

        def work(connection: Connection) -> None:
            row = self._open(connection, proposal, "open", "approved")
            if row.proposed_by != by.name and not may_second(by, Act(row.act)):
                raise NotYours(" or ".join(sorted(SECONDS[Act(row.act)])))
            connection.execute(update(proposals).where(proposals.c.id == proposal).values(state="withdrawn"))
            rows.note(connection, self._clock.now(), by.name, Act.PROPOSAL_WITHDRAW, f"{proposal} {row.act}")

        await self._journal.write(work)
        return self.get(proposal)

    def take(self, connection: Connection, act: Act, what: str, content: bytes) -> Proposal:
        """Use up the approval of exactly this, in the commit of the act itself; raises `NotApproved` if there is none."""
        fits = [proposals.c.act == act.value, proposals.c.what == what[:200], proposals.c.digest == hashlib.sha256(content).digest()]
        wanted = select(proposals).where(*fits, proposals.c.state == "approved", proposals.c.expires > self._clock.now())
        row = connection.execute(wanted.order_by(proposals.c.approved_at)).first()
        if row is None:
            raise NotApproved
        connection.execute(update(proposals).where(proposals.c.id == row.id).values(state="done"))
        return _proposal(row, self._clock.now())._replace(state="done")

    async def taken(self, act: Act, what: str, content: bytes) -> Proposal:
        """`take` in a commit of its own, for an act that is done elsewhere."""
        return await self._journal.write(lambda connection: self.take(connection, act, what, content))

    def get(self, proposal: str) -> Proposal:
        """One proposal; raises `NoSuchProposal`."""
        found = self._journal.read_rows(select(proposals).where(proposals.c.id == proposal))
        if not found:
            raise NoSuchProposal
        return _proposal(found[0], self._clock.now())

    def content(self, proposal: str) -> bytes:
        """Exactly what would be done: the bytes that `propose` was given; raises `NoSuchProposal`, or `NotApproved` if they changed."""
        found = self._journal.read_rows(select(proposals).where(proposals.c.id == proposal))
        if not found or found[0].content is None:
            raise NoSuchProposal
        content = self._journal.open_sealed(found[0].content, _CLASS, found[0].proposed_at)
        if not hmac.compare_digest(hashlib.sha256(content).digest(), found[0].digest):
            raise NotApproved
        return content

    def waiting(self, act: Act, what: str) -> Proposal | None:
        """The newest open proposal of `act` on `what`."""
        fits = [proposals.c.act == act.value, proposals.c.what == what[:200], proposals.c.state == "open"]
        found = self._journal.read_rows(select(proposals).where(*fits).order_by(proposals.c.proposed_at.desc()))
        shown = (_proposal(row, self._clock.now()) for row in found)
        return next((one for one in shown if one.state == "open"), None)

    def become(self, security: Security) -> None:
        """Go by other settings from now on."""
        self._security = security

    def every(self, *, state: str | None = None, limit: int = 200) -> list[Proposal]:
        """Proposals, the newest first."""
        found = self._journal.read_rows(select(proposals).order_by(proposals.c.proposed_at.desc(), proposals.c.id).limit(limit))
        shown = [_proposal(row, self._clock.now()) for row in found]
        return [one for one in shown if state is None or one.state == state]

    def end_of(self, connection: Connection, _: str, leaver: User) -> None:
        """End a leaver's proposals that are not done, and what they approved that is not done."""
        mine = (proposals.c.proposed_by == leaver.name) | (proposals.c.approved_by == leaver.name)
        connection.execute(update(proposals).where(mine, proposals.c.state.in_(["open", "approved"])).values(state="withdrawn"))

    def _open(self, connection: Connection, proposal: str, *states: str) -> Row[Any]:
        row = connection.execute(select(proposals).where(proposals.c.id == proposal)).one_or_none()
        if row is None:
            raise NoSuchProposal
        state = _proposal(row, self._clock.now()).state
        if state not in (states or ("open",)):
            raise AlreadyDecided(state)
        return row

    def _decide(self, connection: Connection, proposal: str, mode: str, by: str, record_id: str) -> None:
        values = {"state": "approved", "mode": mode, "approved_by": by[:200], "approved_at": self._clock.now(), "record_id": record_id}
        connection.execute(update(proposals).where(proposals.c.id == proposal).values(**values))


def may_second(user: User, act: Act) -> bool:
    """Whether `user` may be the second person for `act`."""
    return not user.machine and not SECONDS.get(act, frozenset()).isdisjoint(user.roles)


def _proposal(row: Row[Any], now: Micros) -> Proposal:
    state = "expired" if row.state in {"open", "approved"} and row.expires <= now else row.state
    return Proposal(
        row.id, Act(row.act), row.what, row.digest.hex(), row.proposed_by, row.proposed_at, row.expires, state, row.approved_by,
        row.approved_at, row.mode, row.record_id,
    )  # fmt: skip
