import math

import msgspec
import pytest

from meshward.errors import RolloutError
from meshward.rollout.spec import RolloutSpec, Target, Transfer, push_spec
from meshward.rollout.validate import check_spec

SPEC = {
    "name": "Firmware 2.0",
    "images": ["a" * 64],
    "target": {"roles": ["sensor"]},
    "waves": [{"name": "canary", "size": "5%"}, {"name": "everyone"}],
    "windows": [{"zone": "Europe/Berlin"}],
    "health": {},
    "transfer": {},
}


def changed(path, value):
    """The sample with the value at a path like `waves.0.soak_s` replaced, as a typed spec."""
    raw = msgspec.json.decode(msgspec.json.encode(SPEC))
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner = raw
    for step in steps:
        inner = inner[step]
    inner[last] = value
    return msgspec.convert(raw, RolloutSpec)


def test_the_sample_and_a_plain_push_are_fine():
    check_spec(msgspec.convert(SPEC, RolloutSpec))
    check_spec(push_spec("push", "a" * 64, Target(roles=("sensor",)), Transfer()))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "Küche, 2. Stock"),
        ("notes", "first line\n\tsecond line"),
        ("start_at", "2026-03-01T02:00:00Z"),
        ("failure_budget", "3"),
        ("target.nodes", [1, 0xFFFF_FFFF]),
        ("waves.0.nodes", [5, 6]),
        ("waves.0.soak_s", 0.0),
        ("waves.0.soak_s", 30 * 86400.0),
        ("transfer.part_bytes", 64),
        ("transfer.part_bytes", 16384),
        ("waves", [{"name": f"wave {n}", "size": "1"} for n in range(20)]),
    ],
)
def test_what_is_allowed(path, value):
    check_spec(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("name", "", r"name has 0 characters; give 1 to 100"),
        ("name", " ", r"name ' ' cannot be shown"),
        ("name", "x" * 101, r"name has 101 characters"),
        ("name", "a\x1b[2Jb", r"name .* cannot be shown on one line"),
        ("notes", "x" * 4001, r"notes has 4001 characters"),
        ("notes", "\x07", r"notes has control characters"),
        ("images", [], r"images is empty; give at least 1"),
        ("images", ["a", "a"], r"images\[1\]: 'a' is there twice"),
        ("images", ["a" * 65], r"images\[0\] has 65 characters"),
        ("rollback_to", [""], r"rollback_to\[0\] has 0 characters"),
        ("target.roles", [], r"target.roles is empty"),
        ("target.roles", ["x\n"], r"target.roles\[0\]"),
        ("target.tags", ["t"] * 1001, r"target.tags has 1001 entries; give at most 1000"),
        ("target.nodes", [0], r"target.nodes\[0\] is 0; give 1 to 4294967295"),
        ("target.nodes", [1 << 32], r"target.nodes\[0\] is 4294967296"),
        ("target.exclude", [-1], r"target.exclude\[0\] is -1"),
        ("target.nodes", [7, 8, 7], r"target.nodes\[2\]: 7 is there twice"),
        ("waves", [], r"waves is empty"),
        ("waves", [{"name": f"{n}"} for n in range(21)], r"waves has 21 entries; give at most 20"),
        ("waves", [{"name": "a"}, {"name": "a"}], r"waves\[1\].name: 'a' is there twice"),
        (
            "waves",
            [{"name": "a", "nodes": [5]}, {"name": "b", "nodes": [5]}],
            r"node 5 is in wave 'a' already",
        ),
        ("waves.0.name", "x" * 65, r"waves\[0\].name has 65 characters; give 1 to 64"),
        ("waves.0.size", "some", r"waves\[0\].size: 'some' is not an amount of nodes: write it as 3 or 10%"),
        ("waves.0.size", "0", r"waves\[0\].size: a wave of no nodes; give at least 1"),
        ("waves.0.size", "0%", r"waves\[0\].size: a wave of no nodes"),
        ("waves.1.errors_max", "", r"waves\[1\].errors_max: '' is not an amount"),
        ("waves.1.success_min", "110%", r"waves\[1\].success_min: '110%' is more than all"),
        ("waves.0.soak_s", -1.0, r"waves\[0\].soak_s is -1.0; give 0 to 2592000"),
        ("waves.0.soak_s", 30 * 86400.0 + 1, r"waves\[0\].soak_s"),
        ("waves.0.soak_s", math.nan, r"waves\[0\].soak_s is nan"),
        ("waves.0.soak_s", math.inf, r"waves\[0\].soak_s is inf"),
        ("waves.0.errors_sample_min", -1, r"waves\[0\].errors_sample_min"),
        ("waves.0.error_classes", [], r"waves\[0\].error_classes is empty, so nothing would count"),
        ("waves.0.batch", -1, r"waves\[0\].batch"),
        ("waves.0.batch_growth", 0.5, r"waves\[0\].batch_growth"),
        ("waves.0.batch_growth", math.nan, r"waves\[0\].batch_growth"),
        ("waves.0.nodes", [0], r"waves\[0\].nodes\[0\]"),
        ("failure_budget", "many", r"failure_budget: 'many' is not an amount"),
        ("health.restarts_max", -1, r"health.restarts_max"),
        ("health.absence_max_s", 0.0, r"health.absence_max_s"),
        ("health.absence_max_s", math.inf, r"health.absence_max_s"),
        ("health.delay_factor_max", 0.9, r"health.delay_factor_max"),
        ("health.heap_ratio_min", 1.1, r"health.heap_ratio_min"),
        ("health.heap_ratio_min", math.nan, r"health.heap_ratio_min"),
        ("start_at", "2026-03-01T02:00:00", r"start_at: .* date, time and offset"),
        ("windows", [{}] * 51, r"windows has 51 entries"),
        ("windows.0.zone", "Mars/Olympus", r"windows\[0\]: 'Mars/Olympus' is not a time zone"),
        ("windows.0.start", "25:00", r"windows\[0\]: '25:00' is not a time of day"),
        ("windows.0.days", [], r"windows\[0\]: a window without days"),
        ("absent_wait_s", -1.0, r"absent_wait_s"),
        ("absent_wait_s", math.nan, r"absent_wait_s"),
        ("transfer.part_bytes", 63, r"transfer.part_bytes is 63; give 64 to 16384"),
        ("transfer.part_bytes", 16385, r"transfer.part_bytes"),
        ("transfer.window", 0, r"transfer.window"),
        ("transfer.concurrency", 0, r"transfer.concurrency"),
        ("transfer.backlog_bytes", -5, r"transfer.backlog_bytes"),
    ],
)
def test_a_refusal_names_the_field_and_the_remedy(path, value, problem):
    with pytest.raises(RolloutError, match=problem):
        check_spec(changed(path, value))
