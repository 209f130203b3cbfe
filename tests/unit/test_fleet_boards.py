"""The boards of a stock fleet: what the flags say, and what the boards are."""

import pytest

from meshward.cli.app import run
from meshward.errors import FleetError
from meshward.fleet.boards import (
    FlashFault,
    Losses,
    Setting,
    StockPlan,
    read_flash_fault,
    read_losses,
    read_name,
    read_number,
    read_reports,
    read_settings,
)
from meshward.sim.behaviour import FINE, Behaviour
from meshward.sim.flash import FACTORY_IMAGE
from meshward.text import parse_size


def test_settings_are_for_one_node_some_or_all():
    one, some, everyone = read_settings(
        "role-of", ["1003:gate", "1004-1006:a:b", "all:x"], read_name, "1003:gate"
    )
    assert (one, some, everyone) == (Setting("gate", 1003, 1003), Setting("a:b", 1004, 1006), Setting("x"))
    assert [setting.covers(1005) for setting in (one, some, everyone)] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17,18", Losses((17, 18))),
        ("0", Losses((0,))),
        ("5%", Losses(share=0.05)),
        ("12.5%", Losses(share=0.125)),
    ],
)
def test_losses_are_parts_or_a_share(text, value):
    assert read_losses(text) == value


def test_a_part_fails_for_ever_or_so_many_times():
    assert (read_flash_fault("10"), read_flash_fault("10x2")) == (FlashFault(10), FlashFault(10, 2))


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("4096", 4096), ("200KB", 204800), ("1.5 mb", 1572864), ("2k", 2048)]
)
def test_sizes(text, size_bytes):
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1.5", "1GB", "9e99"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize("text", ["1003", "1003:", ":5", "x:5", "1003:x", "1003-:5", "1003:-5"])
def test_a_wrong_setting_is_refused_with_a_right_one(text):
    with pytest.raises(FleetError, match=r"--reboot-at 1004:50, for nodes"):
        read_settings("reboot-at", [text], read_number, "1004:50")


def test_of_the_settings_for_a_node_the_last_counts():
    plan = StockPlan(
        role_of=[Setting("a"), Setting("b", 1002, 1003)],
        hardware_of=[Setting("ESP8266", 1003, 1003)],
        slot_bytes=[Setting(1000, 1002, 1002)],
        lose_parts=[Setting(Losses((7,))), Setting(Losses((8,)), 1002, 1002)],
        fail_flash=[Setting(FlashFault(3, 1))],
    )
    first, second, third = (plan.board(node_id, 1) for node_id in (1001, 1002, 1003))
    assert [board.role for board in (first, second, third)] == ["a", "b", "b"]
    assert (first.hardware, third.hardware, third.flash.gzip) == ("ESP32", "ESP8266", True)
    assert second.flash.slot_bytes == 1000 < first.flash.slot_bytes
    assert [second.faults.loses(part) for part in (7, 8, 7)] == [True, True, False]
    assert [first.faults.fails_write(part) for part in (3, 3)] == [True, False]
    assert not first.faults.reboots_at(0)


def test_reports_are_for_all_nodes_or_some_and_for_none_unless_asked_for():
    plan = StockPlan(reports_us=read_reports(["30", "1002-1003:0.5", "1003:7"]))
    assert [plan.board(node_id, 1).reports_us for node_id in (1001, 1002, 1003)] == [30e6, 5e5, 7e6]
    only_one = StockPlan(reports_us=read_reports(["1002:5"]))
    assert [only_one.board(node_id, 1).reports_us for node_id in (1001, 1002)] == [None, 5e6]
    assert StockPlan().board(1001, 1).reports_us is None


@pytest.mark.parametrize("text", ["", "x", "0", "-3", "nan", "inf", "0.05", "1003:", "1003:0", "x:3"])
def test_reports_at_no_interval_are_refused(text):
    with pytest.raises(FleetError, match=r"write it as --reports (30|1003:30)"):
        read_reports([text])


def test_boards_of_a_plan_share_how_images_behave():
    plan = StockPlan()
    first, second = (plan.board(node_id, 1) for node_id in (1001, 1002))
    plan.behaviours.put(FACTORY_IMAGE.md5, Behaviour("leak", 5.0))
    assert first.behaviours.of(FACTORY_IMAGE) == second.behaviours.of(FACTORY_IMAGE) == Behaviour("leak", 5.0)
    assert StockPlan().board(1001, 1).behaviours.of(FACTORY_IMAGE) == FINE


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--role", "gate"], "add --kind stock"),
        (["--lose-parts", "1003:1"], "--lose-parts is about boards"),
        (["--kind", "stock", "--lose-parts", "1003:x"], "write it as --lose-parts 1003:17,18"),
        (["--kind", "stock", "--lose-parts", "1003:500%"], "--lose-parts 1003:17,18"),
        (["--kind", "stock", "--reboot-at", "1004"], "write it as --reboot-at 1004:50"),
        (["--kind", "stock", "--fail-flash", "1005:10x"], "write it as --fail-flash 1005:10"),
        (["--kind", "stock", "--reboot-at", "7:50"], "no node 7 in this fleet; it has 1001 to 1020"),
        (["--kind", "stock", "--slot-bytes", "1003-9999:5"], "no node 9999"),
        (["--kind", "stock", "--downtime", "-1"], "--downtime must be"),
        (["--kind", "stock", "--hardware", "AVR"], "AVR"),
        (["--kind", "board"], "board"),
        (["--kind", "stock", "--reports", "0"], "write it as --reports 30"),
        (["--kind", "stock", "--reports", "7:30"], "no node 7 in this fleet"),
        (["--kind", "stock", "--image-behaviour", "ab900f:explode"], "write it as --image-behaviour MD5:"),
        (["--kind", "stock", "--image-behaviour", "gone.bin:leak"], "'gone.bin' is neither"),
        (["--image-behaviour", "ab900f:leak"], "--image-behaviour is about boards"),
        (["--reports", "30"], "--reports is about boards"),
        (["--drop-link", "1002"], "write it as --drop-link 1005:2.5"),
    ],
)
def test_wrong_flags_are_one_line_and_exit_status_2(arguments, words, capsys):
    assert run(["fleet", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
