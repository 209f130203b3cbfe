"""Nodes in the store: seen, moved, gone, named and proven."""

from contextlib import closing

import pytest

from meshward.errors import InvalidError, UnknownItemError
from meshward.store import events, firmware, nodes, rollouts
from meshward.store.connection import open_connection
from tests.support.store import IMAGE, NOW_S, OLD_IMAGE, firmware_row, record, run


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as connection:
        yield connection


def places(connection, node):
    return [change.parent for change in nodes.parents(connection, node)]


def test_a_node_is_known_from_when_it_was_first_seen(connection):
    changes = nodes.seen(connection, [(7, 1), (0xFFFF_FFFF, 7)], NOW_S)
    assert [(change.node, change.parent, change.at_s) for change in changes] == [
        (7, 1, NOW_S),
        (0xFFFF_FFFF, 7, NOW_S),
    ]
    assert nodes.seen(connection, [(7, 1), (0xFFFF_FFFF, 7)], NOW_S + 5) == []
    node = nodes.get(connection, 7)
    assert (node.first_seen_s, node.last_seen_s, node.up_since_s, node.parent) == (NOW_S, NOW_S + 5, NOW_S, 1)
    assert [node.id for node in nodes.load_all(connection)] == [7, 0xFFFF_FFFF]


def test_a_node_that_moves_stays_up(connection):
    nodes.seen(connection, [(7, 1)], NOW_S)
    assert [change.parent for change in nodes.seen(connection, [(7, 9)], NOW_S + 60)] == [9]
    assert nodes.get(connection, 7).up_since_s == NOW_S
    assert places(connection, 7) == [9, 1]


def test_a_node_that_left_and_came_back_is_up_since_then(connection):
    nodes.seen(connection, [(7, 1)], NOW_S)
    assert [change.parent for change in nodes.left(connection, [7, 8], NOW_S + 60)] == [None]
    assert nodes.left(connection, [7], NOW_S + 61) == []
    assert (nodes.get(connection, 7).up_since_s, nodes.get(connection, 7).last_seen_s) == (None, NOW_S)
    assert len(nodes.seen(connection, [(7, 1)], NOW_S + 90)) == 1
    assert nodes.get(connection, 7).up_since_s == NOW_S + 90
    assert nodes.get(connection, 7).first_seen_s == NOW_S
    assert places(connection, 7) == [1, None, 1]


def test_the_places_of_a_node_that_flaps_are_bounded(connection):
    nodes.seen(connection, [(8, 1)], NOW_S)
    for step in range(nodes.PARENT_CHANGES_MAX + 50):
        nodes.seen(connection, [(7, 100 + step)], NOW_S + step)
    kept = nodes.parents(connection, 7)
    assert len(kept) == nodes.PARENT_CHANGES_MAX
    assert kept[0].parent == 100 + nodes.PARENT_CHANGES_MAX + 49
    assert kept[-1].parent == 100 + 50
    assert places(connection, 8) == [1]
    assert connection.execute("SELECT count(*) FROM parent_change").fetchone() == (
        nodes.PARENT_CHANGES_MAX + 1,
    )


def test_signs_of_life_are_noted_in_bulk(connection):
    nodes.seen(connection, [(7, 1), (8, 1)], NOW_S)
    nodes.touch(connection, [7, 8, 9], NOW_S + 30)
    assert [(node.id, node.last_seen_s) for node in nodes.load_all(connection)] == [
        (7, NOW_S + 30),
        (8, NOW_S + 30),
    ]


def test_what_a_user_says_of_a_node(connection):
    nodes.seen(connection, [(7, 1)], NOW_S)
    nodes.patch(connection, 7, name="  porch lamp ", tags=["outdoor", "lamp", "outdoor"])
    node = nodes.patch(connection, 7, excluded=True, exclusion_reason="on the roof")
    assert (node.name, node.tags) == ("porch lamp", ("lamp", "outdoor"))
    assert (node.excluded, node.exclusion_reason) == (True, "on the roof")
    node = nodes.patch(connection, 7, excluded=False)
    assert (node.excluded, node.exclusion_reason, node.name) == (False, "", "porch lamp")
    assert nodes.patch(connection, 7, name="", tags=[]).tags == ()
    assert nodes.get(connection, 7) == nodes.patch(connection, 7)


@pytest.mark.parametrize(
    "patch",
    [
        {"name": "x" * 65},
        {"name": "lamp\x1b[2J"},
        {"name": "lamp\u202e"},
        {"tags": ["Outdoor"]},
        {"tags": [""]},
        {"tags": ["a" * 33]},
        {"tags": ["a b"]},
        {"tags": ["tag\n"]},
        {"tags": [f"t{n}" for n in range(17)]},
        {"exclusion_reason": "x" * 201},
    ],
)
def test_what_cannot_be_said_of_a_node_changes_nothing(connection, patch):
    nodes.seen(connection, [(7, 1)], NOW_S)
    before = nodes.get(connection, 7)
    with pytest.raises(InvalidError):
        nodes.patch(connection, 7, excluded=True, **patch)
    assert nodes.get(connection, 7) == before


def test_the_longest_name_and_most_tags_are_taken(connection):
    nodes.seen(connection, [(7, 1)], NOW_S)
    node = nodes.patch(connection, 7, name="ü" * 64, tags=[f"t-{n}_." for n in range(16)])
    assert (len(node.name), len(node.tags)) == (64, 16)


def test_nodes_that_were_never_seen_are_unknown(connection):
    for call in (nodes.get, nodes.patch, nodes.forget):
        with pytest.raises(UnknownItemError, match="node 7 was never seen"):
            call(connection, 7)
    with pytest.raises(UnknownItemError):
        nodes.set_capabilities(connection, 7, ["gzip"])


def test_a_forgotten_node_keeps_its_attempts_and_events(connection):
    nodes.seen(connection, [(7, 1)], NOW_S)
    rollouts.save_health(connection, 7, {"restarts": 1}, NOW_S)
    rollouts.save_run(connection, run("u1", record(7)), NOW_S)
    events.add(connection, NOW_S, "node.left", "left", node=7)
    nodes.forget(connection, 7)
    assert nodes.load_all(connection) == []
    assert nodes.parents(connection, 7) == []
    assert rollouts.load_health(connection) == {}
    assert rollouts.attempt_page(connection, node=7).total == 1
    assert events.page(connection, node=7).total == 1


def test_a_proof_tells_hardware_role_firmware_and_version(connection):
    firmware.add(connection, firmware_row(b"new", version="2.0"))
    nodes.proven(
        connection, 7, hardware="ESP32", role="sensor", image=IMAGE, how="answered a survey", at_s=NOW_S
    )
    node = nodes.get(connection, 7)
    assert (node.hardware, node.role, node.firmware, node.version) == ("ESP32", "sensor", IMAGE, "2.0")
    assert (node.proven_how, node.proven_at_s, node.first_seen_s) == ("answered a survey", NOW_S, None)
    assert firmware.get(connection, IMAGE).running == 1
    nodes.proven(
        connection, 7, hardware="ESP32", role="sensor", image=OLD_IMAGE, how="proved", at_s=NOW_S + 1
    )
    assert (nodes.get(connection, 7).firmware, nodes.get(connection, 7).version) == (OLD_IMAGE, "")


def test_a_node_without_a_proof_keeps_its_last_one_until_it_is_known_to_be_wrong(connection):
    nodes.proven(connection, 7, hardware="ESP32", role="sensor", image=OLD_IMAGE, how="proved", at_s=NOW_S)
    nodes.proven(connection, 7, hardware="ESP8266", role="", image=None, how="answered", at_s=NOW_S + 9)
    node = nodes.get(connection, 7)
    assert (node.hardware, node.role) == ("ESP8266", "sensor")
    assert (node.firmware, node.proven_how, node.proven_at_s) == (OLD_IMAGE, "proved", NOW_S)
    nodes.proven(connection, 7, hardware="", role="", image="", how="answered", at_s=NOW_S + 9)
    node = nodes.get(connection, 7)
    assert (node.firmware, node.proven_how, node.proven_at_s) == ("", "answered", NOW_S + 9)
    assert (node.hardware, node.role) == ("ESP8266", "sensor")


def test_capabilities_are_kept_in_order(connection):
    nodes.seen(connection, [(7, 1)], NOW_S)
    nodes.set_capabilities(connection, 7, ["rollback", "gzip"])
    assert nodes.get(connection, 7).capabilities == ("gzip", "rollback")


def test_made_up_nodes_do_not_fill_the_disk(connection, monkeypatch):
    monkeypatch.setattr(nodes, "NODES_MAX", 5)
    nodes.seen(connection, [(node, 1) for node in range(10, 14)], NOW_S)
    nodes.patch(connection, 10, name="porch")
    nodes.left(connection, [10, 11, 12], NOW_S)
    nodes.seen(connection, [(20, 1), (21, 1), (22, 1)], NOW_S + 1)
    # Those that left and of which nothing is known go, the named one and those in the mesh stay.
    assert [node.id for node in nodes.load_all(connection)] == [10, 13, 20, 21, 22]
    nodes.seen(connection, [(23, 1)], NOW_S + 2)
    assert len(nodes.load_all(connection)) == 6
