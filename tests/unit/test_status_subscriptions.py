import itertools
import random

from meshnode.wire import ROUTE_BROADCAST, ROUTE_SINGLE, TELEMETRY, TELEMETRY_RESYNC
from meshward.status.asking.subscriptions import ALL_AT_ONCE, SILENCE_US, Subscriptions
from meshward.status.asking.voices import TRIES_MAX, Voice, Voices

S = 1_000_000
H = 3600 * S


class Told:
    def __init__(self):
        self.voices = Voices()
        self.subscriptions = Subscriptions(self.voices, random.Random(1))
        self.now_us = 0

    def run_to(self, until_us):
        sent = []
        while (due_us := self.subscriptions.next_deadline_us()) is not None and due_us <= until_us:
            self.now_us = max(self.now_us, due_us)
            packages = self.subscriptions.take_commands(self.now_us)
            sent += [(self.now_us, package) for package in packages]
            if not packages:
                break
        self.now_us = until_us
        return sent

    def join(self, *nodes):
        self.subscriptions.on_nodes(nodes, (), self.now_us)


def test_a_new_mesh_is_asked_once_as_a_whole():
    told = Told()
    told.join(*range(1, ALL_AT_ONCE + 1))
    [(at_us, package)] = told.run_to(10 * S)
    assert package == {"type": TELEMETRY_RESYNC, "routing": ROUTE_BROADCAST}
    assert at_us >= 3 * S, "it has settled"


def test_a_single_newcomer_is_asked_by_itself_and_ever_more_rarely():
    told = Told()
    told.join(7)
    sent = told.run_to(48 * H)
    assert {(package["routing"], package["dest"]) for _, package in sent} == {(ROUTE_SINGLE, 7)}
    times = [at_us for at_us, _ in sent]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 5 <= len(times) <= 9
    assert gaps[:4] == sorted(gaps[:4])
    assert gaps[-1] > 10 * H


def test_a_board_that_sends_is_left_alone_until_it_falls_silent():
    told = Told()
    told.join(7)
    told.run_to(4 * S)
    for minute in range(60):
        told.voices.heard(7, TELEMETRY, is_report=False)
        told.subscriptions.on_telemetry(7, told.now_us)
        assert told.run_to((minute + 1) * 60 * S) == []
    last_us = 59 * 60 * S
    sent = told.run_to(told.now_us + 2 * H)
    assert last_us + SILENCE_US <= sent[0][0] <= last_us + SILENCE_US + 60 * S


def test_a_wanted_snapshot_is_asked_for_at_once_but_not_again_and_again():
    told = Told()
    told.join(7)
    told.run_to(4 * S)
    told.subscriptions.on_telemetry(7, told.now_us)
    sent = []
    for _ in range(100):
        told.subscriptions.want_snapshot(7, told.now_us)
        sent += told.run_to(told.now_us + S // 10)
    assert 1 <= len(sent) <= 3


def test_nobody_is_asked_once_it_left():
    told = Told()
    told.join(7)
    told.subscriptions.on_nodes((), (7,), told.now_us)
    assert told.subscriptions.next_deadline_us() is None
    told.subscriptions.on_telemetry(7, 5)
    told.subscriptions.want_snapshot(7, 5)
    assert told.subscriptions.next_deadline_us() is None


def test_requests_to_many_are_spread():
    told = Told()
    told.join(*range(1, ALL_AT_ONCE))
    times = [at_us for at_us, _ in told.run_to(10 * S)]
    assert len(times) == ALL_AT_ONCE - 1
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= S // 5


# -- voices --------------------------------------------------------------------------------------


def test_a_board_counts_as_one_that_cannot_be_asked_only_after_some_tries_and_until_it_restarts():
    voices = Voices()
    for _ in range(TRIES_MAX - 1):
        voices.unanswered([7])
    assert voices.of(7) is Voice.UNKNOWN
    voices.unanswered([7])
    assert voices.of(7) is Voice.NONE
    voices.restarted(7)
    assert voices.of(7) is Voice.UNKNOWN


def test_our_boards_stay_ours_when_they_send_reports_too():
    voices = Voices()
    voices.heard(7, 604, is_report=True)
    assert voices.of(7) is Voice.ALTERIOM
    voices.heard(7, TELEMETRY, is_report=False)
    voices.heard(7, 604, is_report=True)
    assert voices.of(7) is Voice.MESHWARD


def test_packages_that_are_no_reports_say_nothing():
    voices = Voices()
    voices.heard(7, 9, is_report=False)
    assert voices.of(7) is Voice.UNKNOWN
