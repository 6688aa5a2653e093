"""Who the node's own people are: users, roles, clearances, sessions, and the audit of what they did.

A credential goes in, a reader comes out. What is refused is refused in the same words and after the same
work, whether the name was wrong or the password.
"""

from .approvals import Approvals, Proposal
from .clients import Client
from .errors import (
    AlreadyDecided,
    BadFactor,
    BadLogin,
    BadUser,
    FactorNeeded,
    LastAdministrator,
    NoPasskeysHere,
    NoPending,
    NoSuchUser,
    NotApproved,
    NotByMachine,
    NotYours,
    SamePerson,
    TooManyAttempts,
    UserExists,
    WrongCredentials,
    WrongFactor,
)
from .invitations import Invitation
from .model import Act, Done, Factor, OpenSession, Pending, Role, Security, Session, User
from .receivers import Receiver
from .roles import HUMAN, MAY, SECONDS, SENSITIVE, may
from .service import People
from .tellings import Telling

__all__ = [
    "HUMAN",
    "MAY",
    "SECONDS",
    "SENSITIVE",
    "Act",
    "AlreadyDecided",
    "Approvals",
    "BadFactor",
    "BadLogin",
    "BadUser",
    "Client",
    "Done",
    "Factor",
    "FactorNeeded",
    "Invitation",
    "LastAdministrator",
    "NoPasskeysHere",
    "NoPending",
    "NoSuchUser",
    "NotApproved",
    "NotByMachine",
    "NotYours",
    "OpenSession",
    "Pending",
    "People",
    "Proposal",
    "Receiver",
    "Role",
    "SamePerson",
    "Security",
    "Session",
    "Telling",
    "TooManyAttempts",
    "User",
    "UserExists",
    "WrongCredentials",
    "WrongFactor",
    "may",
]
