"""What is told about boards: the words of the flags, and what a plan makes of them."""

import pytest

from meshward.cli.app import run
from meshward.errors import FleetError
from meshward.fleet.boards import Setting, StockPlan, read_kind, read_nodes
from meshward.fleet.stories import read_stories
from meshward.sim.stories import KINDS, Story, amount_of


@pytest.mark.parametrize(
    ("text", "story", "written"),
    [
        ("leak", Story("leak", 800.0), "leak:800"),
        ("leak:400", Story("leak", 400.0), "leak:400"),
        ("weak:-95.5", Story("weak", -95.5), "weak:-95.5"),
        ("clock:-300", Story("clock", -300.0), "clock:-300"),
        ("silent:0", Story("silent", 0.0), "silent:0"),
        ("busy", Story("busy"), "busy"),
    ],
)
def test_a_story_is_a_word_and_for_some_a_number(text, story, written):
    assert Story.read(text) == story
    assert str(story) == written
    assert Story.read(written) == story


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_told_without_a_number(kind):
    assert Story.read(kind).kind == kind


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("boredom", "'boredom' is no story; there are leak, flap"),
        ("", "is no story"),
        ("busy:3", "busy takes no number"),
        ("leak:", "leak takes bytes per hour, from 1 to"),
        ("leak:0", "leak takes bytes per hour"),
        ("leak:nan", "leak takes bytes per hour"),
        ("weak:91", "weak takes dBm, from -120 to -50"),
        ("flap:inf", "flap takes times per hour"),
    ],
)
def test_what_is_no_story_is_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        Story.read(text)


def test_of_the_stories_of_one_kind_the_last_counts():
    stories = [Story("leak", 1.0), Story("busy"), Story("leak", 2.0)]
    assert amount_of(stories, "leak") == 2.0
    assert amount_of(stories, "busy") == 0.0
    assert amount_of(stories, "hot") is None


def test_flags_tell_several_stories_of_one_node_some_or_all():
    assert read_stories(["leak:1005,flap:1010:4", "weak:1003-1007:-92", "busy:all"]) == [
        Setting(Story("leak", 800.0), 1005, 1005),
        Setting(Story("flap", 4.0), 1010, 1010),
        Setting(Story("weak", -92.0), 1003, 1007),
        Setting(Story("busy")),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("leak", "write it as --story leak:1005"),
        ("leak:x", "write it as --story leak:1005"),
        ("leak:1005:much", "--story leak:1005:much: leak takes bytes"),
        ("yawn:1005", "'yawn' is no story"),
        ("leak:1005,", "write it as"),
    ],
)
def test_wrong_flags_are_refused(text, complaint):
    with pytest.raises(FleetError, match=complaint):
        read_stories([text])


def test_nodes_are_one_some_or_all():
    assert [read_nodes(text) for text in ("7", "7-9", "all")] == [(7, 7), (7, 9), (None, None)]


def test_a_node_may_be_of_another_kind_than_most():
    plan = StockPlan(
        kind="meshward",
        kind_of=[Setting(read_kind("alteriom"), 1003, 1004), Setting(read_kind("plain"), 1004, 1004)],
        telemetry_us=5_000_000,
        stories=[Setting(Story("busy")), Setting(Story("leak", 9.0), 1002, 1002)],
    )
    plan.check(range(1001, 1006))
    assert [plan.kind_at(node_id) for node_id in (1002, 1003, 1004)] == ["meshward", "alteriom", "plain"]
    first, second, third = (plan.board(node_id, 1) for node_id in (1001, 1002, 1003))
    assert [board.firmware for board in (first, second, third)] == ["meshward", "meshward", "alteriom"]
    assert first.telemetry_us == 5_000_000
    assert first.stories == (Story("busy"),)
    assert second.stories == (Story("busy"), Story("leak", 9.0))
    assert plan.board(1004, 1) is None


def test_there_is_no_story_of_a_plain_node():
    plain = Setting(read_kind("plain"), 1002, 1002)
    StockPlan(kind_of=[plain], stories=[Setting(Story("busy"))]).check(range(1001, 1004))
    with pytest.raises(FleetError, match=r"node 1002 is no board.*--kind-of 1002:meshward"):
        StockPlan(kind_of=[plain], stories=[Setting(Story("busy"), 1001, 1003)]).check(range(1001, 1004))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--story", "leak:1005"], "--story is about boards: add --kind stock, alteriom or meshward"),
        (["--telemetry", "5"], "--telemetry is about boards"),
        (["--kind", "meshward", "--story", "leak:7"], "no node 7 in this fleet"),
        (["--kind", "meshward", "--story", "leak"], "write it as --story leak:1005"),
        (["--kind", "meshward", "--kind-of", "1003:arduino"], "write it as --kind-of 1003:alteriom"),
        (["--kind", "meshward", "--kind-of", "7:alteriom"], "no node 7 in this fleet"),
        (["--kind", "meshward", "--telemetry", "0"], "--telemetry must be a number of seconds from 1"),
        (["--kind", "meshward", "--life-speed", "0"], "--life-speed must be a number above 0"),
        (["--kind", "meshward", "--life-speed", "nan"], "--life-speed must be a number above 0"),
        (["--kind-of", "1003:stock", "--story", "leak:1004"], "node 1004 is no board"),
    ],
)
def test_wrong_options_are_one_line_and_exit_status_2(arguments, words, capsys):
    assert run(["fleet", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
