"""What the pages of updates work out by themselves: forms, plans, rates and sentences."""

import msgspec
import pytest
import pytest_asyncio

from meshward.rollout.spec import DEFAULT_WAVES, RolloutSpec, Target, Wave, Window
from meshward.rollout.validate import check_spec
from meshward.rollout.waves import Candidate, assign_waves
from tests.support.browser import visit

STAGE = {"nodes": 2}
UPDATES = "./ui/views/updates"
IMAGE = "ab" * 32


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(browser, stage):
    async with visit(browser, stage.daemon, "viewer", place="#/updates") as page:
        yield page


async def logic(page, module, call, value=None):
    """What a function of the page's own gives, called as `call` in the module."""
    script = f"async (value) => {{ const m = await import('{UPDATES}/{module}.js'); return {call}; }}"
    return await page.evaluate(script, value)


async def test_an_untouched_form_asks_for_what_the_gateway_would_do_anyhow(page):
    asked = await logic(
        page,
        "form",
        "m.specOf({...m.emptyForm(), images: [value], otherRole: ' sensor '}, 'lamp 2')",
        IMAGE,
    )
    spec = msgspec.convert(asked, RolloutSpec)
    check_spec(spec)
    assert spec == RolloutSpec(name="lamp 2", images=(IMAGE,), target=Target(roles=("sensor",)))


async def test_a_rollout_again_is_the_same_rollout(page):
    waves = (
        Wave(name="mine", nodes=(7, 9), soak_s=90.0, go_ahead="manual", batch=2, batch_growth=3.0),
        Wave(name="rest", size="40%", success_min="3", errors_max="1", error_classes=DEFAULT_WAVES[0].error_classes[:2]),
    )  # fmt: skip
    target = Target(roles=("a", "b, c"), nodes=(7, 9, 11), exclude=(12,), tags=("wet",), versions=("1.0",))
    spec = RolloutSpec(
        name="x",
        images=(IMAGE,),
        target=target,
        waves=waves,
        failure_budget="2",
        on_failure="pause",
        approval=True,
        windows=(Window(start="22:00", end="05:00", days=("mon", "fri"), zone="Europe/Berlin"),),
        late_joiners=False,
        absent_wait_s=5400.0,
        notes="two\nlines",
    )
    call = "m.specOf(m.formOf(value), 'x')"
    asked = await logic(page, "form", call, msgspec.to_builtins(spec))
    assert msgspec.convert(asked, RolloutSpec) == spec


@pytest.mark.parametrize(
    ("preset", "change"),
    [("careful", {}), ("own", {"batch": 3}), ("own", {"go_ahead": "manual"}), ("own", {"soak_s": 1.0})],
)
async def test_waves_that_are_a_preset_are_shown_as_one(page, preset, change):
    waves = (DEFAULT_WAVES[0], msgspec.structs.replace(DEFAULT_WAVES[1], **change), DEFAULT_WAVES[2])
    spec = RolloutSpec(name="x", images=(IMAGE,), target=Target(roles=("a",)), waves=waves)
    assert await logic(page, "form", "m.formOf(value).preset", msgspec.to_builtins(spec)) == preset


async def test_what_is_no_number_is_told_before_anybody_is_asked(page):
    form = "{...m.emptyForm(), preset: 'own', absentHours: '1,5', transfer: {...m.emptyForm().transfer, window: '1.5'}}"
    call = f"(() => {{ const form = {form}; form.waves[1].soakMin = 'ten'; return m.missing(form); }})()"
    assert await logic(page, "form", call) == {
        "images": "needed",
        "target.roles": "needed",
        "waves[1].soak_s": "number",
        "transfer.window": "whole",
    }


@pytest.mark.parametrize(
    ("detail", "where"),
    [
        ("waves[0].size: 'x' is not an amount of nodes", {"waves[0].size": "'x' is not an amount of nodes"}),
        (
            "target.roles[1]: 'a' is there twice; name it once",
            {"target.roles": "'a' is there twice; name it once"},
        ),
        ("waves[2].soak_s is -1; give 0 to 2", {"waves[2].soak_s": "is -1; give 0 to 2"}),
        (
            "firmware abc is not pushed: it is cut off",
            {"": "firmware abc is not pushed: it is cut off"},
        ),
        ("windows[0]: 'Mars' is no time zone", {"windows[0]": "'Mars' is no time zone"}),
    ],
)
async def test_a_refusal_is_shown_at_its_field(page, detail, where):
    assert await logic(page, "form", "m.refusals(value)", {"detail": detail, "errors": []}) == where


@pytest.mark.parametrize("total", [1, 2, 3, 7, 10, 20, 48, 50, 199])
async def test_expected_waves_are_those_the_gateway_deals_out(page, total):
    waves = (
        *DEFAULT_WAVES[:2],
        Wave(name="three", size="3"),
        Wave(name="12.5", size="12.5%"),
        DEFAULT_WAVES[2],
    )
    nodes = [Candidate(node, 1, None, "ESP32", "sensor", 0) for node in range(1, total + 1)]
    dealt = list(assign_waves(waves, nodes).values())
    value = {"waves": msgspec.to_builtins(waves), "total": total}
    sizes = await logic(page, "plan", "m.expectedSizes(value.waves, value.total)", value)
    assert sizes == [dealt.count(index) for index in range(len(waves))]


async def test_the_way_of_a_board_ends_at_the_gateway_whatever_is_told(page):
    nodes = "new Map([[1, {id: 1, online: true, parent: null}], [2, {id: 2, online: true, parent: 1}], "
    nodes += "[3, {id: 3, online: true, parent: 4}], [4, {id: 4, online: true, parent: 3}], [5, {id: 5, online: false}]])"
    ways = await logic(page, "plan", f"[2, 3, 5, 6].map((id) => m.pathOf(id, {nodes}))")
    assert ways == [[2, 1], [3, 4], [], []]


def measured(at_s, sent, **nodes):
    entries = [
        {"node": int(name[1:]), "parts_done": done, "parts": 100, "state": "downloading"}
        for name, done in nodes.items()
    ]
    return {"at": at_s * 1000, "rollout": {"sent_bytes": sent, "nodes": entries}}


async def pace(page, *samples):
    call = "m.pace(value.reduce((all, one) => m.addSample(all, m.sampleOf(one.rollout, one.at)), []))"
    return await logic(page, "progress", call, samples)


async def test_the_rate_is_not_told_before_it_is_known(page):
    assert await pace(page) == {"bytesPerS": None, "leftS": None}
    assert await pace(page, measured(0, 0, n1=0), measured(2, 500, n1=4)) == {
        "bytesPerS": None,
        "leftS": None,
    }
    stuck = await pace(page, measured(0, 0, n1=5), measured(10, 0, n1=5))
    assert stuck == {"bytesPerS": 0, "leftS": None}


async def test_the_rate_is_that_of_the_last_30_seconds(page):
    found = await pace(page, measured(0, 0, n1=0), measured(100, 5000, n1=10), measured(120, 9000, n1=50))
    assert found == {"bytesPerS": 200, "leftS": 25}


async def test_time_before_anybody_was_at_work_does_not_count(page):
    found = await pace(page, measured(0, 100), measured(10, 100), measured(20, 1100, n1=20, n2=20))
    assert found["leftS"] == pytest.approx(40)


async def test_boards_that_are_through_do_not_spoil_the_rate(page):
    found = await pace(
        page, measured(0, 0, n1=80, n2=0), measured(10, 900, n1=100, n2=20), measured(20, 1900, n2=40)
    )
    assert found["leftS"] == pytest.approx(20)


async def test_boards_that_have_all_parts_need_no_more_time(page):
    found = await pace(page, measured(0, 0, n1=90), measured(10, 900, n1=100))
    assert found["leftS"] == 0


async def test_boards_that_are_given_up_are_not_waited_for(page):
    def at(at_s, done):
        sample = measured(at_s, at_s * 1000, n1=done, n2=3, n3=5)
        sample["rollout"]["nodes"][1]["state"] = "failed"
        sample["rollout"]["nodes"][2]["state"] = "lost"
        return sample

    found = await pace(page, *[at(at_s, 70 + at_s) for at_s in range(0, 21, 2)])
    assert found["leftS"] == pytest.approx(10)


async def test_boards_that_are_asked_once_more_still_count_as_running_it(page):
    counts = {"completed": 2, "verifying": 3, "not_targeted": 4, "failed": 1, "cancelled": 1}
    tallies = await logic(
        page,
        "../../app/rollouts",
        "['proving', 'updating'].map((state) => m.tally({state, counts: value}))",
        counts,
    )
    assert tallies == [
        {"good": 5, "bad": 1, "total": 7, "share": 5 / 7},
        {"good": 2, "bad": 1, "total": 7, "share": 2 / 7},
    ]


async def test_on_the_way_back_the_boards_that_are_back_count(page):
    counts = {"rolled_back": 1, "rolling_back": 3, "cancelled": 9, "already_installed": 2, "not_targeted": 4}
    call = "m.tally({state: 'rolling_back', counts: value}).share"
    assert await logic(page, "../../app/rollouts", call, counts) == 1 / 4


async def test_a_rollout_of_nobody_is_not_done(page):
    call = "m.tally({state: 'scheduled', counts: value})"
    assert await logic(page, "../../app/rollouts", call, {"not_targeted": 3}) == {
        "good": 0,
        "bad": 0,
        "total": 0,
        "share": 0,
    }


async def test_only_rows_that_changed_are_new_objects(page):
    call = """(() => {
      const before = [{node: 1, state: "a"}, {node: 2, state: "a"}];
      const after = m.keepSame(before, [{node: 2, state: "a"}, {node: 1, state: "b"}, {node: 3, state: "a"}]);
      return [after[0] === before[1], after[1] === before[0], after[1].state, after.length];
    })()"""
    assert await logic(page, "progress", call) == [True, False, "b", 3]


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ([0, 20], "All 20 boards get it together."),
        ([1, 0, 0], "1 board gets it."),
        ([1, 1], "1 board first, then the last one."),
        ([3, 12, 33], "3 boards first, then 12, then the other 33."),
    ],
)
async def test_waves_are_told_in_their_order(page, sizes, text):
    assert await logic(page, "sentences", "m.inOrder(value)", sizes) == text


NIGHTS = {"days": ["mon"], "start": "22:00", "end": "05:00", "zone": "UTC"}


@pytest.mark.parametrize(
    ("state", "reason", "windows", "words"),
    [
        (
            "scheduled",
            "waits for rollout r3 ('window sensors') to the same boards",
            [],
            "as soon as the mesh",
        ),
        (
            "scheduled",
            "waits for rollout r3 ('the maintenance window') to the same boards",
            [NIGHTS],
            "as soon",
        ),
        ("scheduled", "waits for its maintenance window", [NIGHTS], "next of these times"),
        ("waiting", "the maintenance window is closed", [NIGHTS], "next of these times"),
        ("waiting", "wave 'a' passed; waits for the maintenance window", [NIGHTS], "next of these times"),
        ("waiting", "wave 'window' passed; 2 nodes are not in the mesh", [NIGHTS], "not in the mesh"),
    ],
)
async def test_what_is_waited_for_is_not_guessed_from_names(page, state, reason, windows, words):
    rollout = {
        "state": state,
        "reason": reason,
        "wave": 0,
        "nodes": [],
        "spec": {"waves": [{"name": "canary", "soak_s": 60}], "windows": windows, "absent_wait_s": 0},
    }
    assert words in await logic(page, "sentences", "m.nextSentence(value, null)", rollout)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([1, 3, 9], "Stops by itself when one of the first boards fails, or more than 10 % of all."),
        ([0, 0, 13], "Stops by itself when more than 10 % fail."),
        ([13, 0, 0], "Stops by itself when one board fails."),
    ],
)
async def test_what_stops_a_rollout_is_told_by_the_waves_that_somebody_is_in(page, sizes, words):
    numbers = iter(range(1, 100))
    plan = {
        "waves": [{"nodes": [next(numbers) for _ in range(size)]} for size in sizes],
        "unknown": [],
        "already_installed": [],
    }
    spec = {
        "waves": msgspec.to_builtins(DEFAULT_WAVES),
        "failure_budget": "10%",
        "on_failure": "pause",
        "windows": [],
    }
    value = {"plan": plan, "spec": spec}
    told = await logic(page, "sentences", "m.consequences(value.spec, value.plan, {})", value)
    assert told[-1].startswith(words)


async def test_boards_of_a_plan_that_are_away_are_counted(page):
    boards = [{"id": 1, "online": True}, {"id": 2, "online": False}, {"id": 9, "online": False}]
    value = {"boards": boards, "plan": {"waves": [{"nodes": [1]}, {"nodes": [2, 3]}]}}
    assert await logic(page, "plan", "m.awayOf(value.plan, value.boards)", value) == {"away": 2, "of": 3}


async def test_only_warnings_that_the_page_does_not_say_itself_are_shown(page):
    warnings = [
        "3 nodes were never asked for their role and hardware; the survey at the start does",
        "no image is known to roll ESP32 boards back to: name the last good one with --rollback-to",
        "the image 'were never asked, to roll ESP8266 boards back' is old",
    ]
    value = {
        "warnings": warnings,
        "rollback": {"ESP32": "", "ESP8266": ""},
        "waves": [],
    }
    call = "[m.otherWarnings(value), m.waysBack(value, new Map())]"
    assert await logic(page, "plan", call, value) == [
        warnings[2:],
        {"ESP32": "none", "ESP8266": "all"},
    ]


@pytest.mark.parametrize(
    ("text", "node", "words"),
    [
        ("rollout 'a: b': surveying -> updating: go on", None, "asking the boards → updating: go on"),
        ("node 7 completed", 7, "Kitchen: runs it"),
        ("node 7 failed: its flash fails", 7, "Kitchen: failed. its flash fails"),
        ("rollout 'x': 1 of 3; node 7: restarted", None, "1 of 3; Kitchen: restarted"),
        ("something else of node 8", None, "something else of node 8"),
    ],
)
async def test_events_are_told_by_the_names_of_boards(page, text, node, words):
    event = {"text": text, "node": node}
    call = "m.eventWords(value, (id) => (id === 7 ? 'Kitchen' : String(id)))"
    assert await logic(page, "../../parts/event_words", call, event) == words
