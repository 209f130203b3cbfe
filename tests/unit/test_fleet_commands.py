import pytest

from meshward.errors import FleetError
from meshward.fleet.commands import (
    HELP,
    Behave,
    Drop,
    DropLink,
    Kill,
    Quit,
    Reparent,
    Restart,
    ShowImages,
    ShowTree,
    Timed,
    WriteReport,
    parse_command,
    parse_timed,
)
from meshward.sim.behaviour import FINE, Behaviour


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("drop 1005", Drop(1005)),
        ("  kill   1005 \n", Kill(1005)),
        ("restart 1005 # again", Restart(1005)),
        ("reparent 1005 1002", Reparent(1005, 1002)),
        ("drop-link 1005", DropLink(1005)),
        ("images", ShowImages()),
        ("report", WriteReport()),
        ("tree", ShowTree()),
        ("behave AB900F leak:60", Behave("ab900f", Behaviour("leak", 60.0))),
        ("behave ab900f0f690f fine", Behave("ab900f0f690f", FINE)),
        ("quit", Quit()),
        ("", None),
        ("# only a comment", None),
    ],
)
def test_commands_are_read(line, command):
    assert parse_command(line) == command


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("drop", "`drop 1005`"),
        ("drop x", "`drop 1005`"),
        ("reparent 1005", "`reparent 1005 1002`"),
        ("drop 1 2", "`drop 1005`"),
        ("behave ab900f", "`behave 1a2b3c crash-loop:20`"),
        ("behave ab900f explode", "there are crash-loop, leak"),
        ("behave ab9 leak", "neither 6 to 32 digits"),
        ("tree 1", "`help`"),
        ("explode 1005", "`help`"),
    ],
)
def test_a_wrong_command_is_refused_with_a_right_one(line, advice):
    with pytest.raises(FleetError, match=advice):
        parse_command(line)


def test_flags_carry_a_moment():
    assert parse_timed("drop", "1005:2.5") == Timed(2.5, Drop(1005))
    assert parse_timed("reparent", "1005:1002:0") == Timed(0.0, Reparent(1005, 1002))


@pytest.mark.parametrize("text", ["1005", "1005:", "1005:-1", "1005:inf", "1005:nan", "x:1"])
def test_a_wrong_flag_is_refused(text):
    with pytest.raises(FleetError, match="1005"):
        parse_timed("drop", text)


def test_help_names_every_command():
    for verb in (
        "drop",
        "kill",
        "restart",
        "reparent",
        "drop-link",
        "behave",
        "tree",
        "images",
        "report",
        "help",
        "quit",
    ):
        assert any(line.startswith(verb) for line in HELP.splitlines())
