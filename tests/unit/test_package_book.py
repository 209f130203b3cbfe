"""The last packages of each node: few, short, fit to be shown, and forgotten with the node."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshnode import wire
from meshward.gateway import package_book
from meshward.gateway.package_book import BYTES_MAX, NAMES, PACKAGE_BYTES_MAX, PACKAGES_KEPT, PackageBook


def package(kind=604, sender=7, **more):
    return {"type": kind, "routing": 2, "from": sender, **more}


@pytest.fixture
def book():
    return PackageBook()


def test_the_last_few_are_shown_as_they_came_newest_first(book):
    for number in range(PACKAGES_KEPT + 5):
        book.add(7, package(mem=number), 1000.0 + number)
    book.add(8, package(wire.SINGLE, 8, msg="hello"), 2000.0)
    shown = book.shown(7)
    assert [one.package["mem"] for one in shown] == list(range(14, 4, -1))
    assert (shown[0].at, shown[0].type, shown[0].what) == (
        "1970-01-01T00:16:54.000Z",
        604,
        "enhanced status report",
    )
    assert shown[0].size_bytes == len(wire.encode(package(mem=14))) - 1
    assert not shown[0].cut
    assert [one.what for one in book.shown(8)] == ["text to one node"]
    assert book.shown(9) == []


def test_parts_of_firmware_do_not_push_the_others_out(book):
    book.add(7, package(), 1.0)
    for _ in range(100):
        book.add(7, package(wire.OTA_DATA_REQUEST, partNo=3), 2.0)
        book.add(7, package(wire.OTA_DATA, data="AAAA"), 2.0)
    book.add(7, package(wire.OTA_ANNOUNCE), 3.0)
    assert [one.type for one in book.shown(7)] == [wire.OTA_ANNOUNCE, 604]


def test_every_type_that_we_know_has_a_name():
    kinds = {
        value
        for name, value in vars(wire).items()
        if name.isupper() and isinstance(value, int) and not name.startswith(("ROUTE_", "MAX_"))
    }
    assert kinds <= NAMES.keys()
    assert all(NAMES.values())


def test_a_type_of_somebody_elses_has_none(book):
    book.add(7, package(333), 1.0)
    assert book.shown(7)[0].what == ""


def test_long_ones_are_cut_and_keep_what_comes_after_a_long_text(book):
    book.add(7, {"type": 9, "msg": "x" * 60_000, "dest": 1, "from": 7}, 1.0)
    (shown,) = book.shown(7)
    assert shown.cut
    assert shown.size_bytes > 60_000
    assert shown.package["msg"].endswith("…")
    assert (shown.package["dest"], shown.package["from"]) == (1, 7)
    book.add(7, package(list=[{"node": node} for node in range(5000)]), 1.0)
    shown = book.shown(7)[0]
    assert shown.cut
    assert shown.package["list"][:2] == [{"node": 0}, {"node": 1}]
    assert len(msgspec.json.encode(shown.package)) <= PACKAGE_BYTES_MAX


def test_what_boards_say_is_fit_to_be_shown(book):
    book.add(7, package(msg="a\x1b[2Jb\u202ec", **{"k\x00": ["\ud800"]}), 1.0)
    shown = book.shown(7)[0].package
    assert shown["msg"] == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c"
    assert shown["k\N{REPLACEMENT CHARACTER}"] == ["\N{REPLACEMENT CHARACTER}"]


def test_a_node_is_forgotten_with_all_it_sent(book):
    book.add(7, package(), 1.0)
    book.add(8, package(), 1.0)
    book.forget(7)
    book.forget(99)
    assert (book.shown(7), len(book.shown(8))) == ([], 1)


def test_a_mesh_that_makes_up_nodes_fills_no_memory(book, monkeypatch):
    monkeypatch.setattr(package_book, "BYTES_MAX", 50_000)
    book.add(1, package(sender=1), 1.0)
    for node in range(2, 1000):
        book.add(node, package(sender=node, msg="x" * 1500), 1.0)
        if node % 10 == 0:
            book.add(1, package(sender=1), 1.0)
    kept = sum(len(one.data) for packages in book._nodes.values() for one in packages)
    assert kept == book._bytes <= 50_000
    assert len(book.shown(999)) == 1
    assert len(book.shown(1)) == PACKAGES_KEPT  # who goes on talking stays
    assert book.shown(2) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=200,
)


@given(st.dictionaries(st.text(), json_values), st.integers(0, 3000))
@settings(max_examples=100, deadline=None)
def test_any_package_is_kept_short_and_shown(values, length):
    book = PackageBook()
    book.add(7, {**values, "type": 700, "msg": 'é\x07"' * length}, 1.0)
    (kept,) = book._nodes[7]
    assert len(kept.data) <= PACKAGE_BYTES_MAX + len('"…"') * len(values)
    (shown,) = book.shown(7)
    assert json.loads(msgspec.json.encode(shown))["type"] == 700
    assert BYTES_MAX >= book._bytes == len(kept.data)
