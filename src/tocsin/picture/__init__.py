"""Observations to tracks: one picture for each realm and view, and the archive of what was observed.

A picture takes only what its view may read. It is columns throughout: no object for a plot or a track.
"""

from .archive import CIVIL_HOURS, Archive
from .service import Picture
from .tracks import Counts, Delta, Tracks

__all__ = ["CIVIL_HOURS", "Archive", "Counts", "Delta", "Picture", "Tracks"]
