"""The world to observations: live feeds, replayed recordings, simulated transports.

A feed hands whole batches of columns to `emit` and says how it is; it never makes an object for a single
observation. What lies outside the node's area fence stops here.
"""

from .samples import SWITZERLAND, sample

__all__ = ["SWITZERLAND", "sample"]
