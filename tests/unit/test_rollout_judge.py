"""What nodes are forgiven in a rollout that lasts for days."""

import pytest

from meshward.ota.states import NodeState
from meshward.rollout import judge
from meshward.rollout.documents import NodeEntry, RolloutDoc, WaveEntry
from meshward.rollout.health import HealthBook
from meshward.rollout.spec import RolloutSpec, Target, Wave
from meshward.rollout.states import RolloutState
from meshward.rollout.surroundings import Surroundings

HOUR_US = 3_600_000_000
MESH = {1: None, 2: 1}


def watched(restarts, hours):
    """The verdicts on a node that restarted so often in so many hours."""
    health = HealthBook()
    health.on_tree(MESH, 0)
    health.mark_updated(2, 0)
    for restart in range(restarts):
        at_us = (restart + 1) * 60_000_000
        health.on_tree({1: None}, at_us)
        health.on_tree(MESH, at_us + 1_000_000)
    entry = NodeEntry(node=2, hardware="ESP32", wave=0, state=NodeState.COMPLETED, completed_us=0)
    spec = RolloutSpec(
        name="x", images=("i",), target=Target(roles=("sensor",)), waves=(Wave(name="all", soak_s=60.0),)
    )
    doc = RolloutDoc(id="r1", spec=spec, state=RolloutState.UPDATING, waves=[WaveEntry()], nodes=[entry])
    around = Surroundings(int(hours * HOUR_US), 0.0, MESH, {1: 1, 2: 2}, {}, health)
    return [failed.node for failed in judge.fail_sick(doc, around)]


@pytest.mark.parametrize(
    ("restarts", "hours", "failed"),
    [(1, 1, False), (2, 1, True), (2, 11, True), (2, 13, False), (3, 13, True), (3, 25, False)],
)
def test_one_more_restart_is_forgiven_for_each_half_day(restarts, hours, failed):
    assert watched(restarts, hours) == [2] * failed
