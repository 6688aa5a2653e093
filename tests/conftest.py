"""What holds for all tests."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: their driver keeps an event loop in the process, beside which no other can run."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
