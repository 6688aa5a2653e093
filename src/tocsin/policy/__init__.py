"""Who may have what: the lattice's decision with its reasons, and the views that readers of equal clearance share.

Pure functions over labels and clearances. Whatever is unknown, missing, malformed or erring is denied.
"""

from .community import Circle, Community, Equivalence, Member, read_community
from .errors import BadCommunity, BadPolicies
from .gate import OBSERVATIONS, READ, RECEIVE, RELEASE, TELL, Gate, Matter, matter_of
from .release import Decision, Release, decide
from .site import SitePolicies
from .standing import Standing
from .views import View, Views

__all__ = [
    "OBSERVATIONS",
    "READ",
    "RECEIVE",
    "RELEASE",
    "TELL",
    "BadCommunity",
    "BadPolicies",
    "Circle",
    "Community",
    "Decision",
    "Equivalence",
    "Gate",
    "Matter",
    "Member",
    "Release",
    "SitePolicies",
    "Standing",
    "View",
    "Views",
    "decide",
    "matter_of",
    "read_community",
]
