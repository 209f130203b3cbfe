"""What all tests share: Hypothesis profiles, and the seed of a randomised run."""

import os

import pytest
from structlog.testing import capture_logs

from tests.support import profiles

profiles.load()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    if profiles.CHOSEN == "long" and config.option.timeout is None:
        config.option.timeout = profiles.LONG_TIMEOUT_S


@pytest.fixture
def seed():
    """The run's seed: MESHWARD_SEED, or 1. A failing test shows it, and with it the run repeats exactly."""
    value = int(os.environ.get("MESHWARD_SEED", "1"))
    print(f"MESHWARD_SEED={value}")  # noqa: T201 pytest shows it with a failure
    return value


@pytest.fixture
def logged():
    """What is logged meanwhile, as one text when called, wherever another test made the log go."""
    with capture_logs() as lines:
        yield lambda: "\n".join(" ".join(f"{key}={value}" for key, value in line.items()) for line in lines)
