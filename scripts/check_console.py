"""Check the console's types, strictly; says nothing when all is well."""

from __future__ import annotations

import sys

from build_console import ConsoleBuildError, run_script

if __name__ == "__main__":
    try:
        result = run_script("check")
    except ConsoleBuildError as error:
        sys.exit(str(error))
    if result.returncode:
        sys.exit(result.stdout + result.stderr)
