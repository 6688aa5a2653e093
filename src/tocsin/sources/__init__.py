"""The world to observations: live feeds, replayed recordings, simulated transports.

A feed hands whole batches of columns to `emit` and says how it is; it never makes an object for a single
observation. What lies outside the node's area fence stops here.
"""

from .fence import Fence
from .files import Loaded, load
from .flights import Retimed, retime, retimed
from .model import Feed, FeedStatus
from .playback import Playback, paced
from .poll import Poll
from .samples import SWITZERLAND, sample
from .sbs import Sbs

__all__ = [
    "SWITZERLAND",
    "Feed",
    "FeedStatus",
    "Fence",
    "Loaded",
    "Playback",
    "Poll",
    "Retimed",
    "Sbs",
    "load",
    "paced",
    "retime",
    "retimed",
    "sample",
]
