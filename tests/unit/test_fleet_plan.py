import pytest

from meshward.errors import FleetError
from meshward.fleet.fleet import VirtualFleet
from meshward.fleet.lines import LineSplitter
from meshward.fleet.plan import FleetPlan


def test_node_0_is_the_top_and_every_other_dials_its_parent():
    assert FleetPlan(nodes=6, topology="tree", fan_out=2).parents() == [None, 0, 0, 1, 1, 2]


def test_a_random_mesh_is_a_function_of_its_seed():
    def mesh(seed):
        return FleetPlan(nodes=50, topology="random", seed=seed).parents()

    assert mesh(1) == mesh(1) != mesh(2)


def test_a_main_loop_is_as_slow_as_a_boards_where_not_said():
    assert FleetPlan().loop is None
    assert FleetPlan(loop_ms=20).loop.write_bytes == 511
    assert FleetPlan(bytes_per_loop=100).loop.period_us == 10_000


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        ({"nodes": 1001}, "1000 at most"),
        ({"nodes": 0}, "at least one node"),
        ({"fan_out": 0}, "fan-out"),
        ({"topology": "ring"}, "unknown topology"),
        ({"port": 65_530}, "65535"),
        ({"port": 0}, "65535"),
        ({"first_id": 0}, "4294967295"),
        ({"first_id": 2**32 - 5}, "4294967295"),
        ({"loop_ms": 0}, "main loop"),
        ({"bytes_per_loop": -1}, "main loop"),
        ({"nodes": 200, "topology": "chain"}, "125 hops"),
    ],
)
def test_impossible_plans_are_refused(plan, complaint):
    with pytest.raises(FleetError, match=complaint):
        VirtualFleet(FleetPlan(**plan))


def test_lines_are_cut_wherever_the_bytes_are_split():
    for size in (1, 3, 100):
        lines = []
        splitter = LineSplitter(lines.append)
        text = "drop 1005\nrestart 1005\n\xff\nquit".encode("latin-1")
        for start in range(0, len(text), size):
            splitter.feed(text[start : start + size])
        splitter.feed(b"")
        assert lines == ["drop 1005", "restart 1005", "\N{REPLACEMENT CHARACTER}", "quit"]


def test_a_line_without_end_stays_bounded():
    lines = []
    splitter = LineSplitter(lines.append)
    for _ in range(100):
        splitter.feed(b"x" * 4096)
    splitter.feed(b"\n")
    assert len(lines[0]) <= 2 * 4096
