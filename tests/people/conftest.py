"""People over a real journal, with passwords that are cheap to check."""

import pytest
from tests.journal.helpers import CHEAP, opened, vault_of
from tests.people.helpers import START

from tocsin.core import ManualClock, SeededEntropy
from tocsin.people import People


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
async def journal(tmp_path, clock, anyio_backend):
    journal = await opened(tmp_path / "node", clock)
    yield journal
    await journal.close()


@pytest.fixture
async def people(journal, clock, tmp_path):
    return People(journal, clock, SeededEntropy(3), cost=CHEAP, vault=vault_of(tmp_path / "node"))
