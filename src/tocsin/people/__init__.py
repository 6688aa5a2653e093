"""Who the node's own people are: users, roles, clearances, sessions, and the audit of what they did.

A credential goes in, a reader comes out. What is refused is refused in the same words and after the same
work, whether the name was wrong or the password.
"""

from .errors import BadUser, LastAdministrator, NoSuchUser, TooManyAttempts, UserExists, WrongCredentials
from .model import Act, Done, Role, Session, User
from .service import People

__all__ = [
    "Act",
    "BadUser",
    "Done",
    "LastAdministrator",
    "NoSuchUser",
    "People",
    "Role",
    "Session",
    "TooManyAttempts",
    "User",
    "UserExists",
    "WrongCredentials",
]
