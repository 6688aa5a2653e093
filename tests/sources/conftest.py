from pathlib import Path

import pytest

from tocsin.sources import sample


@pytest.fixture(scope="session")
def cache():
    """The checkout's cache of samples, which all workers and runs share."""
    return Path(__file__).parents[2] / ".cache" / "samples"


@pytest.fixture(scope="session")
def wheel(cache):
    """The package's wheel, as the first sample left it."""
    sample("noisy/noisy_landing.json.gz", cache)
    return next(cache.glob("traffic-*.whl"))
