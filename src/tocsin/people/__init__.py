"""Who the node's own people are: users, roles, clearances, sessions, and the audit of what they did.

A credential goes in, a reader comes out. What is refused is refused in the same words and after the same
work, whether the name was wrong or the password.
"""

from .errors import (
    BadFactor,
    BadUser,
    FactorNeeded,
    LastAdministrator,
    NoPasskeysHere,
    NoPending,
    NoSuchUser,
    NotByMachine,
    TooManyAttempts,
    UserExists,
    WrongCredentials,
    WrongFactor,
)
from .model import Act, Done, Factor, OpenSession, Pending, Role, Security, Session, User
from .roles import HUMAN, MAY, SECONDS, SENSITIVE, may
from .service import People

__all__ = [
    "HUMAN",
    "MAY",
    "SECONDS",
    "SENSITIVE",
    "Act",
    "BadFactor",
    "BadUser",
    "Done",
    "Factor",
    "FactorNeeded",
    "LastAdministrator",
    "NoPasskeysHere",
    "NoPending",
    "NoSuchUser",
    "NotByMachine",
    "OpenSession",
    "Pending",
    "People",
    "Role",
    "Security",
    "Session",
    "TooManyAttempts",
    "User",
    "UserExists",
    "WrongCredentials",
    "WrongFactor",
    "may",
]
