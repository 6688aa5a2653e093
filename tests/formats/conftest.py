"""Ways to parse, and the real recordings: the shared folder beside the checkout, and the samples out of a package."""

import json
from pathlib import Path

import pytest

from tocsin.core import InputError, Label
from tocsin.formats import Caps, parse
from tocsin.sources.samples import sample

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
LABEL = Label("p", 1, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"}))


@pytest.fixture
def label():
    return LABEL


@pytest.fixture
def read():
    """Parse bytes, or whatever JSON can be made of; every answer is looked at for what must hold of all."""

    def run(data, format, **options):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        parsed = parse(data, format, **{"feed": "f", "realm": "live", "label": LABEL, "name": "a file", "caps": Caps()} | options)
        assert parsed.rows >= len(parsed.observations)
        assert all(count > 0 for count in (*parsed.skipped.values(), *parsed.nulled.values()))
        if parsed.error is not None:
            assert isinstance(parsed.error, InputError)
            assert "\n" not in str(parsed.error)
            assert len(str(parsed.error)) < 400
        return parsed

    return run


@pytest.fixture(scope="session")
def shared():
    """A file of the shared folder, or a skip that says so."""

    def find(name):
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"no recording {name}: the folder shared/data is not beside this checkout")
        return path

    return find


@pytest.fixture(scope="session")
def samples():
    """A sample recording, fetched once into the checkout's cache."""
    return lambda name: sample(name, ROOT / ".cache" / "samples")
