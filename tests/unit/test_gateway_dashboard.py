"""What the dashboard keeps: changed by several at once, checked when it is read, and never in the way."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from meshward.errors import InvalidError, StoreError
from meshward.gateway import dashboard_cases
from meshward.gateway.dashboard_cases import DASHBOARD_KEY
from meshward.gateway.dashboard_views import (
    POSITIONS_MAX,
    SAVED_VIEWS_MAX,
    DashboardPatch,
    DashboardView,
    MapPosition,
    SavedView,
)
from meshward.store import audit, settings
from tests.support.gateway import OPERATOR, opened_service, see, take_no_writes


@pytest.fixture
async def service(tmp_path):
    async with opened_service(tmp_path) as service:
        await see(service, *range(7, 40))
        yield service


def at(x, y):
    return MapPosition(x=x, y=y)


def put(**places):
    """Nodes by name, as n7=(1, 2), or None."""
    return DashboardPatch(
        positions={node[1:]: None if place is None else at(*place) for node, place in places.items()}
    )


def saved(name, query="sort=-heap"):
    return DashboardPatch(save_view=SavedView(name=name, query=query))


async def names(service):
    return [view.name for view in (await service.dashboard()).views]


async def patch(service, change):
    return await service.patch_dashboard(change, OPERATOR)


async def actions(service):
    page = await service.database.read(audit.page)
    return [(entry.action, entry.detail) for entry in page.items if entry.action.startswith("dashboard")]


async def test_it_begins_empty_and_what_is_left_out_stays(tmp_path, service):
    assert await service.dashboard() == DashboardView()
    await patch(service, put(n7=(1.26, -2), n8=(3, 4)))
    await patch(service, saved("cold"))
    await patch(service, saved("roof"))
    await patch(service, put(n8=None, n9=(5, 6)))
    kept = await service.dashboard()
    assert kept.positions == {"7": at(1.3, -2), "9": at(5, 6)}
    assert [view.name for view in kept.views] == ["cold", "roof"]
    assert (await patch(service, DashboardPatch(clear_positions=True))).positions == {}
    await patch(service, put(n7=(1, 1)))
    again = DashboardPatch(clear_positions=True, positions={"8": at(2, 2)})
    assert (await patch(service, again)).positions == {"8": at(2, 2)}


async def test_it_is_there_after_a_restart(tmp_path):
    async with opened_service(tmp_path) as service:
        await see(service, 7)
        kept = await patch(service, put(n7=(1, 2)))
    async with opened_service(tmp_path) as service:
        assert await service.dashboard() == kept


async def test_who_change_it_at_once_lose_nothing(service):
    await asyncio.gather(*(patch(service, put(**{f"n{node}": (node, 0)})) for node in range(7, 40)))
    assert (await service.dashboard()).positions == {str(node): at(node, 0) for node in range(7, 40)}


async def test_views_are_saved_and_dropped_one_by_one_so_that_nobody_loses_anothers(service):
    await asyncio.gather(*(patch(service, saved(f"view {number}")) for number in range(10)))
    await asyncio.gather(
        patch(service, DashboardPatch(drop_view="VIEW 3")),
        patch(service, saved("View 4", "sort=name")),
        patch(service, DashboardPatch(drop_view="never there")),
    )
    assert await names(service) == [
        *("view 0", "view 1", "view 2", "View 4", "view 5", "view 6", "view 7", "view 8", "view 9")
    ]
    assert (await service.dashboard()).views[3].query == "sort=name"
    both = DashboardPatch(drop_view="view 0", save_view=SavedView(name="view 10", query=""))
    assert [view.name for view in (await patch(service, both)).views][-1] == "view 10"


async def test_other_browsers_are_told_to_read_it_again(service):
    before = service.feed.number
    await patch(service, put(n7=(1, 2)))
    (delta,) = service.feed.after(before)
    assert msgspec.json.decode(delta)["changes"] == [{"kind": "dashboard", "id": "dashboard", "value": {}}]


async def test_the_audit_log_has_views_and_not_every_node_that_was_dragged(service):
    await patch(service, put(n7=(1, 2)))
    await patch(service, saved("cold"))
    await patch(service, DashboardPatch(drop_view="cold"))
    await patch(service, DashboardPatch(clear_positions=True))
    assert await actions(service) == [
        ("dashboard.change", {"clear_positions": True}),
        ("dashboard.change", {"drop_view": "cold"}),
        ("dashboard.change", {"save_view": "cold"}),
    ]


async def test_places_of_nodes_that_are_forgotten_go(service):
    await patch(service, put(n7=(1, 2), n8=(1, 2)))
    await see(service)
    await service.forget_node(8, OPERATOR)
    assert (await patch(service, put(n9=(1, 2), n999=(1, 2)))).positions.keys() == {"7", "9"}


@pytest.mark.parametrize(
    "node",
    [
        "",
        "0",
        "07",
        "+7",
        "7.0",
        " 7",
        "4294967296",
        "99999999999999",
        "seven",
        "\N{ARABIC-INDIC DIGIT SEVEN}",
        "7\n",
        "x" * 9999,
    ],
)
async def test_only_nodes_have_places(service, node):
    with pytest.raises(InvalidError, match=r"positions: .* is no node") as error:
        await patch(service, DashboardPatch(positions={node: at(1, 2)}))
    assert len(str(error.value)) < 200
    assert await service.dashboard() == DashboardView()


@pytest.mark.parametrize(
    ("name", "query", "text"),
    [
        ("a\x1b", "", "name of a view holds control"),
        ("a\u202eb", "", "name of a view holds control"),
        (" a", "", "blanks"),
        ("a", "x\ny", "query of a view holds control"),
    ],
)
async def test_only_views_that_can_be_shown_are_saved(service, name, query, text):
    with pytest.raises(InvalidError, match=text):
        await patch(service, saved(name, query))
    assert (await service.dashboard()).views == []


async def test_no_name_that_cannot_be_shown_gets_into_the_audit_log(service):
    with pytest.raises(InvalidError, match="control"):
        await patch(service, DashboardPatch(drop_view="a\x1b"))
    assert await actions(service) == []


async def test_there_are_only_so_many_views(service):
    for number in range(SAVED_VIEWS_MAX):
        await patch(service, saved(f"v{number}"))
    with pytest.raises(InvalidError, match="drop one first"):
        await patch(service, saved("one more"))
    await patch(service, saved("v0", "sort=name"))
    await patch(service, DashboardPatch(drop_view="v1", save_view=SavedView(name="one more", query="")))
    assert len(await names(service)) == SAVED_VIEWS_MAX


async def test_there_are_only_so_many_places(service):
    many = {str(node): at(1, 1) for node in range(1, POSITIONS_MAX + 2)}
    with pytest.raises(InvalidError, match="all that is kept"):
        await patch(service, DashboardPatch(positions=many))


@pytest.fixture
def warnings(monkeypatch):
    """What is logged; the log itself may have been set up by another test."""
    told = []
    log = SimpleNamespace(warning=lambda text, **_: told.append(text))
    monkeypatch.setattr(dashboard_cases, "log", log)
    return told


@pytest.mark.parametrize(
    "kept", [[], "x", {"positions": []}, {"views": {"a": 1}}, {"positions": {}, "views": 5}]
)
async def test_what_is_damaged_as_a_whole_begins_anew(service, kept, warnings):
    await service.database.write(settings.put, DASHBOARD_KEY, kept)
    assert await service.dashboard() == DashboardView()
    assert ["damaged" in text for text in warnings] == [True]
    assert (await patch(service, put(n7=(1, 2)))).positions == {"7": at(1, 2)}
    assert (await service.dashboard()).positions == {"7": at(1, 2)}


@pytest.mark.parametrize(
    "bad",
    [
        {"positions": {"8": [1]}},
        {"positions": {"x": [1, 2]}},
        {"positions": {"8": [1e9, 2]}},
        {"positions": {"8": [1, 2, "of a newer version"]}},
        {"views": [{"name": "a\x00", "query": ""}]},
        {"views": [{"name": "a"}]},
        {"views": [{"name": "a", "query": "", "newer": 1}]},
        {"views": ["a", None]},
    ],
)
async def test_of_what_is_damaged_or_newer_the_rest_stays(service, bad, warnings):
    kept = {
        "positions": {"7": [1, 2], **bad.get("positions", {})},
        "views": [*bad.get("views", []), {"name": "cold", "query": ""}],
        "newer": 1,
    }
    await service.database.write(settings.put, DASHBOARD_KEY, kept)
    whole = DashboardView(positions={"7": at(1, 2)}, views=[SavedView(name="cold", query="")])
    assert await service.dashboard() == whole
    assert ["damaged" in text for text in warnings] == [True]
    await patch(service, put(n9=(5, 6)))
    assert (await service.dashboard()).positions == {"7": at(1, 2), "9": at(5, 6)}
    assert await names(service) == ["cold"]


async def test_what_is_no_json_begins_anew(service):
    def spoil(connection):
        connection.execute("INSERT INTO setting (key, value) VALUES (?, '{')", (DASHBOARD_KEY,))

    await service.database.write(spoil)
    assert await service.dashboard() == DashboardView()


async def test_a_disk_that_takes_nothing_is_told_of(service):
    await take_no_writes(service.database)
    with pytest.raises(StoreError):
        await patch(service, put(n7=(1, 2)))
    assert await service.dashboard() == DashboardView()
