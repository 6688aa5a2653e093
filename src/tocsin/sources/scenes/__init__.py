"""Scenes: made air pictures with a known truth, for trying a watch on what it has never seen.

An operation or a look-alike is flown by plain kinematics within published performance envelopes, mixed into
recorded traffic that was moved in time and place, and thinned like a real feed. `make` draws everything from one
seed; `write_scene` and `read_scene` keep the plain form that anyone may write: a CSV of rows and a JSON of truth.
"""

from .form import PlainScene, Truth, read_scene, scene_names, write_scene
from .making import KINDS, Knobs, make

__all__ = ["KINDS", "Knobs", "PlainScene", "Truth", "make", "read_scene", "scene_names", "write_scene"]
