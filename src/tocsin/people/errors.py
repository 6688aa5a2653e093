"""Errors of people, one class for each condition.

Denied
    WrongCredentials    name or password
    TooManyAttempts     too many wrong ones, or too many at once
    NoSuchUser          nobody of that name
    LastAdministrator   someone must remain
InputError
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
