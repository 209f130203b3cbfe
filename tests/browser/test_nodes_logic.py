"""What the pages of nodes reckon by themselves: filters, orders, charts and files, asked of their modules."""

import csv
import io

import pytest
import pytest_asyncio

from tests.browser.modules import workshop

NODE = {
    "id": 1, "name": "", "online": True, "parent": None, "children": [], "hardware": "ESP32", "role": "sensor",
    "version": "1.0", "tags": [], "excluded": False,
}  # fmt: skip
HOUR_S = 3600


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(browser):
    async with workshop(browser) as shop:
        yield await shop.open()
        assert not shop.watch.problems


def row(number, level="well", rssi=None, **values):
    numbers = {"metrics": {} if rssi is None else {"rssi_dbm": rssi}, "silent_s": 1, "reboots": 0}
    return {"id": number, "level": level, "numbers": numbers, "node": {**NODE, "id": number, **values}}


ROWS = [
    row(1, name="Kitchen", tags=["house"]),
    row(2, "warn", rssi=-88, name="Shed", version="0.9", tags=["garden", "wet"], excluded=True),
    row(3, "off", online=False, name="Älpli", role="", version=""),
    row(4, hardware="ESP8266", version="1.0", rssi=-60),
]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", [1, 2, 3, 4]),
        ("q=KIT", [1]),
        ("q=älp", [3]),
        ("q=shed 0.9", [2]),
        ("q=shed nothing", []),
        ("level=warn,off", [2, 3]),
        ("level=nonsense", [1, 2, 3, 4]),
        ("mesh=out", [3]),
        ("role=(none)", [3]),
        ("hardware=ESP8266", [4]),
        ("tag=wet", [2]),
        ("tag=(none)", [3, 4]),
        ("excluded=yes", [2]),
        ("outdated=yes", [2]),
        ("signal=-75", [2]),
        ("signal=nonsense", [1, 2, 3, 4]),
        ("mesh=in&level=well&q=1", [1, 4]),
    ],
)
async def test_a_filter_shows_those_that_fit_all_of_it(shop, query, shown):
    found = await shop.run(
        "views/nodes/filter",
        """(m, rows, query) => {
          const fits = m.filterOf(new URLSearchParams(query), m.newestVersions(rows.map((row) => row.node)));
          return rows.filter(fits).map((row) => row.id);
        }""",
        ROWS,
        query,
    )
    assert found == shown


async def test_a_view_leaves_nothing_of_the_one_before(shop):
    changes = await shop.run("views/nodes/filter", "(m) => m.changesTo('mesh=out&sort=seen&range=7d')")
    assert (changes["mesh"], changes["sort"], changes["q"], changes["level"]) == ("out", "seen", None, None)
    assert "range" not in changes


@pytest.mark.parametrize(
    ("order", "ids"),
    [("", [1, 2, 3, 4]), ("heap", [3, 1, 2, 4]), ("-heap", [2, 1, 3, 4]), ("name,-heap", [2, 1, 4, 3])],
)
async def test_what_has_no_value_is_last_either_way(shop, order, ids):
    rows = [
        {"id": 1, "name": "a2", "heap": 20},
        {"id": 2, "name": "a2", "heap": 30},
        {"id": 3, "name": "a10", "heap": 10},
        {"id": 4, "name": "A9", "heap": None},
    ]
    run = """(m, rows, order) => m.sorted(rows, ["name", "heap"].map((key) => ({ key, value: (row) => row[key] })), order)
      .map((row) => row.id)"""
    assert await shop.run("parts/table-data", run, rows, order) == ids


@pytest.mark.parametrize(
    ("order", "key", "further", "then"),
    [
        ("", "heap", False, "heap"),
        ("heap", "heap", False, "-heap"),
        ("-heap", "heap", False, ""),
        ("name", "heap", False, "heap"),
        ("level,name", "name", False, "name"),
        ("name", "heap", True, "name,heap"),
        ("name,heap", "name", True, "-name,heap"),
        ("-name,heap", "name", True, "heap"),
    ],
)
async def test_a_click_turns_an_order(shop, order, key, further, then):
    assert (
        await shop.run("parts/table-data", "(m, ...args) => m.turned(...args)", order, key, further) == then
    )


async def test_rows_in_sight_stay_within_the_table(shop):
    run = "(m) => [m.windowOf(1000, 40, 0, 400), m.windowOf(1000, 40, 20000, 400), m.windowOf(10, 40, 9999, 400)]"
    assert await shop.run("parts/table-data", run) == [[0, 22], [488, 522], [10, 10]]


async def test_a_second_click_with_shift_selects_all_between(shop):
    run = "(m) => m.picked(new Set([9]), [1, 2, 3, 4, 9], 4, 2)"
    assert await shop.run("parts/table-data", run) == [9, 2, 3, 4]


async def test_csv_is_read_back_as_it_was_and_runs_no_formula(shop):
    rows = [
        ["Name", "Heap (B)"],
        ['say "hi", you\nthere', -5],
        ["=cmd|' /C calc'!A0", None],
        ["-1+1", 1.5],
        ["+49", 0],
        ["@x", 2],
        ["\t=1", 3],
    ]
    text = await shop.run("parts/csv", "(m, rows) => m.csvOf(rows)", rows)
    assert text.endswith("\r\n")
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[1] == ['say "hi", you\nthere', "-5"]
    assert [line[0] for line in read[2:]] == ["'=cmd|' /C calc'!A0", "'-1+1", "'+49", "'@x", "'\t=1"]
    assert read[2][1] == ""


async def test_a_row_that_reads_the_same_is_the_same_object(shop):
    run = """(m, node) => {
      const make = m.rowMaker();
      const numbers = (heap) => new Map([[1, { metrics: { heap }, silent_s: 1, reboots: 0 }]]);
      const nodes = new Map([[1, node]]);
      const first = make(nodes, numbers(5), String)[0];
      const same = make(new Map(nodes), numbers(5), String)[0];
      return [first === same, same === make(nodes, numbers(6), String)[0],
        m.metricOf({ ...first, node: { ...node, online: false } }, "heap")];
    }"""
    assert await shop.run("views/nodes/rows", run, NODE) == [True, False, None]


async def test_a_board_with_a_critical_alert_that_people_are_told_of_is_in_trouble(shop):
    run = """async (m, node) => {
      const state = await import("./ui/app/state.js");
      const alert = (more) => {
        const made = { id: "a", node: 1, state: "firing", severity: "critical", quiet: "", ...more };
        state.alerts.value = new Map([["a", made]]);
        return made;
      };
      const levelWith = (more) => (alert(more), m.levelOf({ ...node, health: 80, alerts: 1 }));
      const make = (await import("./ui/views/nodes/rows.js")).rowMaker();
      const one = { ...node, health: 100, alerts: 0 };
      const levels = [{}, { quiet: "silenced" }, { severity: "warning" }, { state: "pending" }, { node: 2 }, { node: null }]
        .map(levelWith);
      const before = m.urgentNodes.value;
      alert({ node: null, text: "another" });
      const steady = before === m.urgentNodes.value;
      const row = () => make(new Map([[1, one]]), new Map(), String)[0].level;
      const shown = [row(), (alert({}), row())];
      state.forget();
      return [levels, steady, shown, m.levelOf({ ...one, online: false })];
    }"""
    levels, steady, shown, away = await shop.run("app/levels", run, NODE)
    assert levels == ["bad", "warn", "warn", "warn", "warn", "warn"]
    assert (steady, shown, away) == (True, ["well", "bad"], "off")


@pytest.mark.parametrize(
    ("query", "key", "length_s"),
    [
        ("", "24h", 24 * HOUR_S),
        ("range=1h", "1h", HOUR_S),
        ("range=nonsense", "24h", 24 * HOUR_S),
        ("from=1000&until=2000", None, 1000),
        ("from=2000&until=1000", "24h", 24 * HOUR_S),
        ("from=1&until=NaN", "24h", 24 * HOUR_S),
        ("from=1&until=1e12", "24h", 24 * HOUR_S),
    ],
)
async def test_the_address_says_what_time_is_shown(shop, query, key, length_s):
    run = "(m, query) => m.spanOf(new URLSearchParams(query), 1_795_000_001)"
    span = await shop.run("views/nodes/history", run, query)
    assert (span["key"], span["until"] - span["from"]) == (key, length_s)
    if key:
        assert 0 <= span["until"] - 1_795_000_001 <= span["everyS"]


async def test_a_line_breaks_where_nothing_was_told_and_at_a_restart(shop):
    points = [[at, 5, 4, 6, 1] for at in (0, 60, 120, 180, 900, 960, 1020)]
    run = "(m, points) => m.chartPoints({ points, resolution_s: 0 }, [1000])"
    found = await shop.run("views/nodes/history", run, points)
    assert [at for at, value, *_ in found if value is None] == [540, 990]
    assert [at for at, value, *_ in found if value is not None] == [point[0] for point in points]


async def test_steps_stand_at_their_middle(shop):
    run = "(m) => m.chartPoints({ points: [[0, 1, 1, 1, 2], [600, null, null, null, 0]], resolution_s: 600 })"
    assert await shop.run("views/nodes/history", run) == [[300, 1, 1, 1], [900, None, None, None]]


async def test_a_mean_is_over_samples_not_over_steps(shop):
    run = """(m) => [m.meanOf([[0, 10, 0, 0, 3], [1, 20, 0, 0, 1], [2, null, null, null, 0]]), m.meanOf([]),
      m.changeOf(40, 38), m.changeOf(0, 5), m.changeOf(null, 5), m.changeOf(-80, -84)]"""
    assert await shop.run("views/nodes/history", run) == [12.5, None, -0.05, None, None, -0.05]


async def test_series_share_their_times_and_keep_their_gaps(shop):
    run = """(m) => {
      const { data, columns } = m.aligned([
        { points: [[1, 10, 8, 12], [3, null]] }, { points: [[2, 5], [3, 6]] },
      ]);
      return [data.map((column) => column.map((value) => (value === undefined ? "none" : value))),
        columns.map((column) => `${column.series} ${column.what}`)];
    }"""
    data, columns = await shop.run("parts/chart-data", run)
    assert columns == ["0 high", "0 low", "0 value", "1 value"]
    assert data[0] == [1, 2, 3]
    assert data[3] == [10, "none", None]
    assert data[4] == ["none", 5, 6]


async def test_the_text_below_a_chart_counts_what_is_in_sight(shop):
    run = "(m) => m.summary([[1, 100], [2, 10, 4, 11], [3, null], [4, 20, 19, 30]], 2, 5)"
    assert await shop.run("parts/chart-data", run) == {
        "last": 20, "lastAt": 4, "least": 4, "most": 30, "mean": 15, "count": 2,
    }  # fmt: skip
    assert await shop.run("parts/chart-data", "(m) => m.summary([[1, null]])") is None


async def test_labels_of_a_scale_differ_from_one_another(shop):
    run = """(m) => [m.scaleText(176_000, "B", 500), m.scaleText(176_500, "B", 500), m.scaleText(0, "B", 500),
      m.scaleText(7200, "s", 3600), m.scaleText(0.25, "", 0.05), m.scaleText(1_200_000, "B/s", 100_000)]"""
    assert await shop.run("parts/chart-data", run) == ["176 kB", "176.5 kB", "0 B", "2 h", "0.25", "1.2 MB/s"]


async def test_zooming_never_goes_past_now(shop):
    run = "(m) => [m.zoomed(0, 100, 0.5, 100), m.zoomed(0, 100, 2, 100), m.zoomed(0, 100, 2, 1000), m.zoomed(0, 2, 0.1, 9)]"
    assert await shop.run("parts/chart-data", run) == [[25, 75], [-100, 100], [-50, 150], [-4, 6]]


async def test_marks_that_would_overlap_are_one(shop):
    run = """(m) => m.clusters([{ at_s: 50 }, { at_s: 10 }, { at_s: 12 }], (at) => at, 5)
      .map((one) => [one.left, one.notes.length])"""
    assert await shop.run("parts/chart-data", run) == [[10, 2], [50, 1]]


async def test_who_is_behind_a_node_is_known_even_from_a_ring(shop):
    run = """(m) => {
      const nodes = new Map([[1, null, [2]], [2, 1, [3, 4]], [3, 2, []], [4, 2, [2]]].map(
        ([id, parent, children]) => [id, { id, parent, children }]));
      const ring = new Map([[1, { id: 1, parent: 2, children: [] }], [2, { id: 2, parent: 1, children: [] }]]);
      const ids = (list) => list.map((node) => node.id);
      return [ids(m.behind(nodes, 2)), ids(m.behind(nodes, 1)), ids(m.chainOf(nodes, 3)), ids(m.chainOf(ring, 1)),
        m.behind(nodes, 99)];
    }"""
    assert await shop.run("views/nodes/lineage", run) == [[3, 4], [2, 3, 4], [1, 2, 3], [2, 1], []]


async def test_stays_below_a_parent_last_until_the_next(shop):
    run = """(m) => m.stays([{ at: "2026-11-25T10:10:00Z", parent: null }, { at: "2026-11-25T10:00:00Z", parent: 5 }],
      Date.parse("2026-11-25T10:11:00Z")).map((stay) => [stay.parent, stay.forS, stay.isNow])"""
    assert await shop.run("views/nodes/lineage", run) == [[None, 60, True], [5, 600, False]]


async def test_no_more_than_four_requests_are_under_way_and_an_unneeded_one_leaves_the_queue(shop):
    run = """async (m) => {
      let under = 0, most = 0, ran = 0;
      const ends = [];
      const doing = () => {
        most = Math.max(most, ++under);
        ran += 1;
        return new Promise((resolve) => ends.push(() => (under--, resolve(1))));
      };
      const stop = new AbortController();
      const all = Array.from({ length: 6 }, () => m.inTurn(doing));
      const dropped = m.inTurn(doing, stop.signal).then(() => "ran", (error) => error.name);
      stop.abort();
      const failed = m.inTurn(() => Promise.reject(new Error("no"))).catch((error) => error.message);
      while (ran < 6 || ends.length) { ends.shift()?.(); await Promise.resolve(); }
      await Promise.all(all);
      return [most, ran, await dropped, await failed];
    }"""
    assert await shop.run("views/nodes/queue", run) == [4, 6, "AbortError", "no"]


async def test_tags_are_taken_as_people_write_them(shop):
    run = """(m) => [m.tagsOf(" Wet, green-house\\nwet "), ["a", "a.b_c-1", "", "A", "ä", "x".repeat(33)].map(m.isTag)]"""
    assert await shop.run("views/nodes/tags", run) == [
        ["wet", "green-house"],
        [True, True, False, False, False, False],
    ]
