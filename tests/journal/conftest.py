"""Journals in folders of their own, closed after each test."""

import pytest
from tests.journal.helpers import opened


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def journal(tmp_path, anyio_backend):
    journal = await opened(tmp_path / "node")
    yield journal
    await journal.close()
