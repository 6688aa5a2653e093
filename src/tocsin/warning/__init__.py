"""The warning room: tracks become findings, findings an assessment, an assessment a warning.

Detectors (entry points of `tocsin.detectors`) look at the picture and say what they see as episodes. A topic file
says what each is worth under each hypothesis; a hidden-Markov filter makes probabilities of it; a ladder of
levels rings. Everything runs once per realm, view and topic (`Watch`), from tracks and times that are handed in.
`lifecycle` holds the steps that people take with a warning, as pure functions.
"""

from . import lifecycle
from .assess import Assessment, FeedState, IndicatorState
from .desk import Offer
from .detectors import Detector, detector_class, detector_names
from .episodes import Episode, Sighting, Timing
from .errors import BadStep, BadTopic, NotAgreed, StaysHere
from .lifecycle import Rule
from .model import Hypothesis, Indicator, Level, Place, Topic
from .scene import Scene
from .service import Said, Step, Watch
from .topics import read_topic, shipped, topic_schema

__all__ = [
    "Assessment",
    "BadStep",
    "BadTopic",
    "Detector",
    "Episode",
    "FeedState",
    "Hypothesis",
    "Indicator",
    "IndicatorState",
    "Level",
    "NotAgreed",
    "Offer",
    "Place",
    "Rule",
    "Said",
    "Scene",
    "Sighting",
    "StaysHere",
    "Step",
    "Timing",
    "Topic",
    "Watch",
    "detector_class",
    "detector_names",
    "lifecycle",
    "read_topic",
    "shipped",
    "topic_schema",
]
