"""One run: suspended and gone on with, looked at, given up."""

import msgspec
import pytest

from meshward.ota.frames import Offer
from meshward.ota.parts import Parts
from meshward.ota.situation import LOOK_TIMEOUT_US
from meshward.ota.states import NodeState
from meshward.rollout.documents import RunDoc
from meshward.rollout.runs import SAVE_EVERY_US, Payload, Run, run_options
from meshward.rollout.spec import Transfer
from meshward.rollout.states import RunKind
from tests.support.fake_updates import FakeUpdate, tree_of

NODES = [11, 12, 13]


class NoRandom:
    def random(self):
        return 0.5


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr("meshward.rollout.runs.Update", FakeUpdate)
    return begun(RunKind.INSTALL)


def begun(kind, doc=None):
    doc = doc or RunDoc(
        id="r1.1", rollout="r1", kind=kind, image="x", hardware="ESP32", role="sensor", nodes=list(NODES)
    )
    payload = Payload(Offer("0" * 32, "ESP32", "sensor"), Parts(bytes(1000), 100))
    run = Run(doc, payload, run_options(kind, "ESP32", Transfer()))
    start(run)
    return run


def start(run, nodes=NODES):
    run.start(set(nodes), NoRandom())
    run.update.on_tree(tree_of(dict.fromkeys(NODES)), 0)


def half_way(run, node, part):
    run.update.serve(node)
    run.update.records[node].position = part


def test_suspended_it_keeps_places_and_counts(run):
    half_way(run, 11, 4)
    run.update.tally.sent_bytes, run.update.tally.all_links_bytes = 700, 900
    assert run.look(0)
    assert run.sent_bytes == 700
    run.suspend()
    assert run.update is None
    assert (run.doc.sent_bytes, run.sent_bytes) == (700, 700)
    start(run)
    record = run.update.records[11]
    assert (record.state, record.position, record.trusted, record.attempts) == (NodeState.PENDING, 4, True, 1)
    run.update.tally.sent_bytes, run.update.tally.all_links_bytes = 300, 400
    run.suspend()
    assert (run.doc.sent_bytes, run.doc.all_links_bytes) == (1000, 1300)
    run.suspend()  # twice changes nothing
    assert run.doc.sent_bytes == 1000


def test_a_document_from_the_store_goes_on_the_same(run):
    half_way(run, 12, 7)
    run.update.tally.sent_bytes = 500
    run.look(0)
    doc = msgspec.json.decode(msgspec.json.encode(run.doc), type=RunDoc)
    after = begun(RunKind.INSTALL, doc)
    assert after.update.records[12].snapshot() == {**run.update.records[12].snapshot(), "state": "pending"}
    assert after.sent_bytes == 500


def test_only_open_nodes_go_on(run):
    half_way(run, 11, 4)
    run.update.end(12, NodeState.COMPLETED)
    run.look(0)
    run.suspend()
    start(run, nodes=[11, 13])
    assert run.update.options.only == {11, 13}
    assert 12 not in run.update.records
    run.suspend()
    states = {entry["node"]: entry["state"] for entry in run.doc.records}
    assert states[12] == "completed"


def test_states_are_stored_at_once_and_places_now_and_then(run):
    assert run.look(0)
    assert not run.look(1)
    assert run.moved() == {}
    half_way(run, 11, 1)
    assert run.look(2)
    assert set(run.moved()) == {11}
    run.update.records[11].position = 2
    assert not run.look(3)
    assert run.look(2 + SAVE_EVERY_US)
    assert run.moved() == {}
    assert next(entry for entry in run.doc.records if entry["node"] == 11)["position"] == 2
    assert not run.look(3 + 2 * SAVE_EVERY_US), "nothing changed"


def test_given_up_it_puts_half_way_nodes_back(run):
    half_way(run, 11, 4)
    half_way(run, 12, 5)
    run.update.end(12, NodeState.COMPLETED)
    half_way(run, 13, 2)
    run.look(0)
    assert run.give_up(going_back={13})
    assert run.doc.giving_up == [11]
    reasons = {entry["node"]: (entry["state"], entry["reason"]) for entry in run.doc.records}
    assert reasons[11] == ("cancelled", "stopped at part 4 of 10, as far as is known")
    assert reasons[12][0] == "completed"
    kept = msgspec.json.encode(run.doc.records)
    start(run, nodes=[])
    assert run.update.options.only == {11}
    assert run.update.options.check_only
    assert not run.update.records[11].trusted
    run.update.end(11, NodeState.FAILED, needs_image=True)
    assert not run.look(10**9)
    run.suspend()
    assert msgspec.json.encode(run.doc.records) == kept


@pytest.mark.parametrize("kind", [RunKind.SURVEY, RunKind.PROVE])
def test_a_run_that_only_asks_has_nothing_to_put_back(kind, monkeypatch):
    monkeypatch.setattr("meshward.rollout.runs.Update", FakeUpdate)
    run = begun(kind)
    assert run.update.options.check_only
    assert run.update.options.idle_return_timeout_us == LOOK_TIMEOUT_US
    run.look(0)
    assert not run.give_up(set())


def test_lost_nodes_are_known_while_it_goes_on(run):
    run.update.serve(12)
    run.update.end(12, NodeState.LOST)
    assert set(run.lost_for_now()) == {12}


def test_esp8266_relays_get_less_at_once():
    usual, small = (run_options(RunKind.INSTALL, hardware, Transfer()) for hardware in ("ESP32", "ESP8266"))
    assert small.backlog_bytes < usual.backlog_bytes
    asked_for = run_options(RunKind.INSTALL, "ESP8266", Transfer(backlog_bytes=9999, window=3, concurrency=2))
    assert (asked_for.backlog_bytes, asked_for.window, asked_for.concurrency) == (9999, 3, 2)
