"""Bugs planted into the update core: each must be seen by what the other tests hold it against."""

import pytest

from meshward.ota.broadcast import BroadcastSweep
from meshward.ota.checks import Checks
from meshward.ota.commands import Send
from meshward.ota.frames import Offer, part_for_all
from meshward.ota.parts import Parts
from meshward.ota.states import NodeState
from meshward.ota.unicast import Unicast
from meshward.sim.checkers import BacklogWatch
from tests.sim import ota_faults
from tests.sim.ota_scenes import Scene

SEEDS = (0, 1, 2)
OFFER = Offer("0" * 32, "ESP32", "sensor")


def no_reset(patch):
    patch.setattr(Checks, "_reset", lambda self, record, part: None)


def no_check_after_the_restart(patch):
    original = Checks._start

    def believe(self, record, now_us):
        if record.was_sent_to:
            record.end(NodeState.COMPLETED, now_us)
        else:
            original(self, record, now_us)

    patch.setattr(Checks, "_start", believe)


def unlimited_window(patch):
    patch.setattr(BroadcastSweep, "_may_send", lambda self: True)


def one_part_too_many(patch):
    original = Unicast._limit
    patch.setattr(Unicast, "_limit", lambda self: original(self) + 1)


def no_ghost(patch):
    def from_us(*arguments):
        return {key: value for key, value in part_for_all(*arguments).items() if key != "from"}

    patch.setattr("meshward.ota.broadcast.part_for_all", from_us)


def no_announce_again(patch):
    original = Unicast.handle_deadline

    def silent(self, now_us):
        original(self, now_us)
        self._announce_wanted = False

    patch.setattr(Unicast, "handle_deadline", silent)


def no_offer(patch):
    original = Unicast.__init__

    def silent(self, *arguments, **options):
        original(self, *arguments, **options)
        self._announce_wanted = False

    patch.setattr(Unicast, "__init__", silent)


def all_well(fault, strategy="broadcast", **options):
    def judge():
        for seed in SEEDS:
            ota_faults.run(fault, seed, strategy, **options).assert_as_it_should_be()

    return judge


def all_at_the_first_attempt():
    """A board with another image half-way costs no second transfer."""
    for seed in SEEDS:
        scene = ota_faults.run(ota_faults.another_image_half_way, seed, "sequential")
        assert all(record.rejections == 0 for record in scene.result.records.values())


def backlog_kept():
    scene = Scene(1, kind="chain", n=6, image_bytes=60_000, slow=(2,))
    watch = BacklogWatch(scene.world, [scene.gateway])
    scene.start().run().assert_as_it_should_be()
    assert watch.most.size_bytes <= scene.options.backlog_bytes + 6 * scene.result.parts.frame_bytes()


def never_more_than_one_on_the_way():
    """With a window of 1 no part is sent before the one before was asked for."""
    scene = Scene(1, "sequential", kind="chain", n=1, window=1).start()
    while not scene.ended():
        scene.world.run_for(0.005)
        unicast = scene.result.records[1001].unicast
        assert unicast is None or unicast._next - unicast.acked <= 1


def nothing_is_answered_to_us():
    """Boards that were polled answer every part of a sweep: to a sender that does not exist."""
    scene = Scene(1, kind="tree", n=12, parts=40)
    scene.start()
    sent = []
    send = scene.gateway.send
    scene.gateway.send = lambda package: sent.append(dict(package)) or send(package)
    scene.run().assert_as_it_should_be()
    to_all = [package for package in sent if package["routing"] == 2]
    assert len(to_all) == 40
    assert all(package.get("from", 1) not in scene.boards and "from" in package for package in to_all)


def the_offer_comes_again():
    """A node that forgot the offer is given it anew, without another look at what it runs."""
    unicast = Unicast(1001, OFFER, Parts(bytes(5000), 1024), 0)
    assert kinds(unicast, 0)[0] == 10
    heard = []
    while not unicast.failure:
        now_us = unicast.next_deadline_us()
        unicast.handle_deadline(now_us)
        heard += kinds(unicast, now_us)
    assert 10 in heard


def kinds(unicast, now_us):
    commands = unicast.commands(100_000, now_us)
    return [command.package["type"] for command in commands if isinstance(command, Send)]


PLANTED = [
    (no_reset, all_at_the_first_attempt),
    (no_check_after_the_restart, all_well(ota_faults.last_part_lost)),
    (unlimited_window, backlog_kept),
    (one_part_too_many, never_more_than_one_on_the_way),
    (no_ghost, nothing_is_answered_to_us),
    (no_offer, the_offer_comes_again),
    (no_announce_again, the_offer_comes_again),
]


@pytest.mark.parametrize(("bug", "judge"), PLANTED, ids=[bug.__name__ for bug, _ in PLANTED])
def test_a_planted_bug_is_caught(bug, judge, monkeypatch):
    judge()
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        judge()
