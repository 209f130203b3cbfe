"""What the overview makes of boards, alerts and rollouts, without a page."""

import pytest
import pytest_asyncio

from tests.browser.modules import node, workshop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(browser):
    async with workshop(browser) as shop:
        yield await shop.open()


async def test_versions_are_counted_and_the_rare_ones_put_together(shop):
    nodes = [node(version=version) for version in ["1", "1", "2", "3", "4", "", "", "5"]]
    told = await shop.run("views/overview/logic", "(m, nodes) => m.byVersion(nodes, 3)", nodes)
    assert [(one["version"], one["count"], one["rest"]) for one in told] == [
        ("1", 2, 0),
        ("2", 1, 0),
        ("", 3, 3),
        ("", 2, 0),
    ]
    assert sum(one["share"] for one in told) == pytest.approx(1)


async def test_who_hangs_on_whom_is_counted_and_rings_end(shop):
    tree = [(1, None), (2, 1), (3, 2), (4, 2), (5, 6), (6, 5)]
    counts = dict(
        await shop.run(
            "views/overview/logic",
            "(m, nodes) => m.countBehind(nodes)",
            [node(id=key, parent=parent) for key, parent in tree],
        )
    )
    assert (counts[1], counts[2]) == (3, 2)


async def test_boards_in_trouble_are_those_that_no_alert_tells_of(shop):
    nodes = [
        node(id=1, health=20),
        node(id=2, health=10),
        node(id=3, health=100),
        node(id=4, online=False, health=0),
        node(id=5, health=30),
    ]
    firing = [{"node": 2, "behind": [4]}]
    assert await shop.run(
        "views/overview/logic", "(m, nodes, firing) => m.inTrouble(nodes, firing)", nodes, firing
    ) == [1, 5]


async def test_rollouts_that_wait_for_people_come_first(shop):
    rollouts = [
        {"id": key, "state": state, "created_at": key, "ended_at": ended}
        for key, state, ended in [
            ("1", "updating", None),
            ("2", "paused", None),
            ("3", "completed", "b"),
            ("4", "failed", "a"),
            ("5", "soaking", None),
        ]
    ]
    told = await shop.run("views/overview/logic", "(m, all) => m.splitRollouts(all)", rollouts)
    assert [one["id"] for one in told["active"]] == ["2", "5", "1"]
    assert told["last"]["id"] == "3"


@pytest.mark.parametrize(
    ("text", "number", "before", "after"),
    [
        ("node 7 completed", 7, "", ": runs it"),
        ("node 7 joined the mesh", 7, "", " joined the mesh"),
        ("node 8 left the mesh", 8, "", " left the mesh"),
        ("restarted", 7, "", " restarted"),
        ("The A (b gate is shut; A (b is silent", 7, "The ", " gate is shut; A (b is silent"),
        ("xA (b is another", 7, "", " xA (b is another"),
        ("48 nodes are in sight", None, "48 nodes are in sight", ""),
    ],
)
async def test_the_board_of_an_event_is_linked_where_it_is_named(shop, text, number, before, after):
    run = """async (m, event) => {
      await (await import("./ui/app/words.js")).loadWords();
      return m.aroundName(event, (id) => (id === 7 ? "A (b" : String(id)));
    }"""
    told = await shop.run("parts/event_words", run, {"text": text, "node": number})
    assert told == {"before": before, "after": after}
