"""Roles, users, sessions, and the acts that are written down."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from tocsin.core import Clearance


class Role(StrEnum):
    """What a user may do; what a user may see is the clearance's matter."""

    WATCH_OFFICER = "watch-officer"
    ANALYST = "analyst"
    APPROVER = "approver"
    ADMINISTRATOR = "administrator"
    READER = "reader"


class Act(StrEnum):
    """Every act that the audit knows, as `subject:action`: all in one place, none written anywhere else."""

    SESSION_OPEN = "session:open"
    SESSION_REFUSE = "session:refuse"
    SESSION_CLOSE = "session:close"
    USER_ADD = "user:add"
    USER_CHANGE = "user:change"
    USER_REMOVE = "user:remove"
    PARTNER_ADD = "partner:add"
    PARTNER_REMOVE = "partner:remove"
    PARTNER_CONFIRM = "partner:confirm"
    PARTNER_ROTATE = "partner:rotate"
    PARTNER_RECOVER = "partner:recover"
    PARTNER_REVOKE = "partner:revoke"
    PARTNER_EXCLUDE = "partner:exclude"
    PARTNER_TEST = "partner:test"
    WARNING_APPROVE = "warning:approve"
    WARNING_ANSWER = "warning:answer"
    WARNING_HOLD = "warning:hold"
    WARNING_CANCEL = "warning:cancel"
    REPORT_SAY = "report:say"
    RULE_PROPOSE = "rule:propose"
    RULE_AGREE = "rule:agree"
    RULE_WITHDRAW = "rule:withdraw"
    LOG_WRITE = "log:write"
    REHEARSAL_START = "rehearsal:start"
    REHEARSAL_END = "rehearsal:end"
    REPLAY_START = "replay:start"
    JOURNAL_ERASE = "journal:erase"
    NODE_START = "node:start"
    NODE_STOP = "node:stop"


class User(msgspec.Struct, frozen=True):
    """Somebody of this node. `roles` are `Role`s."""

    name: str
    roles: frozenset[Role]
    clearance: Clearance


class Session(NamedTuple):
    """An open session. `token` is what the cookie holds, `csrf` what changing requests must bear; `expires` in protocol time."""

    token: str
    csrf: str
    user: User
    expires: int

    def __repr__(self) -> str:
        return f"Session({self.user.name!r})"


class Done(NamedTuple):
    """One line of the audit: at `time` (protocol, µs) `who` did `act` to `what`, which is an id or a name, never content."""

    time: int
    who: str
    act: Act
    what: str
