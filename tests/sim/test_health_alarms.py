"""Alerts of whole meshes in virtual time; other seeds with MESHWARD_SEEDS="1-20", all of it in `bench alarms`."""

import os

import pytest

from bench import alarms
from tests.sim import health_cases as cases
from tests.sim.health_nodes import ESP32, ESP8266
from tests.sim.health_scenes import DAY, HealthScene


def each_seed(count=1):
    first, _, last = os.environ.get("MESHWARD_SEEDS", f"100-{99 + count}").partition("-")
    return pytest.mark.parametrize("seed", range(int(first), int(last or first) + 1))


@each_seed()
def test_a_mesh_without_a_fault_is_quiet_through_days_and_an_update(seed):
    scene = HealthScene(f"test/{seed}", 5, weekday=4)
    cases.live(scene, 1.5)
    assert [(told.rules, told.nodes) for told in scene.firing()] == []
    assert all(node.image == cases.IMAGES[1] for node in scene.nodes.values())


@each_seed(3)
def test_a_board_without_power_is_told_within_90_s(seed):
    outcome = cases.silence(seed)
    assert outcome.after_s is not None
    assert outcome.after_s <= 95
    assert outcome.surplus == 0


@each_seed()
@pytest.mark.parametrize("ways", ["elsewhere", "minutes", "never"])
def test_a_dead_relay_with_30_behind_it_is_one_notification(seed, ways):
    outcome = cases.parent_dies(seed, ways)
    assert outcome.after_s is not None
    assert outcome.after_s <= 95
    assert len(outcome.told) == 1


@each_seed(2)
@pytest.mark.parametrize(
    ("fault", "within_s"),
    [
        (cases.split, 75),
        (cases.crash_loop, 30),
        (cases.weak_link, 900),
        (cases.low_heap, 300),
        (cases.moving, 135),
        (cases.storm, 480),
        (cases.cut_off, 75),
    ],
)
def test_a_fault_is_told_once_and_in_time(fault, within_s, seed):
    outcome = fault(seed)
    assert outcome.after_s is not None
    assert 0 <= outcome.after_s <= within_s
    assert outcome.surplus == 0


@each_seed()
def test_a_leak_is_told_a_day_before_the_end_where_there_is_one(seed):
    outcome = cases.leak(seed, ESP8266, 400)
    assert outcome.early_h >= 24
    assert outcome.surplus == 0


@each_seed()
def test_a_fast_leak_is_told_before_half_of_the_heap_is_gone(seed):
    outcome = cases.leak(seed, ESP8266, 2000)
    assert outcome.early_h >= outcome.end_h / 2


@each_seed()
@pytest.mark.parametrize("bytes_per_h", [800, 2000])
def test_slow_leaks_of_large_heaps_are_told_as_well(bytes_per_h, seed):
    assert cases.leak(seed, ESP32, bytes_per_h).early_h >= 24


def test_runs_replay():
    first, second = (cases.live(HealthScene("replay", 3), 0.1) for _ in range(2))
    assert first.monitor.facts.nodes == second.monitor.facts.nodes
    assert first.now_s == pytest.approx(0.1 * DAY)


def test_the_tables_tell_what_came_of_it():
    quiet = alarms.false_alarms(((2, 2),), 0.05).as_dict()["rows"]
    assert [(row["mesh-weeks"], row["told"]) for row in quiet] == [(pytest.approx(0.1 / 7), 0)]
    (fault,) = alarms.faults(alarms.FAULTS[-1:], 2).as_dict()["rows"]
    assert (fault["in time %"], fault["others told"]) == (100, 0)
    assert 60 < fault["median s"] <= fault["worst s"] <= 75
    (leak,) = alarms.leaks([(ESP8266, 20_000)], 1).as_dict()["rows"]
    assert leak["lives h"] < 2
    assert leak["24 h before %"] == 0
