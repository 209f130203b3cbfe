"""What the dashboard is made of, module by module: each loads by itself, and works out what it should."""

import random
import re
from pathlib import Path

import pytest
import pytest_asyncio

from meshward.web import site_files
from tests.browser.modules import node, workshop

SITE = Path(site_files.__file__).parent / "site"
MODULES = sorted(str(path.relative_to(SITE).with_suffix("")) for path in SITE.rglob("*.js"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(browser):
    async with workshop(browser) as shop:
        yield await shop.open()


@pytest.mark.parametrize("module", MODULES)
async def test_a_module_loads_by_itself(shop, module):
    shop.watch.problems.clear()
    await shop.run("app/words", "(m) => m.loadWords()")
    names = await shop.run(module, "(m) => Object.keys(m)")
    assert names or module in {"app/early", "app/main"}
    assert shop.watch.problems == []


def test_views_do_not_dress_each_other():
    """Styles stay when their view is left, so no two views may mean different things by a class."""
    meant: dict[tuple[str, str], set[str]] = {}
    for style in SITE.glob("style/*.css"):
        if style.stem in {"base", "parts", "shell"}:
            continue
        text = re.sub(r"/\*.*?\*/", "", style.read_text(), flags=re.DOTALL)
        for selectors in re.findall(r"([^{}@;]+)\{", text):
            for selector in selectors.split(","):
                if found := re.match(r"(\w*)\.([\w-]+)", selector.strip()):
                    meant.setdefault((found[2], found[1]), set()).add(style.stem)
    for (name, tag), styles in meant.items():
        others = styles | (meant.get((name, ""), set()) if tag else set())
        assert len(others) == 1, f"{tag}.{name} is meant in {sorted(others)}"


# -- numbers and times --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0 s"), (59.4, "59 s"), (60, "1 min"), (90, "1 min 30 s"), (600, "10 min"), (3599, "1 h")),
        *(
            (3600, "1 h"),
            (5400, "1 h 30 min"),
            (7199, "2 h"),
            (86_399, "1 d"),
            (86_400, "1 d"),
            (273_600, "3 d 4 h"),
        ),
        *((-5, "0 s"), (None, "\N{EN DASH}")),
    ],
)
async def test_lengths_of_time(shop, seconds, text):
    assert await shop.run("app/format", "(m, s) => m.duration(s)", seconds) == text


async def test_every_length_of_time_reads_as_a_clock_would(shop):
    wrong = await shop.run(
        "app/format",
        r"""(m) => {
          const wrong = [];
          for (let s = 0; s < 400000; s += 7) {
            const text = m.duration(s);
            if (/\b60 (s|min)|\b24 h/.test(text)) wrong.push([s, text]);
          }
          return wrong.slice(0, 5);
        }""",
    )
    assert wrong == []


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1 kB"),
        (1234, "1.2 kB"),
        (99_950, "100 kB"),
        (5_000_000, "5 MB"),
        (None, "\N{EN DASH}"),
    ],
)
async def test_bytes(shop, count, text):
    assert await shop.run("app/format", "(m, n) => m.bytes(n)", count) == text


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (1, 0, "100 %"),
        (0.99999, 0, "99 %"),
        (0.9996, 1, "99.9 %"),
        (0.5, 0, "50 %"),
        (0, 0, "0 %"),
        (None, 0, "\N{EN DASH}"),
    ],
)
async def test_what_is_not_all_never_reads_as_all(shop, share, digits, text):
    assert await shop.run("app/format", "(m, s, d) => m.percent(s, d)", share, digits) == text


async def test_ages(shop):
    ages = await shop.run(
        "app/format",
        "(m, spans) => spans.map((s) => m.ago(new Date(m.nowMs.peek() - 1000 * s).toISOString()))",
        [0, 5, 7200],
    )
    assert ages == ["just now", "5 s ago", "2 h ago"]
    assert await shop.run("app/format", "(m) => m.ago(null)") == "\N{EN DASH}"


async def test_moments_of_another_year_say_so(shop):
    told = await shop.run(
        "app/format",
        """(m) => {
          const now = new Date(m.gatewayMs());
          const days = [[now.getFullYear() - 1, 5, 1], [now.getFullYear(), now.getMonth() < 6 ? 11 : 0, 1]];
          return days.map((day) => m.moment(new Date(...day, 12).toISOString()).includes(String(day[0])));
        }""",
    )
    assert told == [True, False]


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        *(
            (" 1.5 ", 1.5),
            ("1,5", 1.5),
            ("20480", 20480),
            ("-3", -3),
            ("\N{MINUS SIGN}3", -3),
            ("0,125", 0.125),
        ),
        *((".5", 0.5), ("1e-7", 1e-7), ("", None), (" ", None)),
        *(("20,480", "none"), ("1,234,567", "none"), ("1.234,5", "none"), ("0x10", "none"), ("five", "none")),
        *(("Infinity", "none"), ("1 000", "none"), ("-", "none"), (".", "none")),
    ],
)
async def test_numbers_as_people_type_them(shop, typed, value):
    read = "(m, text) => { const n = m.numberOf(text); return Number.isNaN(n) ? 'none' : n; }"
    assert await shop.run("app/numbers", read, typed) == value


# -- the state that the stream brings -----------------------------------------------------------

SNAPSHOT = {
    "type": "snapshot",
    "n": 1,
    "epoch": "e",
    "own_id": 9,
    "mesh_connected": True,
    "alarms": [],
    "nodes": [node(id=1), node(id=2, name="Hall")],
    "rollouts": [],
    "alerts": [{"id": "a", "state": "firing", "severity": "warning", "since_at": "2026-01-01T00:00:00Z"}],
}


async def test_a_snapshot_and_deltas_are_taken_and_what_stays_is_the_same_object(shop):
    told = await shop.run(
        "app/state",
        """(m, snapshot, changes) => {
          m.forget();
          m.take(snapshot);
          const [before, hall, alerts] = [m.nodes.value, m.nodes.value.get(2), m.alerts.value];
          m.take({ type: "delta", changes });
          return {
            kept: m.nodes.value.get(2) === hall,
            copied: m.nodes.value !== before && before.get(1).online,
            untouched: m.alerts.value === alerts,
            ids: [...m.nodes.value.keys()], online: m.online.value.length,
            names: [m.nameOf(2), m.nameOf(1), m.nameOf(77)],
          };
        }""",
        SNAPSHOT,
        [
            {"kind": "node", "id": 1, "value": node(id=1, online=False)},
            {"kind": "node", "id": 3, "value": node(id=3)},
        ],
    )
    assert told == {
        "kept": True,
        "copied": True,
        "untouched": True,
        "ids": [1, 2, 3],
        "online": 2,
        "names": ["Hall", "1", "77"],
    }


async def test_what_is_gone_goes(shop):
    told = await shop.run(
        "app/state",
        """(m, snapshot, changes) => {
          m.forget();
          m.take(snapshot);
          m.take({ type: "delta", changes });
          return { nodes: m.nodes.value.size, alerts: m.alerts.value.size, connected: m.gateway.value.mesh_connected };
        }""",
        SNAPSHOT,
        [
            {"kind": "node", "id": 1, "value": None},
            {"kind": "alert", "id": "a", "value": {"id": "a", "state": "resolved"}},
            {"kind": "gateway", "id": None, "value": {"own_id": 9, "mesh_connected": False, "alarms": []}},
        ],
    )
    assert told == {"nodes": 1, "alerts": 0, "connected": False}


async def test_no_more_events_are_kept_than_can_be_read(shop):
    told = await shop.run(
        "app/state",
        """(m, snapshot) => {
          m.forget();
          m.take(snapshot);
          for (let n = 0; n < 50; n++) {
            m.take({ type: "delta", changes: [0, 1, 2, 3, 4, 5, 6, 7].map((k) => ({ kind: "event", id: 8 * n + k, value: { id: 8 * n + k } })) });
          }
          return m.events.value.map((event) => event.id);
        }""",
        SNAPSHOT,
    )
    assert told == list(range(399, 199, -1))


async def test_loud_alerts_come_first(shop):
    alerts = [
        {"id": key, "state": "firing", "severity": severity, "quiet": quiet, "since_at": since}
        for key, severity, quiet, since in [
            *[("a", "info", "", "2026-01-02"), ("b", "critical", "silenced", "2026-01-02")],
            *[
                ("c", "warning", "", "2026-01-01"),
                ("d", "warning", "", "2026-01-02"),
                ("e", "critical", "", "2026-01-01"),
            ],
        ]
    ]
    order = await shop.run(
        "app/state",
        "(m, s) => (m.forget(), m.take(s), m.firing.value.map((a) => a.id).join(''))",
        {**SNAPSHOT, "alerts": alerts},
    )
    assert order == "edcab"


# -- levels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "level"),
    [
        *(
            ({"health": 100}, "well"),
            ({"health": 79}, "warn"),
            ({"health": 49}, "bad"),
            ({"health": None}, "unknown"),
        ),
        *(({"alerts": 1}, "warn"), ({"online": False, "health": 10}, "off")),
    ],
)
async def test_levels_of_nodes(shop, values, level):
    assert await shop.run("app/levels", "(m, n) => m.levelOf(n)", node(**values)) == level


async def test_levels_of_what_is_not_known(shop):
    assert (
        await shop.run(
            "app/levels", "(m) => [m.levelOf(undefined), m.levelOfScore(null), m.levelOfUpdate('odd')]"
        )
        == ["unknown"] * 3
    )


# -- the router ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a b", "ä/ö", "50 %", "<script>", "?x=1&y", "#", "\u202egnp"])
async def test_addresses_hold_any_text(shop, value):
    told = await shop.run(
        "app/router",
        """(m, value) => {
          m.go(m.to("nowhere", value, { q: value, none: "" }), { replace: true });
          const { path, params } = m.route.value;
          const found = [path[1], params.get("q"), params.has("none")];
          m.go("#/", { replace: true });
          return found;
        }""",
        value,
    )
    assert told == [value, value, False]


# -- the replay of the map ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
async def test_moves_undone_give_the_tree_of_then(shop, seed):
    rng = random.Random(seed)
    tree: dict[int, int] = {}
    moves, states = [], [({}, 0)]
    for step in range(1, 300):
        at_s = step // 3  # several at once are common
        who, parent = rng.randint(1, 30), rng.choice([None, *range(40)])
        before = tree.pop(who, None)
        if parent == before:
            parent = None if before is not None else 0
        if parent is not None:
            tree[who] = parent
        moves.append({"at": stamp(at_s), "node": who, "parent": parent, "before": before})
        states.append((dict(tree), at_s))
    last = {at_s: state for state, at_s in states}  # the last of those of a moment
    moments = sorted(last)
    told = await shop.run(
        "views/map/replay",
        "(m, present, moves, moments) => moments.map((at) => m.treeAt(new Map(present), moves, Date.parse(at)))",
        *(sorted(tree.items()), moves, [stamp(at_s) for at_s in moments]),
    )
    for at_s, found in zip(moments, told, strict=True):
        assert dict(found) == last[at_s], at_s


def stamp(at_s):
    return f"2026-01-01T00:{at_s // 60:02}:{at_s % 60:02}Z"
