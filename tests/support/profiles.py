"""Hypothesis profiles: `ci` on every change, `long` when somebody goes looking (MESHWARD_HYPOTHESIS=long)."""

import os

from hypothesis import HealthCheck, settings

NAMES = ("ci", "long")
CHOSEN = os.environ.get("MESHWARD_HYPOTHESIS", "ci")
LONG_TIMEOUT_S = 4 * 3600


def examples(ci: int, long: int) -> int:
    """How many examples a test asks for: `@settings(max_examples=examples(200, long=100_000))`."""
    return long if CHOSEN == "long" else ci


def load() -> None:
    """Registers the profiles and loads the chosen one."""
    if CHOSEN not in NAMES:
        raise ValueError(f"MESHWARD_HYPOTHESIS is {CHOSEN!r}; it can be {' or '.join(NAMES)}")
    # No deadline and no too_slow check: both judge the machine's load, not the code.
    common = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile("ci", derandomize=True, max_examples=100, **common)
    settings.register_profile("long", max_examples=2000, **common)
    settings.load_profile(CHOSEN)
