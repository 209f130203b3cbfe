"""Every node that is, or ever was, in the mesh, as it is shown."""

import pytest

from meshward.gateway import node_book
from meshward.gateway.node_book import NodeBook
from meshward.store.nodes import NodeRow
from tests.support.gateway import OWN_ID, mesh

NOW_S = 1_800_000_000.0
AT = "2027-01-15T08:00:00.000Z"
IMAGE = "ab" * 32


def row(node, **values):
    empty = dict.fromkeys(NodeRow.__dataclass_fields__, "")
    empty |= {
        "id": node,
        "tags": (),
        "capabilities": (),
        "excluded": False,
        "proven_at_s": None,
        "parent": None,
    }
    empty |= dict.fromkeys(("first_seen_s", "last_seen_s", "up_since_s"), NOW_S)
    return NodeRow(**{**empty, **values})


@pytest.fixture
def book():
    book = NodeBook()
    book.on_tree(mesh(7, 8, 9, depths=[1, 2, 2]), NOW_S)
    book.changed.clear()
    return book


def test_nodes_of_a_tree_have_their_places(book):
    assert (book.own_id, book.online()) == (OWN_ID, [7, 8, 9])
    seven, eight = book.views[7], book.views[8]
    assert (seven.parent, seven.depth, seven.children) == (None, 1, [8, 9])
    assert (eight.parent, eight.depth, eight.children) == (7, 2, [])
    assert seven.up_since_at == seven.first_seen_at == seven.last_seen_at == AT
    assert [(node.id, node.parent) for node in book.topology().nodes] == [(1, None), (7, 1), (8, 7), (9, 7)]


def test_what_a_new_tree_changed_is_told_and_nothing_else(book):
    same = book.on_tree(mesh(7, 8, 9, depths=[1, 2, 2]), NOW_S + 1)
    assert (same.joined, same.left, same.placed, book.changed) == ([], [], [], set())

    moved = book.on_tree(mesh(7, 8, 10, depths=[1, 2, 1]), NOW_S + 2)
    assert (moved.joined, moved.left, moved.placed) == ([10], [9], [(10, OWN_ID)])
    assert book.changed == {7, 9, 10}
    nine = book.views[9]
    assert (nine.online, nine.parent, nine.depth, nine.up_since_at) == (False, None, None, None)
    assert nine.last_seen_at == "2027-01-15T08:00:02.000Z"

    book.changed.clear()
    moved = book.on_tree(mesh(7, 8, 10, depths=[1, 1, 2]), NOW_S + 3)
    assert (moved.joined, moved.left, moved.placed) == ([], [], [(8, OWN_ID), (10, 8)])
    assert book.changed == {7, 8, 10}


def test_all_stored_nodes_are_offline_at_first():
    book = NodeBook()
    book.load([row(7, name="Hall", tags=("a",), firmware=IMAGE, version="1.0", proven_at_s=NOW_S)])
    view = book.views[7]
    assert (view.online, view.name, view.tags, view.version, view.proven_at) == (
        False,
        "Hall",
        ["a"],
        "1.0",
        AT,
    )
    assert book.topology().nodes == []
    known = book.known(7)
    assert (known.image, known.version, known.tags, known.excluded) == (IMAGE, "1.0", {"a"}, None)


def test_a_version_that_was_proven_counts_for_more_than_one_that_is_told(book):
    book.reported(7, 30_000, "9.9-beta")
    assert (book.views[7].version, book.views[7].free_heap_bytes) == ("9.9-beta", 30_000)
    book.take_row(row(7, name="Hall"))
    assert book.views[7].version == "9.9-beta"  # a name says nothing of it
    book.take_row(row(7, firmware=IMAGE, version="1.0"))
    book.reported(7, None, "9.9-beta")
    assert (book.views[7].version, book.views[7].free_heap_bytes) == ("1.0", 30_000)
    book.take_row(row(7))  # it was found not to run that any more
    assert book.views[7].version == ""


def test_reports_and_delays_of_strangers_are_passed_over(book):
    book.reported(99, 30_000, "1.0")
    book.measured(99, 5_000)
    assert 99 not in book.views
    assert book.changed == set()
    book.measured(7, 5_432)
    assert book.views[7].delay_ms == 5.43
    assert book.changed == {7}
    book.on_tree(mesh(), NOW_S)
    assert book.views[7].delay_ms is None


def test_nodes_show_their_state_in_a_rollout_while_that_lasts(book):
    book.in_rollouts({7: ("r1", "downloading")})
    assert (book.views[7].rollout, book.views[7].update_state) == ("r1", "downloading")
    assert book.changed == {7}
    book.changed.clear()
    book.in_rollouts({7: ("r1", "downloading")})
    assert book.changed == set()
    book.in_rollouts({})
    assert (book.views[7].rollout, book.views[7].update_state) == (None, None)
    assert book.changed == {7}


def test_an_excluded_node_is_known_with_the_reason(book):
    book.take_row(row(7, excluded=True, exclusion_reason="on loan"))
    assert book.known(7).excluded == "on loan"
    book.take_row(row(7, excluded=False, exclusion_reason=""))
    assert book.known(7).excluded is None


def test_a_mesh_that_makes_up_ids_does_not_fill_the_memory(book, monkeypatch):
    monkeypatch.setattr(node_book, "NODES_MAX", 5)
    for kept in (row(20, name="Hall"), row(21, tags=("a",)), row(22, excluded=True), row(23, firmware=IMAGE)):
        book.take_row(kept)
    moved = book.on_tree(mesh(7, 8, 9, 30, 31), NOW_S + 10)
    assert moved.surplus == []  # all are of use, or here
    moved = book.on_tree(mesh(7, 32, 33), NOW_S + 20)
    assert moved.surplus == [8, 9, 30, 31]
    for node in moved.surplus:
        book.drop(node)
    assert set(book.views) == {7, 32, 33, 20, 21, 22, 23}
    moved = book.on_tree(mesh(32), NOW_S + 30)
    assert moved.surplus == [7, 33]
