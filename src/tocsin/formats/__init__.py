"""Bytes to observations and back: one module for each wire standard, pure functions under caps on bytes, rows and depth.

`recognise` and `parse` read what receivers and archives write (readsb, BaseStation, OpenSky); `columns` is the
form in which observations travel between nodes; `cap` is the alert that leaves the house. Nothing here opens a
file or a socket. A file that breaks gives what stood before the break, and one line that says what and where.
"""

from .errors import BadBatch, BadCap, BadFile, BrokenGzip, FileTooLarge, UnknownFormat
from .parsed import Caps, Parsed
from .reading import FORMATS, gunzip, parse, recognise

__all__ = [
    "FORMATS",
    "BadBatch",
    "BadCap",
    "BadFile",
    "BrokenGzip",
    "Caps",
    "FileTooLarge",
    "Parsed",
    "UnknownFormat",
    "gunzip",
    "parse",
    "recognise",
]
