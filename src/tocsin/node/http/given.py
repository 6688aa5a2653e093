"""What handlers are given by name: the node, its pages and acts, the reader who asks, and what the address says."""

from __future__ import annotations

from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, SkipValidation

from tocsin.node.acts import Acts
from tocsin.node.readers import Reader
from tocsin.node.rehearsal import Rehearsals
from tocsin.node.rules import Rules
from tocsin.node.screens import Screens
from tocsin.node.service import Node
from tocsin.node.warning_screens import WarningScreens

TheNode = NamedDependency[SkipValidation[Node]]
TheActs = NamedDependency[SkipValidation[Acts]]
TheScreens = NamedDependency[SkipValidation[Screens]]
TheWarnings = NamedDependency[SkipValidation[WarningScreens]]
TheRules = NamedDependency[SkipValidation[Rules]]
TheReader = NamedDependency[SkipValidation[Reader]]
TheRehearsal = NamedDependency[SkipValidation[Rehearsals]]
OfRealm = FromQuery[str]
ById = FromPath[str]
