"""The measurements work; how fast anything is, no test says."""

import json

import pytest

from bench import __main__ as bench
from bench import gateway_rollout, relay, update, world
from bench.frames import CASES, SINKS, chunks, frame
from bench.gateway_load import percentile_99, summary
from bench.settings import Settings
from bench.sync_traffic import join_bytes
from bench.table import Table
from bench.update_case import Case, floor_seconds, run
from meshward.ota.parts import Parts
from meshward.topologies import parents

TINY = Settings(scale=0.001)


def test_frames_have_the_size_they_say_and_differ():
    for _, kind, size_bytes, copies in CASES:
        assert len(frame(kind, size_bytes)) == size_bytes
        assert 1 <= copies <= len(SINKS)
        frames = b"".join(chunks(kind, size_bytes)).split(b"\0")[:-1]
        assert len(set(frames)) == len(frames)


def test_the_core_relays_every_case():
    (table,) = relay.measure(TINY)
    assert [row[0] for row in table.rows] == [case[0] for case in CASES]
    assert all(value > 0 for row in table.rows for value in row[1:])


def test_the_world_moves_under_every_load():
    (table,) = world.measure(TINY, nodes=3)
    assert all(simulated > 0 for _, simulated, _ in table.rows)


def test_a_join_costs_more_in_a_larger_mesh():
    few_own, few_all = join_bytes(3)
    many_own, many_all = join_bytes(9)
    assert 0 < few_own < many_own
    assert few_own < few_all < many_all


@pytest.mark.parametrize(("strategy", "part_bytes", "has_loop"), update.WAYS)
def test_an_update_reaches_every_board_and_is_not_faster_than_its_floor(strategy, part_bytes, has_loop):
    outcome = run(Case(3, "chain", strategy, part_bytes, image_bytes=8 * 1024, sender_has_loop=has_loop))
    assert outcome.boards_done == 3
    assert outcome.floor_seconds < outcome.seconds
    assert 0 < outcome.efficiency < 1


def test_an_update_that_costs_too_much_is_given_up():
    case = Case(2, "star", "sequential", image_bytes=8 * 1024, actions_max=10)
    (table,) = update.measure(TINY, [case])
    assert table.rows[0][4] == "given up, 0 of 2 done"


def test_the_floor_counts_the_copies_on_each_link():
    parts = Parts(bytes(100 * 1024), 1024)  # 100 frames of 4 passes
    one_to_one = Case(4, "chain", "sequential")
    assert floor_seconds(one_to_one, parts, parents("chain", 4)) == 3 * 4.0
    assert floor_seconds(one_to_one, parts, parents("star", 4)) == 4.0
    assert (
        floor_seconds(Case(4, "chain", "stock", sender_has_loop=True), parts, parents("chain", 4)) == 4 * 4.0
    )
    assert floor_seconds(Case(4, "chain", "broadcast"), parts, parents("chain", 4)) == 4.0


def test_the_table_of_updates_has_every_mesh():
    usual, full = update.cases_of(full=False), update.cases_of(full=True)
    assert len(full) == (1 + 4 * 4) * len(update.WAYS)
    assert {(case.nodes, case.topology) for case in usual} == {(case.nodes, case.topology) for case in full}
    assert set(update.MEASURED_S) <= {(case.nodes, case.topology) for case in usual}


def test_rollouts_end_and_are_stored():
    rollouts, writes = gateway_rollout.measure(TINY, nodes=8, stored_nodes=20)
    assert [row[0] for row in rollouts.rows] == [words for words, _ in gateway_rollout.CASES]
    assert all(value > 0 for row in rollouts.rows for value in row[1:])
    assert {row[0] for row in writes.rows} == {"memory", "file"}
    assert all(value > 0 for row in writes.rows for value in row[2:])


def test_of_many_requests_one_in_a_hundred_may_be_slow():
    assert percentile_99([0.001] * 99 + [1.0]) == 0.001
    assert percentile_99([0.001] * 98 + [1.0] * 2) == 1.0
    assert percentile_99([0.5]) == 0.5
    assert summary([0.003, 0.001, 0.002]) == (3, 2.0, 3.0, 3.0)


def test_a_table_prints_as_markdown_with_its_command():
    table = Table("Speed", ("what", "frames/s"), [("core", 12345.6), ("TCP", None)], ("A note.",))
    assert table.text("make bench ARGS=x").splitlines() == [
        "### Speed",
        "",
        "`make bench ARGS=x`",
        "",
        "| what | frames/s |",
        "| ---- | -------: |",
        "| core |   12,346 |",
        "| TCP  |          |",
        "",
        "A note.",
    ]


def test_named_measurements_only_are_run_and_printed(capsys):
    assert bench.main(["relay", "--scale", "0.001"]) == 0
    printed = capsys.readouterr().out
    assert '`make bench ARGS="relay --scale 0.001"`' in printed
    assert printed.count("###") == 1


def test_json_is_one_object(capsys):
    assert bench.main(["relay", "--json", "--scale", "0.001"]) == 0
    results = json.loads(capsys.readouterr().out)["measurements"]
    assert results.keys() == {"relay"}
    assert results["relay"][0]["rows"][0]["frame"] == "SINGLE 200 B"


def test_list_names_every_measurement(capsys):
    assert bench.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(bench.MEASUREMENTS)


def test_an_unknown_name_is_refused(capsys):
    with pytest.raises(SystemExit):
        bench.main(["nonsense"])
    assert "nonsense" in capsys.readouterr().err
