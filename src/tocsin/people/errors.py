"""Errors of people, one class for each condition.

Denied
    WrongCredentials    name or password
    TooManyAttempts     too many wrong ones, or too many at once
    NoSuchUser          nobody of that name
    LastAdministrator   someone must remain
    WrongFactor         a code or passkey that does not hold
    NoPending           the login that was begun is over
    FactorNeeded        a second factor has to be proven first
    NotByMachine        only a person does this
    NotYours            the role for this act is missing
    SamePerson          two persons are needed
    NotApproved         no approval of exactly this is there
    AlreadyDecided      a proposal that is not open any more
    BadLogin            the organisation's own login does not hold
InputError
    BadFactor           a factor that cannot be added
    NoPasskeysHere      the node's address is not configured
    BadUser             a name, password or role that is not taken
    UserExists          the name is somebody's
"""

from tocsin.core import Denied, InputError


class WrongCredentials(Denied):
    """Raised by `log_in`; it does not say which of the two was wrong."""

    def __init__(self) -> None:
        super().__init__("name or password is wrong")


class TooManyAttempts(Denied):
    """Raised by `log_in` before it looks at the password. `wait_s`: seconds until the next attempt counts."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        super().__init__(f"too many attempts: try again in {wait_s} s")


class NoSuchUser(Denied):
    """Raised if nobody here has that name."""

    def __init__(self) -> None:
        super().__init__("there is no user of that name")


class LastAdministrator(Denied):
    """Raised if the change would leave the node without an administrator."""

    def __init__(self) -> None:
        super().__init__("this is the last administrator: make another one first")


class BadUser(InputError):
    """Raised for a name, password or role that is not taken; the text says what is."""


class UserExists(InputError):
    """Raised if the name, read without case and accents' variants, is somebody's."""

    def __init__(self) -> None:
        super().__init__("there is a user of that name already, or of one that looks the same")


class WrongFactor(Denied):
    """Raised if a code or a passkey's answer does not hold, or was used before."""

    def __init__(self) -> None:
        super().__init__("that second factor does not hold: try the next code, or another factor")


class NoPending(Denied):
    """Raised if the login that a second factor is given for has expired, was tried too often, or was never begun."""

    def __init__(self) -> None:
        super().__init__("this login is over: begin again with the password")


class FactorNeeded(Denied):
    """Raised if an act needs a second factor proven within the last minutes. `ways`: how this user can."""

    def __init__(self, ways: tuple[str, ...] = ()) -> None:
        self.ways = ways
        super().__init__("prove your second factor again first" if ways else "this needs a second factor, and you have none yet")


class NotByMachine(Denied):
    """Raised if a machine client asks for what only a person does."""

    def __init__(self) -> None:
        super().__init__("only a person does this, not a machine client")


class NotYours(Denied):
    """Raised if somebody lacks the role for what they propose or approve."""

    def __init__(self, roles: str) -> None:
        super().__init__(f"this needs the role {roles}")


class SamePerson(Denied):
    """Raised if the one who approves is the one who proposed, through whatever account."""

    def __init__(self) -> None:
        super().__init__("this needs two persons: somebody else has to approve")


class NotApproved(Denied):
    """Raised if exactly this was not approved: nobody did, it has expired, it was done already, or something else was."""

    def __init__(self) -> None:
        super().__init__("exactly this is not approved: look at it again, and propose it anew if it changed")


class AlreadyDecided(Denied):
    """Raised if a proposal is not open any more."""

    def __init__(self, state: str) -> None:
        super().__init__(f"this proposal is {state} already")


class BadLogin(Denied):
    """Raised if what the organisation's own login says does not hold; the text names the check, never what was in the token."""


class BadFactor(InputError):
    """Raised for a factor that cannot be added; the text says why."""


class NoPasskeysHere(InputError):
    """Raised if the node's own address, which passkeys are bound to, is not configured."""

    def __init__(self) -> None:
        super().__init__("passkeys need the console's address: set `origin` under [people] in node.toml")
