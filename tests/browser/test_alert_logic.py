"""What the pages of alerts and settings reckon by themselves, asked of their modules in a real browser."""

import pytest
import pytest_asyncio

from tests.support.browser import visit

STAGE = {"nodes": 2}

ALERT = {
    "id": "1", "fingerprint": "f1", "rule": "silent_node", "severity": "warning", "state": "firing", "quiet": "",
    "node": 1005, "name": "Kitchen", "explained_by": "", "since_at": "2026-11-25T10:00:00.000Z", "threshold": 60,
}  # fmt: skip
DRAFT = {
    "name": "cold_store", "enabled": True, "severity": "warning", "metric": "temperature_c", "direction": "above",
    "threshold": "30", "clear": "", "for_s": 300, "keep_firing_s": 300, "nodes": [], "tags": [],
}  # fmt: skip
RULE = {
    **DRAFT, "name": "hot", "threshold": 80, "clear": 72, "for_s": 600, "unit": "°C", "custom": False,
    "origin": "default",
}  # fmt: skip
SILENCE = {
    "kind": "silence", "rules": ["leak"], "nodes": [], "tags": [], "start": "", "length": 3600, "until": "",
    "reason": " quiet ",
}  # fmt: skip

_CALL = """
async ([module, name, args]) =>
  (await import(new URL(`ui/views/${module}.js`, document.baseURI).href))[name](...args)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def call(browser, stage):
    """Call a function of a module of views/: its result, as JSON has it."""
    async with visit(browser, stage.daemon, "viewer", place="#/settings/about") as page:

        async def ask(module, name, *args):
            return await page.evaluate(_CALL, [module, name, list(args)])

        yield ask


def alert(number, **changes):
    return {**ALERT, "id": str(number), "fingerprint": f"f{number}", **changes}


async def test_what_follows_from_an_alert_is_below_it_over_all_steps(call):
    alerts = [
        alert(3, explained_by="f2", quiet="explained"),
        alert(2, explained_by="f1", quiet="explained"),
        alert(1, severity="critical"),
    ]
    (group,) = await call("alerts/model", "arrange", alerts)
    assert group["key"] == "critical"
    (item,) = group["items"]
    assert item["alert"]["id"] == "1"
    assert {one["id"] for one in item["under"]} == {"2", "3"}


async def test_alerts_that_explain_each_other_or_something_gone_stay_in_sight(call):
    alerts = [alert(1, explained_by="f2"), alert(2, explained_by="f1"), alert(3, explained_by="gone")]
    (group,) = await call("alerts/model", "arrange", alerts)
    seen = [item["alert"]["id"] for item in group["items"]]
    seen += [one["id"] for item in group["items"] for one in item["under"]]
    assert sorted(seen) == ["1", "2", "3"]


async def test_loud_alerts_come_before_quiet_ones_and_those_that_wait_come_last(call):
    alerts = [
        alert(1, quiet="silenced", since_at="2026-11-25T12:00:00.000Z"),
        alert(2),
        alert(3, state="pending", severity="critical"),
        alert(4, since_at="2026-11-25T11:00:00.000Z"),
    ]
    groups = await call("alerts/model", "arrange", alerts)
    order = {group["key"]: [item["alert"]["id"] for item in group["items"]] for group in groups}
    assert order == {"warning": ["4", "2", "1"], "pending": ["3"]}
    assert [group["key"] for group in groups] == ["warning", "pending"]


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, True),
        ({"node": "kitch"}, True),
        ({"node": "100"}, True),
        ({"node": "1006"}, False),
        ({"severity": "critical"}, False),
        ({"quiet": "told", "rule": "silent_node"}, True),
        ({"quiet": "quiet"}, False),
    ],
)
async def test_filters_of_alerts(call, wanted, fits):
    assert await call("alerts/model", "fits", ALERT, wanted) is fits


async def test_a_silence_is_sent_with_its_length_or_its_end(call):
    now_ms = 1_800_000_000_000
    made = await call("alerts/model", "silenceOf", SILENCE, now_ms)
    assert made["body"] == {
        "kind": "silence", "rules": ["leak"], "nodes": [], "tags": [], "reason": "quiet", "duration_s": 3600,
    }  # fmt: skip
    until = await call(
        "alerts/model", "silenceOf", {**SILENCE, "length": "until", "until": "2027-01-20T10:00Z"}, now_ms
    )
    assert until["body"]["ends_at"] == "2027-01-20T10:00:00.000Z"


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"start": "never"}, {"start": "time"}),
        ({"length": "until"}, {"until": "time"}),
        ({"length": "until", "until": "2020-01-01T00:00Z"}, {"until": "past"}),
        (
            {"length": "until", "start": "2027-02-01T00:00Z", "until": "2027-01-31T00:00Z"},
            {"until": "past"},
        ),
        ({"length": "until", "until": "2030-01-01T00:00Z"}, {"until": "long"}),
    ],
)
async def test_a_silence_that_cannot_be_names_its_field(call, changes, wrong):
    made = await call("alerts/model", "silenceOf", {**SILENCE, **changes}, 1_800_000_000_000)
    assert made == {"wrong": wrong}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, {}),
        ({"name": "2cold"}, {"name": "name"}),
        ({"name": "hot"}, {"name": "taken"}),
        ({"metric": ""}, {"metric": "metric"}),
        ({"threshold": ""}, {"threshold": "number"}),
        ({"threshold": "warm"}, {"threshold": "number"}),
        ({"threshold": "\N{MINUS SIGN}3,5"}, {}),
        ({"clear": "31"}, {"clear": "clearAbove"}),
        ({"clear": "29", "direction": "below"}, {"clear": "clearBelow"}),
        ({"for_s": 700_000}, {"for_s": "time"}),
        ({"keep_firing_s": -1}, {"keep_firing_s": "time"}),
    ],
)
async def test_a_new_rule_that_cannot_be_names_its_field(call, changes, wrong):
    assert await call("alerts/rule_model", "wrongOf", {**DRAFT, **changes}, None, ["hot"]) == wrong


async def test_only_what_is_another_value_is_sent_of_a_rule(call):
    draft = await call("alerts/rule_model", "draftOf", RULE)
    assert await call("alerts/rule_model", "patchOf", draft, RULE) == {}
    changed = {**draft, "threshold": "85", "tags": ["shed"]}
    assert await call("alerts/rule_model", "patchOf", changed, RULE) == {"threshold": 85, "tags": ["shed"]}


async def test_a_new_rule_is_sent_whole_without_a_place_where_it_is_over(call):
    sent = await call("alerts/rule_model", "patchOf", DRAFT, None)
    wanted = {**DRAFT, "threshold": 30}
    assert sent == {key: value for key, value in wanted.items() if key not in {"name", "clear"}}


async def test_where_a_rule_is_over_keeps_its_distance_as_the_gateway_has_it(call):
    draft = await call("alerts/rule_model", "draftOf", RULE)
    moved = await call("alerts/rule_model", "withThreshold", draft, "60.5", RULE)
    assert (moved["threshold"], moved["clear"]) == ("60.5", "52.5")
    typing = await call("alerts/rule_model", "withThreshold", draft, "-", RULE)
    assert (typing["threshold"], typing["clear"]) == ("-", "72")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": "moving", "metric": "", "threshold": 5}, "noMetric"),
        ({"name": "leak", "metric": "heap_free_bytes", "threshold": 72}, "trend"),
        ({"name": "low_heap", "metric": "heap_free_bytes", "threshold": None, "clear": None}, "hardware"),
    ],
)
async def test_what_cannot_be_tried_says_why(call, changes, why):
    rule = {**RULE, **changes}
    draft = await call("alerts/rule_model", "draftOf", rule)
    assert await call("alerts/rule_model", "trialOf", draft, rule) == {"why": why}


async def test_a_threshold_of_the_link_is_tried_with_the_signal(call):
    rule = {
        **RULE,
        "name": "weak_link",
        "metric": "rssi_dbm",
        "direction": "below",
        "threshold": -85,
        "clear": -80,
    }
    draft = await call("alerts/rule_model", "draftOf", rule)
    tried = await call("alerts/rule_model", "trialOf", draft, rule)
    assert tried["note"] == "signalOnly"
    assert (tried["trial"]["threshold"], tried["trial"]["clear"]) == (-85, -80)


async def test_days_before_the_oldest_episode_given_are_not_known(call):
    now_ms = 1_800_000_000_000
    view = {"days": 3, "count": 9, "episodes": [{"from_at": "2027-01-14T12:00:00Z"}]}
    days = await call("alerts/rule_model", "perDay", view, now_ms)
    counts = [day["count"] for day in days]
    assert counts[0] is None
    assert sum(count or 0 for count in counts) == 1
    whole = await call("alerts/rule_model", "perDay", {**view, "count": 1}, now_ms)
    assert whole[0]["count"] == 0


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        ({"problem": {"errors": [{"field": "for_s", "detail": "too long"}]}}, {"for_s": "too long"}),
        (
            {"message": "rule hot, threshold: never beyond 150", "problem": {}},
            {"threshold": "never beyond 150"},
        ),
        ({"message": "the store takes no writes"}, {}),
    ],
)
async def test_a_refusal_is_shown_at_its_field(call, error, fields):
    assert await call("alerts/rule_model", "refusedFields", error) == fields


async def test_a_table_as_a_file_holds_no_formula(call):
    text = await call(
        "../parts/csv", "csvOf", [["name", "value"], ['=HYPERLINK("x")', -3], ['a "b", c', None]]
    )
    assert text == 'name,value\r\n"\'=HYPERLINK(""x"")",-3\r\n"a ""b"", c",\r\n'


async def test_settings_are_shown_by_their_table(call):
    fixed = {"connect": ["10.1.2.1", "10.1.2.2"], "http.docs": True, "node_id": None, "http.hosts": []}
    assert await call("settings/model", "byTable", fixed) == [
        ["", [["connect", "10.1.2.1, 10.1.2.2"], ["node_id", None]]],
        ["http", [["docs", "true"], ["hosts", None]]],
    ]


async def test_numbers_beyond_their_limits_are_not_sent(call):
    limits = {"updates_at_once": [1, 16], "probe_every_s": [1, 86_400]}
    current = {"updates_at_once": 1, "probe_every_s": 60}
    typed = {"updates_at_once": "2.5", "probe_every_s": "30"}
    found = await call("settings/model", "numbersOf", typed, current, limits)
    assert found == {"changes": {"probe_every_s": 30}, "wrong": {"updates_at_once": True}}
