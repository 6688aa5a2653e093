"""Observations to tracks: one picture for each realm and view, and the archive of what was observed.

A picture takes only what its view may read. It is columns throughout: no object for a plot or a track.
"""

from .service import Picture
from .tracks import Counts, Delta, Tracks

__all__ = ["Counts", "Delta", "Picture", "Tracks"]
