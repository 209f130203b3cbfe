"""The monitor as a whole, without a mesh: events in, facts, samples, alerts and packages out."""

import random

import pytest

from meshnode.tree import Tree
from meshnode.wire import STATUS_QUERY, STATUS_REPORT, TELEMETRY, TELEMETRY_RESYNC
from meshward.status.alerts.documents import AlertDoc, Notification
from meshward.status.alerts.notify import NotifySettings
from meshward.status.asking.voices import Voice
from meshward.status.monitor import SAMPLES_MAX, Identity, Kept, Monitor, Surroundings
from meshward.status.samples import Sample

OWN = 1
WALL_S = 1_800_000_000.0
S = 1_000_000


class Mesh:
    """A monitor, its clock, and what it said."""

    def __init__(self, *nodes, depths=None, **options):
        self.now_us = 5 * S
        settings = NotifySettings(receivers={"test": "warning"})
        self.monitor = Monitor(random.Random(1), None, settings, **options)
        self.sent = []
        self.documents = []
        self.tree(*nodes, depths=depths)

    def tree(self, *nodes, depths=None):
        self.monitor.on_tree(Tree([OWN, *nodes], [0, *(depths or [1] * len(nodes))]), self.now_us)

    def run(self, seconds, each=None):
        end_us = self.now_us + int(seconds * S)
        while self.now_us < end_us:
            self.now_us += S
            self.monitor.wall_s = WALL_S + self.now_us / 1e6
            if each is not None:
                each()
            self.sent += [command.package for command in self.monitor.commands(self.now_us)]
            self.documents += self.monitor.alerts.take_changes()

    def hear(self, node, package, via=None):
        self.monitor.on_package({"from": node, **package}, via if via is not None else node, self.now_us)

    @property
    def told(self):
        """Who was told of what, in order."""
        seen = {}
        for doc in self.documents:
            if isinstance(doc, Notification):
                seen[doc.id] = (doc.status, [alert.rule for alert in doc.alerts])
        return list(seen.values())


def report(heap_kb=40, uptime_s=100, **more):
    return {"type": 604, "routing": 2, "mem": heap_kb, "uptime": uptime_s, **more}


def test_a_report_becomes_a_fact_with_its_age_and_a_sample_to_keep():
    mesh = Mesh(7)
    mesh.run(2)
    mesh.hear(7, report())
    mesh.run(10)
    fact = mesh.monitor.facts.nodes[7].metrics["heap_free_bytes"]
    assert (fact.value, fact.source) == (40 * 1024, "604")
    assert 5 <= fact.age_s <= 11
    kept = [one for one in mesh.monitor.take_samples() if one.sample.source == "604"]
    assert [one.sample.values["heap_free_bytes"] for one in kept] == [40 * 1024]
    assert kept[0].at_s == pytest.approx(WALL_S + 7)
    assert mesh.monitor.take_samples() == []


def test_what_we_see_of_a_board_that_says_nothing_is_kept_once_a_minute():
    mesh = Mesh(7)
    mesh.run(181)
    kept = [one.sample for one in mesh.monitor.take_samples()]
    assert {sample.source for sample in kept} == {"mesh"}
    assert 3 <= len(kept) <= 4
    assert all(sample.values["online"] == 1 for sample in kept)


def test_samples_that_wait_for_the_disk_are_bounded_and_come_again():
    mesh = Mesh(7)
    mesh.monitor.give_back([Kept(float(number), Sample(7, "604")) for number in range(SAMPLES_MAX + 5)])
    kept = mesh.monitor.take_samples()
    assert len(kept) == SAMPLES_MAX
    assert kept[-1].at_s == SAMPLES_MAX + 4


def test_boards_are_asked_for_telemetry_unless_that_is_off():
    mesh = Mesh(7, 8)
    mesh.run(10)
    assert {package["type"] for package in mesh.sent} == {TELEMETRY_RESYNC}
    silent = Mesh(7, 8, telemetry=False)
    silent.run(100)
    assert silent.sent == []


def test_telemetry_that_cannot_be_read_is_counted_and_harms_nobody():
    mesh = Mesh(7)
    mesh.run(2)
    for payload in ("", "AAAA", "?", None, 5, "A" * 10_000, {"a": 1}):
        mesh.hear(7, {"type": TELEMETRY, "routing": 1, "dest": OWN, "d": payload})
    mesh.run(6)
    assert mesh.monitor.fleet.refused(7) == 7
    assert mesh.monitor.voices.of(7) is Voice.UNKNOWN


@pytest.mark.parametrize(
    "package",
    [
        {},
        {"from": "7", "type": 604},
        {"from": True, "type": 604},
        {"from": 7, "type": "604"},
        {"from": 7, "type": STATUS_REPORT, "m": []},
        {"from": 7, "type": TELEMETRY},
        {"from": 7, "type": 604, "mem": [], "uptime": {}},
        {"from": -1, "type": 604},
        {"from": 1 << 40, "type": 604},
    ],
)
def test_odd_packages_are_passed_over(package):
    mesh = Mesh(7)
    mesh.run(2)
    mesh.monitor.on_package(package, 7, mesh.now_us)
    mesh.run(6)
    assert "heap_free_bytes" not in mesh.monitor.facts.nodes[7].metrics


def test_a_question_goes_out_and_its_answer_is_a_fact():
    mesh = Mesh(7, telemetry=False)
    mesh.run(2)
    question = mesh.monitor.questions.ask([7], everybody=True, now_us=mesh.now_us)
    mesh.run(1)
    [asked] = [package for package in mesh.sent if package["type"] == STATUS_QUERY]
    mesh.hear(7, {"type": STATUS_REPORT, "q": asked["q"], "m": {"rssi_dbm": -60}, "up": 50})
    assert question.ended_us == mesh.now_us
    mesh.run(6)
    assert mesh.monitor.facts.nodes[7].metrics["rssi_dbm"].value == -60
    assert mesh.monitor.voices.of(7) is Voice.MESHWARD


def test_a_node_that_vanishes_is_told_once_and_told_again_when_it_is_back():
    mesh = Mesh(7, 8)
    mesh.run(20)
    mesh.tree(8)
    mesh.run(90)
    assert mesh.told == [("firing", ["silent_node"])]
    mesh.run(600)
    mesh.tree(7, 8)
    mesh.run(600)
    assert mesh.told == [("firing", ["silent_node"]), ("resolved", ["silent_node"])]
    last = [doc for doc in mesh.documents if isinstance(doc, AlertDoc)][-1]
    assert last.state == "resolved"


def test_a_node_under_update_may_be_away_for_a_while():
    mesh = Mesh(7, 8)
    mesh.monitor.around = Surroundings({7: Identity("Kitchen", updating=True)})
    mesh.run(20, each=lambda: mesh.monitor.alerts.updating({"r1": [7]}, WALL_S + mesh.now_us / 1e6))
    mesh.tree(8)
    mesh.run(120, each=lambda: mesh.monitor.alerts.updating({"r1": [7]}, WALL_S + mesh.now_us / 1e6))
    assert mesh.told == []


def test_while_the_gateway_sees_nobody_only_that_is_told():
    mesh = Mesh(7, 8, 9)
    mesh.run(20)
    mesh.tree()
    mesh.run(300)
    assert mesh.told == [("firing", ["gateway_cut_off"])]
    mesh.tree(7, 8, 9)
    mesh.run(400)
    assert mesh.told == [("firing", ["gateway_cut_off"]), ("resolved", ["gateway_cut_off"])]


def test_names_and_what_runs_come_from_the_gateway():
    mesh = Mesh(7)
    mesh.monitor.around = Surroundings(
        {7: Identity("Kitchen", ("lamp",), hardware="ESP32", firmware="ab" * 32)}
    )
    mesh.run(6)
    facts = mesh.monitor.facts.nodes[7]
    assert (facts.name, facts.tags, facts.hardware) == ("Kitchen", ("lamp",), "ESP32")


def test_a_restart_is_noted_once():
    mesh = Mesh(7)
    mesh.run(2)
    mesh.hear(7, report(uptime_s=5000))
    mesh.run(30)
    mesh.hear(7, report(uptime_s=3))
    mesh.run(30)
    mesh.hear(7, report(uptime_s=33))
    mesh.run(6)
    assert [(note.kind, note.node) for note in mesh.monitor.take_notes()] == [("node.restarted", 7)]
    assert len(mesh.monitor.facts.nodes[7].restarts_us) == 1


def test_a_node_that_is_forgotten_leaves_nothing():
    mesh = Mesh(7, 8)
    mesh.run(5)
    mesh.hear(7, report())
    mesh.tree(8)
    mesh.monitor.forget(7)
    mesh.run(200)
    assert 7 not in mesh.monitor.facts.nodes
    assert mesh.told == []
    assert 7 not in mesh.monitor.watch.nodes()


def test_own_words_are_passed_on_for_those_who_judge_updates():
    heard = []
    mesh = Mesh(7, telemetry=False)
    mesh.monitor.on_own_words = lambda sample, measured_us: heard.append((sample.node, measured_us))
    mesh.run(2)
    mesh.hear(7, {"type": STATUS_REPORT, "q": 1, "m": {"heap_free_bytes": 40_000}})
    mesh.hear(7, report())
    assert heard == [(7, mesh.now_us)]
