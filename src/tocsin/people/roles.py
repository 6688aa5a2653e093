"""What each role may do: one table, which every route and every operation in a person's name asks.

What a user may see is the clearance's matter, not the role's. An act that is not in the table is nobody's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import Act, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

ANYBODY = frozenset(Role)
_FLOOR = frozenset({Role.WATCH_OFFICER, Role.APPROVER, Role.ANALYST})
_WRITERS = frozenset({Role.WATCH_OFFICER, Role.ANALYST})
_APPROVER = frozenset({Role.APPROVER})
_SECURITY = frozenset({Role.SECURITY_OFFICER})
_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_CONTROLLER = frozenset({Role.EXERCISE_CONTROLLER})

MAY: dict[Act, frozenset[Role]] = {
    # One's own sessions and factors.
    Act.SESSION_OPEN: ANYBODY,
    Act.SESSION_CLOSE: ANYBODY,
    Act.SESSION_PROVE: ANYBODY,
    Act.FACTOR_ADD: ANYBODY,
    Act.FACTOR_REMOVE: ANYBODY,
    Act.FACTOR_RECOVER: ANYBODY,
    # The watch floor.
    Act.WARNING_ANSWER: _FLOOR,
    Act.WARNING_HOLD: _FLOOR,
    Act.LOG_WRITE: _FLOOR,
    Act.REPORT_SAY: _WRITERS,
    Act.RECORD_READ: ANYBODY,
    Act.RECORD_RECALL: _FLOOR,
    Act.REQUEST_SAY: _FLOOR,
    Act.REQUEST_CLOSE: _FLOOR,
    Act.REQUIREMENT_SAY: _FLOOR,
    Act.REQUIREMENT_END: _FLOOR,
    Act.SUBSCRIPTION_CHANGE: ANYBODY,
    Act.CLAIM_SAY: _WRITERS,
    Act.COUNT_SAY: _WRITERS,
    Act.WARNING_APPROVE: _APPROVER,
    Act.WARNING_CANCEL: _APPROVER,
    Act.RULE_PROPOSE: _APPROVER,
    Act.RULE_AGREE: _APPROVER,
    Act.RULE_WITHDRAW: _APPROVER,
    Act.REHEARSAL_START: _FLOOR | _CONTROLLER,
    Act.REHEARSAL_END: _FLOOR | _CONTROLLER,
    Act.EXERCISE_START: _CONTROLLER,
    Act.REPLAY_START: _CONTROLLER | {Role.ANALYST},
    # Two persons: who may propose and who may be the second follows from the act that is proposed (`SECONDS`).
    Act.PROPOSAL_MAKE: _FLOOR | _SECURITY | _ADMINISTRATOR,
    Act.PROPOSAL_APPROVE: _APPROVER | _SECURITY | _ADMINISTRATOR,
    Act.PROPOSAL_WITHDRAW: _FLOOR | _SECURITY | _ADMINISTRATOR,
    Act.LABEL_LOWER: _FLOOR,
    Act.LABEL_TEAR: _FLOOR,
    Act.LABEL_CONSENT: _APPROVER,
    Act.PARTNER_EXCLUDE: _APPROVER | _SECURITY | _ADMINISTRATOR,
    Act.JOURNAL_ERASE: _SECURITY | _ADMINISTRATOR,
    Act.SETTING_CHANGE: _SECURITY | _ADMINISTRATOR,
    # People and machines.
    Act.SESSION_END: _SECURITY,
    Act.USER_ADD: _ADMINISTRATOR,
    Act.USER_CHANGE: _ADMINISTRATOR,
    Act.USER_REMOVE: _ADMINISTRATOR | _SECURITY,
    Act.USER_READMIT: _ADMINISTRATOR,
    Act.INVITATION_ADD: _ADMINISTRATOR,
    Act.INVITATION_REMOVE: _ADMINISTRATOR | _SECURITY,
    Act.CLIENT_ADD: _ADMINISTRATOR,
    Act.CLIENT_REMOVE: _ADMINISTRATOR | _SECURITY,
    Act.RECEIVER_ADD: _ADMINISTRATOR,
    Act.RECEIVER_RENEW: _ADMINISTRATOR,
    Act.RECEIVER_REMOVE: _ADMINISTRATOR | _SECURITY,
    Act.PARTNER_ADD: _ADMINISTRATOR,
    Act.PARTNER_REMOVE: _ADMINISTRATOR | _SECURITY,
    Act.PARTNER_CONFIRM: _ADMINISTRATOR | _SECURITY,
    Act.PARTNER_ROTATE: _ADMINISTRATOR | _SECURITY,
    Act.PARTNER_RECOVER: _ADMINISTRATOR | _SECURITY,
    Act.PARTNER_REVOKE: _ADMINISTRATOR | _SECURITY,
    Act.PARTNER_TEST: _ADMINISTRATOR | _SECURITY,
}
"""Acts by role. Those that the node or its operator alone does (`node:start`, ...) are not here."""

SECONDS: dict[Act, frozenset[Role]] = {
    Act.RULE_AGREE: _APPROVER,
    Act.LABEL_LOWER: _APPROVER,
    Act.LABEL_TEAR: _APPROVER,
    Act.PARTNER_EXCLUDE: _APPROVER | _SECURITY,
    Act.JOURNAL_ERASE: _SECURITY,
    Act.SETTING_CHANGE: _SECURITY,
}
"""What needs two persons, and who may be the second."""

SENSITIVE = frozenset(
    {
        Act.WARNING_APPROVE,
        Act.WARNING_CANCEL,
        Act.RULE_AGREE,
        Act.PROPOSAL_APPROVE,
        Act.PARTNER_ADD,
        Act.PARTNER_REMOVE,
        Act.PARTNER_EXCLUDE,
        Act.USER_ADD,
        Act.USER_CHANGE,
        Act.USER_REMOVE,
        Act.USER_READMIT,
        Act.INVITATION_ADD,
        Act.CLIENT_ADD,
        Act.RECEIVER_ADD,
        Act.RECEIVER_RENEW,
    }
)
"""What asks for a second factor proven within the last minutes, where the node is configured so."""

HUMAN = SENSITIVE | {Act.RULE_PROPOSE, Act.PROPOSAL_MAKE, Act.PROPOSAL_WITHDRAW, Act.SESSION_END}
"""What no machine client does, whatever its roles."""

PRIVILEGED = frozenset({Role.APPROVER, Role.SECURITY_OFFICER, Role.ADMINISTRATOR})


def may(roles: Iterable[Role], act: Act) -> bool:
    """Whether somebody with `roles` may do `act`; what the table does not name is nobody's."""
    return not MAY.get(act, frozenset()).isdisjoint(roles)


def names_of(act: Act) -> str:
    """The roles that may do `act`, as a refusal says them."""
    return " or ".join(sorted(MAY.get(act, frozenset()))) or "of the operator"
