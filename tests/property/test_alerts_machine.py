"""A mesh that breaks, heals, restarts and lies in any order: what must hold of its alerts whatever happens."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from meshward.status.alerts.breaks import find_breaks
from meshward.status.alerts.documents import AlertDoc, Notification
from meshward.status.alerts.lives import OPEN_MAX
from meshward.status.facts import NodeFacts
from tests.support.alerts import Scene
from tests.support.profiles import examples

TREE = {1: None, 2: 1, 3: 2, 4: 2, 5: 4, 6: 1, 7: None, 8: 7, 9: 8, 10: 8}
BREAKS = ("silent_node", "mesh_split")
NODES = st.sampled_from(sorted(TREE))
odd_numbers = st.floats(-1e9, 1e9) | st.sampled_from([0.0, -90.0, 3000.0, 1e5])
steps = st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 40).map(lambda ticks: ticks * 5)),
    st.tuples(st.just("leave"), st.lists(NODES, min_size=1, max_size=4)),
    st.tuples(st.just("back"), st.lists(NODES, min_size=1, max_size=6)),
    st.tuples(st.just("blind"), st.booleans()),
    st.tuples(st.just("restart"), st.integers(0, 10_000), st.sampled_from([0.0, 1e7, -1e7])),
    st.tuples(st.just("wall"), st.sampled_from([1e6, -1e6, 3600.0])),
    st.tuples(
        st.just("metric"),
        NODES,
        st.sampled_from(["rssi_dbm", "heap_free_bytes", "clock_offset_ms"]),
        odd_numbers,
    ),
    st.tuples(st.just("moves"), NODES, st.integers(0, 10)),
    st.tuples(st.just("ack"), st.integers(0, 5)),
    st.tuples(st.just("update"), st.lists(NODES, max_size=3)),
    st.tuples(st.just("rule"), st.sampled_from([*BREAKS, "low_heap"]), st.booleans()),
)


def below(node, nodes):
    return [other for other, facts in nodes.items() if facts.last_parent == node]


def leave(scene, chosen):
    """A node takes all with it that hang below it."""
    waiting, gone = list(chosen), set()
    while waiting:
        node = waiting.pop()
        if node not in gone and scene.nodes[node].online:
            gone.add(node)
            waiting += below(node, scene.nodes)
    scene.leave(*gone)


def back(scene, chosen):
    """A node comes back where its parent is in the mesh."""
    for node in chosen:
        parent = scene.nodes[node].last_parent
        if not scene.nodes[node].online and (parent is None or scene.nodes[parent].online):
            scene.back(node)


def carry_out(scene, step):
    match step:
        case ("pass", seconds):
            scene.run(seconds)
        case ("leave", chosen):
            leave(scene, chosen)
        case ("back", chosen):
            back(scene, chosen)
        case ("blind", is_blind):
            scene.facts.connected = not is_blind
        case ("restart", downtime_s, jump_s):
            scene.restart(downtime_s, jump_s)
        case ("wall", jump_s):
            scene.wall_s += jump_s
        case ("metric", node, name, value):
            scene.set(node, **{name: value})
        case ("moves", node, number):
            scene.nodes[node].moves_us = tuple(scene.now_us - index for index in range(number))
        case ("ack", index):
            for alert in scene.open()[index : index + 1]:
                scene.engine.ack(alert.id, "Ada", "", scene.wall_s)
        case ("update", chosen):
            scene.engine.updating({"r": chosen} if chosen else {}, scene.wall_s)
        case ("rule", name, enabled):
            scene.book.patch(name, {"enabled": enabled})
    scene.run(5)


def check(scene):
    open_alerts = scene.open()
    assert len(open_alerts) <= OPEN_MAX
    assert len({doc.fingerprint for doc in open_alerts}) == len(open_alerts)
    fingerprints = {doc.fingerprint for doc in open_alerts}
    for doc in open_alerts:
        assert doc.state in ("pending", "firing")
        assert (doc.fired_s is not None) == (doc.state == "firing")
        assert doc.text
        assert not doc.inhibited_by or doc.inhibited_by != doc.fingerprint
        assert msgspec.json.decode(msgspec.json.encode(doc), type=AlertDoc) == doc
    kept = {
        name for name, doc in scene.stored.items() if isinstance(doc, AlertDoc) and doc.state != "resolved"
    }
    assert kept == {doc.id for doc in open_alerts}
    # No node that is away is told of twice.
    if scene.facts.connected:
        loud = [
            doc
            for doc in scene.firing()
            if doc.rule in BREAKS and not doc.inhibited_by and doc.clear_since_s is None
        ]
        named = [node for doc in loud for node in {*doc.behind, *([doc.node] if doc.node else [])}]
        away = [node for node in named if not scene.nodes[node].online]
        assert len(away) == len(set(away))
    assert all(doc.inhibited_by in fingerprints or not doc.inhibited_by for doc in scene.firing())


def heal(scene):
    scene.facts.connected = True
    for name in (*BREAKS, "low_heap"):
        scene.book.patch(name, {"enabled": True})
    for node, facts in scene.nodes.items():
        facts.metrics, facts.moves_us = {}, ()
        scene.set(node, rssi_dbm=-60, heap_free_bytes=90_000, clock_offset_ms=1)
    scene.back(*[node for node, facts in scene.nodes.items() if not facts.online])
    scene.engine.updating({}, scene.wall_s)
    scene.run(3 * 3600, tick_s=30)


@settings(max_examples=examples(60, long=5000))
@given(script=st.lists(steps, max_size=25))
def test_whatever_happens(script):
    scene = Scene(TREE)
    for node in TREE:
        scene.set(node, rssi_dbm=-60, heap_free_bytes=90_000, clock_offset_ms=1)
    scene.run(20)
    for step in script:
        carry_out(scene, step)
        check(scene)
    heal(scene)
    assert not scene.open(), [doc.text for doc in scene.open()]
    assert not [doc for doc in scene.stored.values() if isinstance(doc, Notification)]
    # Whoever heard that something began heard that it ended, and no more often.
    told, over, rules = {}, {}, {}
    for notification in scene.notices():
        for alert in notification.alerts:
            book = told if notification.status == "firing" else over
            book.setdefault(alert.fingerprint, []).append(alert.id)
            rules[alert.fingerprint] = alert.rule
    for fingerprint, ids in over.items():
        assert len(ids) == len(set(ids)), "told twice that it is over"
        # What was left of a break that people knew of ends under its own name.
        assert fingerprint in told or rules[fingerprint] in BREAKS
    for fingerprint in told:
        assert fingerprint in over, [fingerprint, *(n.alerts[0].text for n in scene.notices())]


@settings(max_examples=examples(40, long=3000))
@given(
    parents=st.dictionaries(NODES, st.none() | NODES, min_size=1),
    away_s=st.lists(st.floats(0, 1e6), min_size=10, max_size=10),
)
def test_breaks_of_any_tree_hold_each_absent_node_once(parents, away_s):
    nodes = {
        node: NodeFacts(node, online=away_s[node - 1] < 10, last_parent=parent, away_s=away_s[node - 1])
        for node, parent in parents.items()
    }
    found = find_breaks(nodes)
    out = [node for one in found for node in one.out]
    assert sorted(out) == sorted(node for node, facts in nodes.items() if not facts.online)
