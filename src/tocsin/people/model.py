"""Roles, users, sessions, and the acts that are written down."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple

import msgspec

from tocsin.core import Clearance
from tocsin.core.times import HOUR, SECOND, Micros


class Role(StrEnum):
    """What a user may do; what a user may see is the clearance's matter."""

    WATCH_OFFICER = "watch-officer"
    ANALYST = "analyst"
    APPROVER = "approver"
    SECURITY_OFFICER = "security-officer"
    ADMINISTRATOR = "administrator"
    EXERCISE_CONTROLLER = "exercise-controller"
    READER = "reader"


class Act(StrEnum):
    """Every act that the audit knows, as `subject:action`: all in one place, none written anywhere else."""

    SESSION_OPEN = "session:open"
    SESSION_REFUSE = "session:refuse"
    SESSION_CLOSE = "session:close"
    SESSION_PROVE = "session:prove"
    SESSION_END = "session:end"
    FACTOR_ADD = "factor:add"
    FACTOR_REMOVE = "factor:remove"
    FACTOR_REFUSE = "factor:refuse"
    FACTOR_RECOVER = "factor:recover"
    USER_ADD = "user:add"
    USER_CHANGE = "user:change"
    USER_REMOVE = "user:remove"
    USER_READMIT = "user:readmit"
    INVITATION_ADD = "invitation:add"
    INVITATION_ACCEPT = "invitation:accept"
    INVITATION_REMOVE = "invitation:remove"
    CLIENT_ADD = "client:add"
    CLIENT_REFUSE = "client:refuse"
    CLIENT_REMOVE = "client:remove"
    RECEIVER_ADD = "receiver:add"
    RECEIVER_RENEW = "receiver:renew"
    RECEIVER_REFUSE = "receiver:refuse"
    RECEIVER_REMOVE = "receiver:remove"
    PROPOSAL_MAKE = "proposal:make"
    PROPOSAL_APPROVE = "proposal:approve"
    PROPOSAL_WITHDRAW = "proposal:withdraw"
    PROPOSAL_REFUSE = "proposal:refuse"
    PARTNER_ADD = "partner:add"
    PARTNER_REMOVE = "partner:remove"
    PARTNER_CONFIRM = "partner:confirm"
    PARTNER_ROTATE = "partner:rotate"
    PARTNER_RECOVER = "partner:recover"
    PARTNER_REVOKE = "partner:revoke"
    PARTNER_EXCLUDE = "partner:exclude"
    PARTNER_TEST = "partner:test"
    LABEL_LOWER = "label:lower"
    LABEL_TEAR = "label:tear"
    LABEL_CONSENT = "label:consent"
    SETTING_CHANGE = "setting:change"
    WARNING_APPROVE = "warning:approve"
    WARNING_ANSWER = "warning:answer"
    WARNING_HOLD = "warning:hold"
    WARNING_CANCEL = "warning:cancel"
    REPORT_SAY = "report:say"
    RECORD_READ = "record:read"
    RECORD_RECALL = "record:recall"
    RECORD_TELL = "record:tell"
    REQUEST_SAY = "request:say"
    REQUEST_CLOSE = "request:close"
    REQUIREMENT_SAY = "requirement:say"
    REQUIREMENT_END = "requirement:end"
    SUBSCRIPTION_CHANGE = "subscription:change"
    BUNDLE_EXPORT = "bundle:export"
    BUNDLE_IMPORT = "bundle:import"
    CLAIM_SAY = "claim:say"
    COUNT_SAY = "count:say"
    RULE_PROPOSE = "rule:propose"
    RULE_AGREE = "rule:agree"
    RULE_WITHDRAW = "rule:withdraw"
    LOG_WRITE = "log:write"
    REHEARSAL_START = "rehearsal:start"
    REHEARSAL_END = "rehearsal:end"
    REPLAY_START = "replay:start"
    EXERCISE_START = "exercise:start"
    LINK_CHANGE = "link:change"
    CLOCK_START = "clock:start"
    JOURNAL_ERASE = "journal:erase"
    JOURNAL_RENEW = "journal:renew"
    JOURNAL_BACKUP = "journal:backup"
    NODE_START = "node:start"
    NODE_STOP = "node:stop"


class User(msgspec.Struct, frozen=True):
    """Somebody of this node. `roles` are `Role`s; `person` is the same for all accounts and machine clients of one human being.

    `since`: when the account was made (protocol time, µs): what somebody of the same name said before was somebody else.
    """

    name: str
    roles: frozenset[Role]
    clearance: Clearance
    person: str = ""
    machine: bool = False
    since: Micros = 0


class Session(NamedTuple):
    """An open session. `token` is what the cookie holds, `csrf` what changing requests must bear; `expires` in protocol time.

    `factor`: how the second factor was last proven (totp, passkey, recovery, oidc; empty: not at all), at `factor_at`.
    """

    token: str
    csrf: str
    user: User
    expires: int
    id: str = ""
    factor: str = ""
    factor_at: int = 0

    def __repr__(self) -> str:
        return f"Session({self.user.name!r})"


class OpenSession(NamedTuple):
    """A session as lists show it: without what would let somebody use it. Times are protocol time, µs."""

    id: str
    user: str
    factor: str
    opened_at: int
    seen_at: int
    expires: int


class Pending(NamedTuple):
    """A login whose password was right and whose second factor is still missing.

    `ways`: what the user can prove it with (totp, passkey, recovery). `enrol`: the node demands a factor and the user has
    none yet, so the login goes on by adding one.
    """

    token: str
    ways: tuple[str, ...]
    enrol: bool
    expires: int

    def __repr__(self) -> str:
        return f"Pending({', '.join(self.ways) or 'enrol'})"


class Factor(NamedTuple):
    """A second factor as lists show it. `kind`: totp or passkey; times in protocol time, µs, `used_at` None if it never was."""

    id: str
    kind: str
    name: str
    added_at: int
    used_at: int | None


class Done(NamedTuple):
    """One line of the audit: at `time` (protocol, µs) `who` did `act` to `what`, which is an id or a name, never content."""

    time: int
    who: str
    act: Act
    what: str


class Security(msgspec.Struct, frozen=True, kw_only=True):
    """How strictly people are let in.

    `second_factor`: optional (asked of those who have one), privileged (approvers, security officers and administrators must have
    one) or required (everybody must). `step_up`: sensitive acts want a factor proven within `fresh`. `origin`: the console's address
    as browsers see it, which passkeys are bound to; `rp_id` is its host unless said. Spans in µs.
    """

    second_factor: Literal["optional", "privileged", "required"] = "optional"
    step_up: bool = False
    lasts: Micros = 12 * HOUR
    idle: Micros = 2 * HOUR
    fresh: Micros = 300 * SECOND
    invitation_lasts: Micros = 72 * HOUR
    single_approver: bool = False
    origin: str = ""
    rp_id: str = ""
    issuer: str = "Tocsin"
