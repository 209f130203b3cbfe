import json

import pytest

from meshward.rollout.health import NODES_MAX, HealthBook
from meshward.rollout.spec import Health
from meshward.rollout.states import ErrorClass
from meshward.rollout.vitals import SAMPLES_MAX

SOAK_S = 300
LIMITS = Health()
#: 1 - (2 - 3, 4): node 1 hangs below us, and so does 9.
MESH = {1: None, 2: 1, 3: 2, 4: 1, 9: None}


class Watch:
    """A book and its clock, in seconds."""

    def __init__(self, mesh=MESH):
        self.book = HealthBook()
        self.mesh = dict(mesh)
        self.now_s = 0
        self.see()

    @property
    def now_us(self):
        return int(self.now_s * 1e6)

    def see(self, *, without=(), **moved):
        parents = {node: parent for node, parent in self.mesh.items() if node not in without}
        self.book.on_tree(parents | {int(node[1:]): parent for node, parent in moved.items()}, self.now_us)

    def after(self, seconds):
        self.now_s += seconds
        return self

    def updated(self, *nodes):
        for node in nodes:
            self.book.mark_updated(node, self.now_us)
        return self

    def away(self, *nodes, for_s):
        """These vanish and come back."""
        self.see(without=nodes)
        self.after(for_s).see()

    def delays(self, node, *values_ms):
        for value_ms in values_ms:
            self.book.on_delay(node, int(value_ms * 1000), self.now_us)

    def heaps(self, node, *values, every_s=10):
        for value in values:
            self.after(every_s).book.on_report(node, self.now_us, heap_bytes=value)

    def uptime(self, node, uptime_s):
        self.book.on_report(node, self.now_us, uptime_s=uptime_s)

    def verdict(self, node=3, *, peers=(), limits=LIMITS, soak_s=SOAK_S):
        return self.book.verdict(node, peers, limits, int(soak_s * 1e6), self.now_us)

    def outcome(self, node=3, **given):
        return self.verdict(node, **given).outcome

    def drops(self, node):
        return self.book.record(node).drops


def soaking(mesh=MESH, node=3):
    """A watch 100 s old in which a node was just updated."""
    return Watch(mesh).after(100).updated(node)


# Uptime.


def test_a_quiet_node_is_ok_after_its_soak_and_no_earlier():
    watch = soaking()
    assert watch.outcome() == "wait"
    assert watch.after(299).verdict().reason == "up for 299 s of 300 s"
    assert watch.after(1).outcome() == "ok"


def test_without_soak_it_is_ok_at_once():
    assert soaking().outcome(soak_s=0) == "ok"


def test_a_node_that_was_not_updated_is_not_judged():
    watch = Watch().after(10_000)
    assert watch.outcome() == "wait"
    assert watch.outcome(1234) == "wait"


def test_a_forgiven_restart_begins_the_soak_anew():
    watch = soaking().after(200)
    watch.away(3, for_s=20)
    assert watch.drops(3) == 1
    assert watch.after(299).outcome() == "wait"
    assert watch.after(1).outcome() == "ok"


# Restarts, as the mesh shows them.


def test_too_many_restarts_fail():
    watch = soaking()
    for _ in range(3):
        watch.after(20).away(3, for_s=10)
    watch.after(5)
    verdict = watch.verdict()
    assert (verdict.outcome, verdict.error) == ("failed", ErrorClass.FAILED)
    assert verdict.reason == "restarted 3 times in 95 s"


def test_no_restart_is_forgiven_where_none_is_allowed():
    watch = soaking().after(20)
    watch.away(3, for_s=5)
    assert watch.verdict(limits=Health(restarts_max=0)).reason == "restarted once in 25 s"


def test_an_absence_counts_while_it_goes_on_but_once():
    watch = soaking().after(20)
    strict = Health(restarts_max=0)
    watch.see(without=(3,))
    assert watch.after(5).outcome(limits=strict) == "wait"
    assert watch.after(10).outcome(limits=strict) == "failed"
    watch.see(without=(3,))
    watch.after(10).see(without=(3,))
    watch.after(10).see()
    watch.after(1).see()
    assert watch.drops(3) == 1


def test_moving_to_another_parent_is_no_drop():
    watch = soaking().after(20)
    watch.see(n3=4)
    watch.after(20).see(n3=9)
    assert watch.drops(3) == 0
    assert watch.after(260).outcome() == "ok"


def test_restarts_before_the_update_are_forgotten():
    watch = Watch().after(10)
    watch.away(3, for_s=10)
    watch.after(10).away(3, for_s=10)
    assert watch.drops(3) == 2
    assert watch.updated(3).drops(3) == 0


def test_who_is_cut_off_with_its_parent_is_not_blamed():
    watch = soaking().updated(2).after(100)
    watch.away(2, 3, for_s=20)
    assert (watch.drops(2), watch.drops(3)) == (1, 0)
    # Its soak goes on where it was; the time away does not count.
    assert watch.after(199).outcome(3) == "wait"
    assert watch.after(1).outcome(3) == "ok"
    assert watch.outcome(2) == "wait"


def test_a_whole_branch_is_cut_off_by_its_top():
    watch = soaking().updated(1, 2, 3, 4)
    watch.away(1, 2, 3, 4, for_s=20)
    assert [watch.drops(node) for node in (1, 2, 3, 4)] == [1, 0, 0, 0]


def test_who_leaves_just_before_its_parent_was_cut_off_by_it():
    watch = soaking().after(50)
    watch.see(without=(3,))
    watch.after(3).see(without=(2, 3))
    watch.after(20).see()
    assert (watch.drops(2), watch.drops(3)) == (1, 0)


def test_who_left_long_before_its_parent_was_not():
    watch = soaking().after(50)
    watch.see(without=(3,))
    watch.after(30).see(without=(2, 3))
    watch.after(20).see()
    assert (watch.drops(2), watch.drops(3)) == (1, 1)


def test_our_own_id_as_a_parent_is_us():
    watch = soaking({1: 1000, 3: 1000})
    watch.away(3, for_s=10)
    assert watch.drops(3) == 1


# Absence.


def test_who_stays_away_is_lost():
    watch = soaking().after(50)
    watch.see(without=(3,))
    verdict = watch.after(60).verdict()
    assert (verdict.outcome, verdict.reason) == ("wait", "out of the mesh for 60 s")
    verdict = watch.after(1).verdict()
    assert (verdict.outcome, verdict.error) == ("failed", ErrorClass.LOST)
    assert verdict.reason == "out of the mesh for 61 s, 60 s allowed"


def test_who_is_cut_off_has_more_time_to_find_another_parent_but_not_for_ever():
    watch = soaking().after(50)
    watch.see(without=(2, 3))
    assert watch.after(179).verdict().reason == "cut off with its parent 2 for 179 s"
    assert watch.after(2).verdict().error is ErrorClass.LOST


def test_a_node_that_was_never_seen_again_after_its_proof_is_lost():
    watch = Watch({1: None}).after(10).updated(3)
    watch.see()
    assert watch.after(59).outcome() == "wait"
    assert watch.after(2).verdict().error is ErrorClass.LOST


# When nobody sees the mesh.


def test_nobody_is_blamed_when_we_lose_the_mesh():
    watch = soaking().updated(1, 2, 4).after(100)
    watch.see(without=MESH)
    assert watch.after(500).verdict().reason == "the gateway does not see the mesh"
    watch.see()
    assert [watch.drops(node) for node in (1, 2, 3, 4)] == [0, 0, 0, 0]
    assert watch.after(199).outcome() == "wait"
    assert watch.after(1).outcome() == "ok"


def test_who_is_missing_when_we_are_back_gets_its_time_from_then_on():
    watch = soaking().after(100)
    watch.see(without=MESH)
    watch.after(500).see(without=(3,))
    assert watch.after(60).outcome() == "wait"
    assert watch.after(1).verdict().error is ErrorClass.LOST
    watch.see()
    assert watch.drops(3) == 0


def test_an_absence_does_not_grow_while_nobody_looks():
    watch = soaking().after(100)
    watch.see(without=(3,))
    watch.after(40).see(without=MESH)
    watch.after(500).see(without=(3,))
    assert watch.after(20).outcome() == "wait"
    assert watch.after(1).verdict().error is ErrorClass.LOST


def test_our_only_neighbour_is_not_blamed_but_has_to_show_its_uptime_anew():
    watch = soaking({1: None, 3: 1}, node=1).updated(3).after(200)
    watch.away(1, 3, for_s=10)
    assert (watch.drops(1), watch.drops(3)) == (0, 0)
    assert watch.after(100).outcome(3) == "ok"
    assert watch.outcome(1) == "wait"
    assert watch.after(200).outcome(1) == "ok"


def test_an_only_neighbour_that_crashes_again_and_again_fails_in_the_end():
    watch = soaking({1: None}, node=1)
    for _ in range(100):
        watch.after(20).away(1, for_s=10)
        assert watch.outcome(1) != "ok"
    assert watch.verdict(1).reason.startswith("never up for 300 s within")


# Restarts, as reports tell of them.


def test_an_uptime_that_went_back_is_a_restart_nobody_saw():
    watch = soaking()
    watch.after(50).uptime(3, 60)
    watch.after(50).uptime(3, 20)
    assert watch.drops(3) == 1
    # Up since 80 s after the update.
    assert watch.after(279).outcome() == "wait"
    assert watch.after(1).outcome() == "ok"


def test_an_uptime_that_grew_less_than_time_went_by_is_one_too():
    watch = soaking()
    watch.after(10).uptime(3, 10)
    watch.after(200).uptime(3, 50)
    assert watch.drops(3) == 1


def test_a_first_report_can_tell_of_a_restart_since_the_update():
    watch = soaking()
    watch.after(100).uptime(3, 20)
    assert watch.drops(3) == 1


@pytest.mark.parametrize("late_s", [-1, 0, 5, 20])
def test_late_reports_are_no_restart(late_s):
    watch = soaking()
    watch.after(50).uptime(3, 70)
    watch.after(50).uptime(3, 120 - late_s)
    watch.after(3600).uptime(3, 3718)
    assert watch.drops(3) == 0


def test_an_absence_and_the_report_that_explains_it_count_once():
    watch = soaking()
    watch.after(10).uptime(3, 500)
    watch.after(40).away(3, for_s=10)
    watch.after(10).uptime(3, 15)
    watch.after(10).uptime(3, 25)
    assert watch.drops(3) == 1


def test_the_next_restart_is_not_explained_by_the_same_absence():
    watch = soaking()
    watch.after(10).uptime(3, 500)
    watch.after(40).away(3, for_s=10)
    watch.after(10).uptime(3, 15)
    watch.after(10).uptime(3, 2)
    assert watch.drops(3) == 2


def test_a_restart_reported_before_the_tree_shows_it_counts_once():
    watch = soaking()
    watch.after(10).uptime(3, 500)
    watch.after(40).uptime(3, 1)
    watch.after(2).see(without=(3,))
    watch.after(5).see()
    assert watch.drops(3) == 1


def test_a_restart_together_with_the_parent_is_found_by_the_report():
    watch = soaking()
    watch.after(10).uptime(3, 500)
    watch.after(40).away(2, 3, for_s=20)
    assert watch.drops(3) == 0
    watch.after(5).uptime(3, 10)
    watch.after(5).uptime(3, 15)
    assert watch.drops(3) == 1


def test_the_restart_into_the_new_image_is_not_held_against_it():
    watch = Watch().after(1000)
    watch.uptime(3, 5000)
    watch.after(10).away(3, for_s=8)
    watch.after(2).updated(3)
    watch.after(5).uptime(3, 12)
    assert watch.drops(3) == 0


@pytest.mark.parametrize("uptime_s", [float("nan"), float("inf"), -1, 1e300])
def test_uptimes_that_cannot_be_are_passed_over(uptime_s):
    watch = soaking()
    watch.after(10).uptime(3, uptime_s)
    assert watch.book.record(3).reported_uptime_s is None
    assert watch.drops(3) == 0


# Delay.


def slowed(before_ms, after_ms, peers_ms=()):
    watch = Watch().after(50)
    watch.delays(3, *before_ms)
    watch.after(50).updated(3)
    watch.delays(3, *after_ms)
    watch.delays(4, *peers_ms)
    return watch.after(SOAK_S)


def test_a_node_that_became_slow_fails():
    verdict = slowed([10, 12, 11], [70, 80, 75]).verdict()
    assert (verdict.outcome, verdict.error) == ("failed", ErrorClass.FAILED)
    assert verdict.reason == "delay rose from 11 to 75 ms"


@pytest.mark.parametrize(
    ("before_ms", "after_ms"),
    [
        ([10, 12, 11], [50, 53, 51]),  # within three times and 20 ms
        ([10, 12], [500, 500, 500]),  # no baseline
        ([10, 12, 11], [500, 500]),  # not enough to say so
        ([10, 12, 11], [12, 11, 900, 10]),  # one slow answer
        ([], [900, 900, 900]),
    ],
)
def test_what_is_not_slow(before_ms, after_ms):
    assert slowed(before_ms, after_ms).outcome() == "ok"


def test_a_busy_mesh_is_not_the_nodes_fault():
    before, after = [10, 12, 11], [170, 180, 175]
    assert slowed(before, after, peers_ms=[10, 80, 90, 70]).outcome(peers=[4]) == "ok"
    assert slowed(before, after, peers_ms=[80, 90, 70, 12, 11, 13]).outcome(peers=[4]) == "failed"
    # Peers that tell nothing, are away or are not known do not excuse it; nor does it excuse itself.
    assert slowed(before, after).outcome(peers=[4, 77, 3]) == "failed"
    watch = slowed(before, after, peers_ms=[80, 90, 70])
    watch.see(without=(4,))
    assert watch.outcome(peers=[4]) == "failed"


# Heap.


def with_heaps(before, after, peers=(), every_s=10):
    watch = Watch().after(50)
    watch.heaps(3, *before)
    watch.heaps(4, *peers)
    watch.updated(3)
    watch.heaps(3, *after, every_s=every_s)
    return watch.after(SOAK_S)


def test_a_node_that_lost_heap_fails():
    verdict = with_heaps([40960, 40960], [20480]).verdict()
    assert (verdict.outcome, verdict.reason) == ("failed", "free heap fell from 40.0 to 20.0 KB")


@pytest.mark.parametrize(
    ("before", "after", "peers"),
    [
        ([40000], [28000], []),  # exactly as much as is allowed
        ([], [100], []),
        ([40000], [], []),
        ([40000], [20000], [21000]),  # peers have no more than that either
        ([40000], [-5], []),
    ],
)
def test_what_is_no_loss_of_heap(before, after, peers):
    assert with_heaps(before, after, peers).outcome(peers=[4]) == "ok"


def test_peers_with_more_heap_do_not_excuse_it():
    assert with_heaps([40000], [20000], [39000]).outcome(peers=[4]) == "failed"


def test_a_leak_fails_before_the_heap_is_used_up():
    leak = [40000 - 400 * step for step in range(6)]
    verdict = with_heaps([40000], leak).verdict()
    # 38,000 bytes at 40 bytes a second.
    assert verdict.reason == "free heap falls steadily: 37.1 KB are used up in 950 s"
    leak[3] += 900
    assert with_heaps([40000], [*leak, 37_600, 37_200, 36_800, 36_400]).outcome() == "failed"


@pytest.mark.parametrize(
    "heaps",
    [
        [40000 - 400 * step for step in range(5)],  # too few to say so
        [40000 - 50 * step for step in range(16)],  # takes more than an hour
        [40000, 39000, 40100, 39100, 40050, 39050, 40010, 39010],  # up and down
        [40000, 39999, 39998, 39997, 39996, 39995],
        [40000, 38000, 36500, 36000, 35990, 35980, 35970, 35960, 35950, 35940],  # levels off after the start
        [0, 0, 0, 0, 0, 0],
    ],
)
def test_what_is_no_leak(heaps):
    assert with_heaps([], heaps).outcome() == "ok"


def test_reports_of_one_moment_are_no_slope():
    assert with_heaps([], [40000, 30000, 20000, 10000, 5000, 100], every_s=0).outcome() == "ok"


# The baseline, and what is kept.


def test_what_was_measured_becomes_the_baseline_of_the_next_update():
    watch = soaking()
    watch.delays(3, *[60] * SAMPLES_MAX)
    watch.after(500).updated(3)
    watch.delays(3, 150, 150, 150)
    assert watch.after(SOAK_S).outcome() == "ok"  # 10 ms before the first update do not matter any more


def test_clear_forgets_what_was_measured_but_not_where_the_node_is():
    watch = soaking()
    watch.delays(3, 10, 10, 10)
    watch.book.clear(3)
    record = watch.book.record(3)
    assert (record.updated_us, record.delays_us, record.drops) == (None, [], 0)
    assert record.up_since_us == 0
    watch.book.clear(1234)


def test_dirty_tells_each_changed_node_once():
    watch = Watch()
    assert sorted(watch.book.dirty()) == sorted(MESH)
    assert watch.book.dirty() == []
    watch.after(1).see()
    assert watch.book.dirty() == []
    watch.delays(3, 10, 10)
    watch.see(without=(4,))
    assert sorted(watch.book.dirty()) == [3, 4]


def reopened(watch, *nodes):
    """A watch on a book made from what the other one saved; its clock stood still."""
    new = Watch.__new__(Watch)
    new.book, new.mesh, new.now_s = HealthBook(), watch.mesh, watch.now_s
    for node in nodes:
        saved = json.loads(json.dumps(watch.book.snapshot(node)))
        assert new.book.restore(node, saved, new.now_us)
    return new


def test_a_soak_goes_on_after_a_restart_of_the_gateway():
    watch = soaking()
    watch.delays(3, 10, 10, 10)
    watch.after(10).uptime(3, 15)
    watch.heaps(3, 30_000)
    new = reopened(watch.after(80), 3)
    assert new.book.snapshot(3) == watch.book.snapshot(3)
    assert new.verdict().reason == "the gateway does not see the mesh"
    new.after(5).see()
    assert new.after(199).outcome() == "wait"
    assert new.after(1).outcome() == "ok"
    assert new.drops(3) == 0


def test_an_absence_while_the_gateway_was_down_is_not_blamed():
    new = reopened(soaking().after(100), 3)
    new.after(5).see(without=(3,))
    new.after(30).see()
    assert new.drops(3) == 0
    assert new.outcome() == "wait"


def test_a_restart_while_the_gateway_was_down_is_known_from_the_report():
    watch = soaking()
    watch.after(10).uptime(3, 500)
    new = reopened(watch.after(100), 3)
    new.after(5).see()
    new.after(5).uptime(3, 30)
    assert new.drops(3) == 1


def test_a_drop_seen_before_the_gateway_went_down_still_counts():
    watch = soaking().after(100)
    watch.see(without=(3,))
    new = reopened(watch.after(5), 3)
    new.after(5).see()
    assert new.drops(3) == 1


def test_records_can_be_restored_into_a_mesh_that_is_seen_already():
    old = soaking().after(100)
    new = Watch()
    new.now_s = old.now_s
    assert new.book.restore(3, old.book.snapshot(3), new.now_us)
    assert new.after(200).outcome() == "ok"
    new.see(without=(3,))
    assert new.book.restore(3, old.book.snapshot(3), new.now_us)
    assert new.after(61).verdict().error is ErrorClass.LOST


def test_a_record_that_cannot_be_read_is_not_taken():
    watch = Watch()
    assert not watch.book.restore(3, {"drops": "many"}, 0)
    assert watch.book.record(3).drops == 0
    assert watch.book.snapshot(1234) == {}


def test_a_forgotten_node_begins_anew():
    watch = soaking()
    watch.book.forget(3)
    assert watch.book.record(3) is None
    assert 3 not in watch.book.dirty()
    watch.see()
    assert watch.book.record(3).up_since_us == watch.now_us
    watch.book.forget(1234)


def test_a_mesh_cannot_make_us_remember_nodes_without_end():
    book = HealthBook()
    for start in range(1, 10_000, 1000):
        book.on_tree(dict.fromkeys(range(start, start + 1000)), start)
    assert len(book.dirty()) == NODES_MAX
    assert book.record(9999) is None
    book.on_delay(9999, 5, 0)
    # Our own targets are always remembered.
    book.mark_updated(9999, 0)
    assert book.record(9999) is not None
