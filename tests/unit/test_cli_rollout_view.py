"""The picture of a rollout: whole, in trouble, and in small terminals."""

from datetime import UTC, datetime

import pytest
from rich.console import Console

from meshward.cli.rollout_view import Moment, screen, stages
from meshward.rollout.documents import WaveEntry
from meshward.rollout.states import RolloutState
from tests.support.gateway_values import entries, event, rollout, spec

NOW = datetime(2026, 11, 25, 12, 12, 4, tzinfo=UTC)
WAVES = [WaveEntry(outcome="passed"), WaveEntry(started_s=1.0), WaveEntry()]
FLEET = entries(
    {"completed": 2}, {"completed": 3, "downloading": 4, "failed": 1, "scheduled": 2}, {"pending": 28}
)


def soaking(**more):
    return rollout(RolloutState.SOAKING, FLEET, **{"wave": 1, "waves": WAVES, "soak_left_s": 192.0, **more})


def drawn(value, width=80, height=24, **more):
    """The lines of the picture."""
    moment = Moment(value, **{"age_s": 0.0, "events": [], "now": NOW, **more})
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(screen(moment, width, height))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_heading_says_name_state_and_time():
    assert drawn(soaking())[0] == "sensor 1.1.0  watches the updated nodes  12m 04s  r-7f3a"


def test_time_stands_still_when_it_is_over():
    over = rollout(RolloutState.COMPLETED, FLEET, ended_at="2026-11-25T12:00:30Z")
    assert "30s" in drawn(over)[0]


def test_waves_stand_beside_each_other_with_their_progress():
    lines = "\n".join(drawn(soaking())[1:6])
    for words in (
        "✔ canary",
        "2/2 nodes",
        "passed",
        "● early adopters",
        "3/10 nodes",
        "○ everyone",
        "0/28 nodes",
    ):
        assert words in lines
    assert "soak 3m 12s" in lines
    assert "soak 5m" in lines


def test_the_soak_counts_down_between_answers():
    assert "soak 3m 02s" in "\n".join(drawn(soaking(), age_s=10.0))
    assert "soak 0s" in "\n".join(drawn(soaking(), age_s=1000.0))


@pytest.mark.parametrize("height", [12, 15, 18, 24, 40, 60])
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_fits_the_terminal(width, height):
    events = [event(number, "long text " * 30) for number in range(8)]
    value = soaking(failure="errors " * 40, reason="reason " * 40)
    lines = drawn(value, width, height, events=events, trouble="the gateway does not answer " * 5)
    assert len(lines) < height
    assert max(map(len, lines)) <= width


def test_nodes_in_trouble_come_first_and_the_rest_is_counted():
    value = soaking()
    next(entry for entry in value.nodes if entry.state == "failed").reason = "crash loop"
    lines = drawn(value)
    titles = next(index for index, line in enumerate(lines) if line.startswith("node  wave"))
    assert lines[titles + 1].split(maxsplit=4) == ["1010", "2", "failed", "22/66", "crash loop"]
    assert lines[titles + 2].split()[2] == "downloading"
    assert "━" in lines[titles + 2]
    rest = next(line for line in lines if line.startswith("… and "))
    assert "5 completed" in rest
    assert int(rest.split()[2]) == 40 - (lines.index(rest) - titles - 1)


def test_with_many_waves_each_takes_a_line():
    many = spec(waves=tuple(spec().waves[:2]) * 4)
    value = rollout(RolloutState.UPDATING, FLEET, spec=many, waves=[WaveEntry() for _ in many.waves])
    lines = drawn(value)
    assert not any("╭" in line for line in lines)
    assert lines[1].startswith("● canary")


def test_what_can_be_done_now_stands_below():
    assert "meshward rollout pause|skip|abort|rollback r-7f3a" in drawn(soaking())
    assert "Ctrl-C leaves this display; the rollout goes on" in drawn(soaking())
    lines = drawn(rollout(RolloutState.ROLLED_BACK, FLEET))
    assert not any("meshward rollout" in line or "Ctrl-C" in line for line in lines)


def test_a_gateway_that_is_away_is_told():
    assert "the gateway does not answer, trying again (3s) …" in drawn(
        soaking(), trouble="the gateway does not answer, trying again (3s) …"
    )


def test_nothing_from_boards_reaches_the_terminal_as_it_is():
    value = soaking(name="\x1b[2Jname [red]x", reason="\x1b]0;title\x07")
    value.nodes[9].reason = "\x1b[31mred\n"
    value.nodes[9].name = "[bold]lamp[/bold]"
    text = "\n".join(drawn(value, events=[event(1, "\x1b[Hhome")]))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]lamp" in text
    assert "[red]x" in text


@pytest.mark.parametrize(
    ("state", "started", "word", "text"),
    [
        (RolloutState.SCHEDULED, None, "later", "soak 10m"),
        (RolloutState.SURVEYING, "2026-11-25T12:00:00Z", "now", "survey"),
        (RolloutState.AWAITING_GO, "2026-11-25T12:00:00Z", "now", "needs go-ahead"),
        (RolloutState.PAUSED, "2026-11-25T12:00:00Z", "now", "paused"),
        (RolloutState.ABORTED, "2026-11-25T12:00:00Z", "later", "soak 10m"),
    ],
)
def test_the_present_wave(state, started, word, text):
    stage = stages(rollout(state, started_at=started))[0]
    assert (stage.word, stage.text) == (word, text)


def test_before_the_survey_nobody_knows_who_is_in_a_wave():
    assert "not chosen yet" in "\n".join(drawn(rollout(RolloutState.SURVEYING)))


def test_every_state_can_be_drawn():
    for state in RolloutState:
        assert drawn(rollout(state, FLEET))
