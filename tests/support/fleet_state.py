"""A fleet state in a mesh, for tests of what it says."""

from meshward.status.samples import Sample
from meshward.status.state import FleetState

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US


def a_fleet(parents=None, now_us=0):
    """The state of a mesh like this; of none that is in sight where no parents are given."""
    state = FleetState()
    if parents is not None:
        state.on_tree(parents, now_us)
    return state


def told(node, source="604", *, age_us=0, told_by=None, **values):
    """A sample with these values."""
    return Sample(node, source, values, age_us=age_us, told_by=told_by)
