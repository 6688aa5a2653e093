"""Who may have what: the lattice's decision with its reasons, and the views that readers of equal clearance share.

Pure functions over labels and clearances. Whatever is unknown, missing, malformed or erring is denied.
"""

from .community import Circle, Community, Equivalence, Member, read_community
from .errors import BadCommunity, BadPolicies
from .release import Decision, Release, decide
from .views import View, Views

__all__ = [
    "BadCommunity",
    "BadPolicies",
    "Circle",
    "Community",
    "Decision",
    "Equivalence",
    "Member",
    "Release",
    "View",
    "Views",
    "decide",
    "read_community",
]
