"""Waves, windows and amounts as people write them."""

import pytest

from meshward.cli.lookup import NodeNames
from meshward.cli.written import parse_amount, parse_wave, parse_window, waves_of, window_text
from meshward.rollout.spec import DEFAULT_WAVES, Wave, Window
from meshward.rollout.states import ErrorClass
from tests.support.gateway_values import node

NAMES = NodeNames([node(1001, name="Kitchen lamp"), node(1002, name="hall"), node(1003, name="Hall")])


def test_a_wave_with_everything():
    text = (
        "name=canary, size=2, soak=10m, errors=0, success=100%, go=manual, nodes=1001+kitchen lamp+7, "
        "sample=3, classes=failed+lost, batch=5, growth=1.5"
    )
    assert parse_wave(text, NAMES) == Wave(
        name="canary",
        size="2",
        soak_s=600.0,
        errors_max="0",
        success_min="100%",
        go_ahead="manual",
        nodes=(1001, 1001, 7),
        errors_sample_min=3,
        error_classes=(ErrorClass.FAILED, ErrorClass.LOST),
        batch=5,
        batch_growth=1.5,
    )


def test_what_a_wave_leaves_out_is_usual():
    assert parse_wave("name=all", NAMES) == Wave(name="all")
    assert parse_wave("name=all", NAMES, soak_s=5.0).soak_s == 5.0
    assert parse_wave("name=all,soak=1m", NAMES, soak_s=5.0).soak_s == 60.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not KEY=VALUE"),
        ("canary", "is not KEY=VALUE"),
        ("name=", "is not KEY=VALUE"),
        ("size=2", "has no name"),
        ("name=a,speed=3", "a wave has no 'speed'; known are name, size"),
        ("name=a,size=many", "size=many: 'many' is no amount"),
        ("name=a,size=101%", "more than all nodes"),
        ("name=a,soak=10", "soak=10: '10' is not a duration"),
        ("name=a,go=maybe", "write auto or manual"),
        ("name=a,nodes=cellar", "no node has the id or name 'cellar'"),
        ("name=a,nodes=hall", "nodes 1002, 1003 are all called 'hall'"),
        ("name=a,nodes=0", "4294967295"),
        ("name=a,classes=bad", "'bad' is not a valid ErrorClass"),
        ("name=a,batch=x", "batch=x"),
    ],
)
def test_a_wave_that_is_wrong_says_where(text, words):
    with pytest.raises(ValueError, match=words):
        parse_wave(text, NAMES)


@pytest.mark.parametrize("text", ["0", "3", "10%", "2.5%", "100%"])
def test_amounts(text):
    assert parse_amount(f" {text} ") == text


def waves(*texts, canary=None, soak=None, manual=False):
    return waves_of(texts, canary=canary, soak=soak, manual=manual, node_of=NAMES)


def test_the_usual_waves():
    assert waves() == DEFAULT_WAVES


def test_a_canary_is_a_number_a_share_or_nodes():
    assert waves(canary="2")[0].size == "2"
    assert waves(canary="10%")[0].size == "10%"
    assert waves(canary="1001,7")[0].nodes == (1001, 7)
    assert waves(canary="nodes=1001")[0].nodes == (1001,)
    assert [wave.name for wave in waves(canary="0")] == ["early adopters", "everyone"]
    assert waves(canary="2")[0].success_min == "100%"


def test_a_canary_goes_before_waves_that_are_written():
    assert [wave.name for wave in waves("name=a", "name=b", canary="1")] == ["canary", "a", "b"]


def test_soak_and_manual_change_all_waves():
    assert [wave.soak_s for wave in waves(soak="30s")] == [30.0, 30.0, 30.0]
    assert [wave.soak_s for wave in waves("name=a", "name=b,soak=5s", soak="30s")] == [30.0, 5.0]
    assert [wave.go_ahead for wave in waves(manual=True)] == ["auto", "manual", "manual"]


@pytest.mark.parametrize(
    ("text", "window"),
    [
        (
            "mon-fri 22:00-05:00 Europe/Berlin",
            Window(
                start="22:00", end="05:00", days=("mon", "tue", "wed", "thu", "fri"), zone="Europe/Berlin"
            ),
        ),
        ("sat,sun 8:30-10:00", Window(start="08:30", end="10:00", days=("sat", "sun"))),
        ("fri-mon 01:00-02:00", Window(start="01:00", end="02:00", days=("fri", "sat", "sun", "mon"))),
        ("22:00-05:00 UTC", Window(start="22:00", end="05:00")),
    ],
)
def test_windows(text, window):
    assert parse_window(text) == window
    assert parse_window(window_text(window).removeprefix("every day ")) == window


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no window"),
        ("mon-fri", "is no window"),
        ("22:00-05:00 Europe/Berlin extra", "is no window"),
        ("22:00", "are no days"),
        ("mo-fr 22:00-05:00", "are no days: write them as mon-fri"),
        ("mon-fri 25:00-05:00", "no time of day"),
        ("mon-fri 22:60-05:00", "no time of day"),
    ],
)
def test_a_window_that_is_wrong_says_where(text, words):
    with pytest.raises(ValueError, match=words):
        parse_window(text)
