"""Who may have what: the lattice's decision with its reasons, and the views that readers of equal clearance share.

Pure functions over labels and clearances. Whatever is unknown, missing, malformed or erring is denied.
"""

from .release import Decision, Release, decide
from .views import View, Views

__all__ = ["Decision", "Release", "View", "Views", "decide"]
