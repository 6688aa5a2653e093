"""What holds for the tests of a node."""

import pytest

from tocsin.journal import Cost


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords():
    """Passwords that cost little to check, in this process: what guessing one costs is tried in tests/people and tests/journal."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tocsin.people.service.Cost", lambda: Cost(passes=1, memory_kib=8, lanes=1))
        yield
