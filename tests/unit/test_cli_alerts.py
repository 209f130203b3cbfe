"""The commands `alerts …`."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from meshward.cli.alerts_view import (
    by_severity,
    condition_text,
    limit_text,
    print_alert,
    print_alerts,
    print_rules,
    print_silences,
    scope_text,
    silence_sentence,
)
from tests.support import health_values as values
from tests.support.cli_run import Commands

MOMENT = datetime(2026, 11, 25, 12, 10, tzinfo=UTC)


@pytest.fixture
def commands(tmp_path, monkeypatch, capsys):
    return Commands(tmp_path, monkeypatch, capsys)


def sent(commands, method="POST"):
    """The body of the last request that changed something."""
    request = next(request for request in reversed(commands.gate.requests) if request.method == method)
    return json.loads(request.content) if request.content else None


# -- what is shown -----------------------------------------------------------------------------


def test_the_worst_alerts_come_first_and_of_those_the_newest():
    alerts = [
        values.alert("a1", severity="info"),
        values.alert("a2", fired_at=values.EARLIER),
        values.alert("a3", fired_at=values.NOW),
        values.alert("a4", severity="warning", fired_at=None),
    ]
    assert [alert.id for alert in by_severity(alerts)] == ["a3", "a2", "a4", "a1"]


def test_tables_fit_the_terminal_and_are_without_control_characters(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    hostile = "<b>\x1b[2Jlong words " * 30
    print_alerts(
        [values.alert("a1", text=hostile, rule="a_rule_with_a_long_name", quiet="acknowledged")],
        MOMENT,
        filtered=False,
    )
    print_silences([values.silence(reason=hostile, tags=[hostile], created_by=hostile)])
    print_rules([values.rule("a" * 30, about=hostile, nodes=[1, 2, 3], custom=True)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_ids_are_shown_as_far_as_they_are_needed(capsys):
    print_alerts([msgspec.structs.replace(values.alert(), id="0123456789abcdef")], MOMENT, filtered=False)
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "01234567"


def test_all_of_an_alert(capsys):
    alert = values.alert(
        text="Kitchen\x1b is silent",
        name="Kitchen",
        value=-84.5,
        threshold=-80.0,
        behind=list(range(1, 9)),
        labels={"node": "1005", "metric": "rssi_dbm"},
        acked_by="ada",
        acked_at=values.NOW,
        ack_note="new battery",
        quiet="acknowledged",
        silence="s1",
    )
    print_alert(alert, MOMENT)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    for words in (
        "→ Look whether it has power",
        "acknowledged  by ada, 10m 00s ago: new battery",
        "behind it     1, 2, 3, 4, 5 and 3 more",
        "about         metric=rssi_dbm",
        "value         -84.5",
        "state         firing, acknowledged",
        "1h 40m ago",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("about", "text"),
    [
        (values.silence(nodes=[]), "everything"),
        (values.silence(nodes=[1, 2], rules=["leak"]), "rule leak, nodes 1, 2"),
        (values.silence(nodes=[], tags=["roof", "test"]), "tags roof, test"),
        (values.silence(nodes=list(range(1, 10))), "nodes 1, 2, 3, 4, 5 and 4 more"),
        (values.rule(), "all nodes"),
        (values.rule(nodes=[7]), "node 7"),
    ],
)
def test_what_something_is_about(about, text):
    assert scope_text(about) == text


def test_a_silence_in_a_sentence():
    words = "silence s1: nobody is told of alerts about node 1006, for 3h 30m, until 2026-11-25 "
    assert silence_sentence(values.silence()).startswith(words)
    waiting = values.silence(kind="maintenance", state="waiting", starts_at=values.NOW)
    assert silence_sentence(waiting).startswith("maintenance s1: nobody is told")
    assert ", from 2026-11-25 " in silence_sentence(waiting)


def test_the_limits_of_rules():
    assert (condition_text(values.rule()), limit_text(values.rule())) == (
        "heap_free_bytes below 8.0 KB",
        "< 8.0 KB",
    )
    counted = values.rule(metric="", direction="", threshold=3.0, unit="restarts")
    assert (condition_text(counted), limit_text(counted)) == ("", "3 restarts")
    assert limit_text(values.rule(threshold=None)) == ""
    assert limit_text(values.rule(direction="", unit="s", threshold=60.0)) == "1m"
    assert limit_text(values.rule(direction="above", unit="°C", threshold=70.0)) == "> 70 °C"


# -- seeing and taking on ----------------------------------------------------------------------


def test_listing(commands):
    rows = commands.said("alerts", "list").splitlines()
    assert [row.split()[0] for row in rows[1:]] == ["a4", "a2", "a5", "a3", "a6"]
    assert "firing, explained" in rows[1]
    assert max(map(len, rows)) <= 80
    assert len(commands.done("alerts", "list", "--all")["alerts"]) == 6
    assert [alert["id"] for alert in commands.done("alerts", "list", "--state", "pending")["alerts"]] == [
        "a6"
    ]
    assert [alert["id"] for alert in commands.done("alerts", "list", "--rule", "leak")["alerts"]] == ["a3"]
    both = commands.done("alerts", "list", "--state", "resolved", "--state", "firing", "--node", "node 1")
    assert [alert["id"] for alert in both["alerts"]] == ["a1"]
    assert [alert["id"] for alert in commands.done("alerts", "list", "--limit", "2")["alerts"]] == [
        "a6",
        "a5",
    ]


def test_listing_nothing(commands):
    assert commands.said("alerts", "list", "--node", "1001") == "There are no such alerts.\n"
    commands.service.alerts_by_id.clear()
    assert commands.said("alerts", "list") == "No alert is firing, and none may soon.\n"


def test_what_makes_no_list_is_refused(commands):
    assert "exclude each other" in commands.refused("alerts", "list", "--all", "--state", "firing")
    assert "--limit must be 1 or more" in commands.refused("alerts", "list", "--limit", "0")
    assert "over" in commands.refused("alerts", "list", "--state", "over")
    assert "'attic'" in commands.refused("alerts", "list", "--node", "attic")


def test_showing_one(commands):
    out = commands.said("alerts", "show", "a3")
    assert "acknowledged  by ada" in out
    assert "→ Update or restart it before then." in out
    assert commands.done("alerts", "show", "a1")["state"] == "resolved"
    assert "there is no alert a9" in commands.refused("alerts", "show", "a9", status=1)
    assert "begins the ids of 5 alerts" in commands.refused("alerts", "show", "a")


def test_an_alert_that_goes_on_is_meant_rather_than_one_that_is_over(commands):
    known = commands.service.alerts_by_id
    known["a20"] = values.alert("a20", state="resolved")
    known["b10"] = msgspec.structs.replace(values.alert(), id="b10")
    known["b11"] = msgspec.structs.replace(values.alert(state="resolved"), id="b11")
    assert commands.done("alerts", "show", "a2")["id"] == "a2"
    assert commands.done("alerts", "show", "b")["id"] == "b10"
    assert commands.done("alerts", "show", "b11")["id"] == "b11"
    known["b1"] = msgspec.structs.replace(values.alert(state="resolved"), id="b1")
    assert commands.done("alerts", "show", "b1")["id"] == "b1"


def test_taking_one_on_and_giving_it_back(commands):
    out = commands.said("alerts", "ack", "a2", "--note", "battery is on order")
    assert out == "alert a2 is acknowledged: nobody is told of it again until it is over\n"
    assert sent(commands) == {"note": "battery is on order"}
    assert commands.service.alerts_by_id["a2"].ack_note == "battery is on order"
    assert commands.done("alerts", "unack", "a2")["acked_by"] == ""
    assert "is not acknowledged" in commands.refused("alerts", "unack", "a2", status=1)
    assert "is over" in commands.refused("alerts", "ack", "a1", status=1)


def test_it_is_taken_on_once_where_the_answer_is_lost(commands):
    def lose():
        commands.gate.shut_for = 1

    commands.gate.before = [lambda: None, lambda: None, lose]
    assert commands.done("alerts", "ack", "a2")["quiet"] == "acknowledged"
    assert [action for action, _ in commands.service.calls] == ["ack alert"]


def test_a_viewer_may_look_and_not_touch(tmp_path, monkeypatch, capsys):
    commands = Commands(tmp_path, monkeypatch, capsys, role="viewer")
    assert commands.said("alerts", "list")
    assert "token of another role" in commands.refused("alerts", "ack", "a2", status=1)


# -- silences ----------------------------------------------------------------------------------


def test_silencing(commands):
    made = commands.done(
        *("alerts", "silence", "1005", "node 6", "--rule", "silent_node", "--tag", "roof"),
        *("--for", "2d", "--reason", "holidays"),
    )
    assert sent(commands) == {
        "kind": "silence",
        "rules": ["silent_node"],
        "nodes": [1005, 1006],
        "tags": ["roof"],
        "duration_s": 172_800.0,
        "starts_at": None,
        "ends_at": None,
        "reason": "holidays",
    }
    assert made["state"] == "active"
    assert commands.said("alerts", "silence", "1005").startswith(
        "silence s5: nobody is told of alerts about node 1005, for 4h, until "
    )
    assert commands.said("alerts", "silence", "--all", "--for", "5m").startswith(
        "silence s6: nobody is told of alerts about everything, for 5m"
    )


def test_until_some_time(commands):
    commands.said("alerts", "silence", "1005", "--until", "2026-11-26T22:00+01:00")
    body = sent(commands)
    assert (body["ends_at"], body["duration_s"]) == ("2026-11-26T22:00:00+01:00", None)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say which alerts: by nodes, --rule or --tag, or --all"),
        (("1005", "--all"), "say which alerts"),
        (("1005", "--for", "1h", "--until", "22:00"), "--for and --until exclude each other"),
        (("1005", "--for", "long"), "--for: 'long' is not a duration"),
        (("1005", "--for", "0"), "--for: it must be longer than nothing"),
        (("1005", "--until", "soon"), "--until: 'soon' is no time"),
        (("attic",), "no node has the id or name 'attic'"),
    ],
)
def test_silences_that_make_no_sense_are_refused(commands, arguments, words):
    assert words in commands.refused("alerts", "silence", *arguments)
    assert not commands.service.calls


def test_maintenance(commands):
    commands.said(
        *("alerts", "maintenance", "1005", "--start", "2026-11-26T22:00+01:00", "--for", "1h"),
        *("--reason", "new battery"),
    )
    body = sent(commands)
    assert (body["kind"], body["nodes"], body["duration_s"]) == ("maintenance", [1005], 3600.0)
    assert body["starts_at"] == "2026-11-26T22:00:00+01:00"
    assert "about everything" in commands.said("alerts", "maintenance", "--for", "10m")
    assert "say how long" in commands.refused("alerts", "maintenance", "1005")
    assert "--start: 'soon'" in commands.refused("alerts", "maintenance", "--start", "soon", "--for", "1h")


def test_silences_are_listed_and_ended(commands):
    rows = commands.said("alerts", "silences").splitlines()
    assert [row.split()[:3] for row in rows[1:]] == [
        ["s1", "silence", "active"],
        ["s3", "silence", "waiting"],
    ]
    assert max(map(len, rows)) <= 80
    assert len(commands.done("alerts", "silences", "--over")["silences"]) == 3
    assert commands.said("alerts", "unsilence", "s1") == "silence s1 is over\n"
    assert commands.done("alerts", "unsilence", "s3")["ended_by"] == "admin"
    assert "there is no silence s1" in commands.refused("alerts", "unsilence", "s1", status=1)
    assert commands.said("alerts", "silences") == "Nothing is silenced.\n"


# -- rules -------------------------------------------------------------------------------------


def test_rules_are_listed(commands):
    rows = commands.said("alerts", "rules").splitlines()
    assert rows[1].split()[:3] == ["silent_node", "on", "critical"]
    assert rows[-1].split()[:3] == ["reboot_loop", "off", "warning"]
    assert max(map(len, rows)) <= 80
    assert {rule["name"] for rule in commands.done("alerts", "rules")["rules"]} >= {"leak", "low_heap"}


def test_a_rule_is_shown(commands):
    out = commands.said("alerts", "rule", "weak_link")
    assert out.startswith("weak_link: A node hears its parent so badly")
    assert "fires below  -80 dBm\n" in out
    assert "set by       the configuration file\n" in out
    error = commands.refused("alerts", "rule", "weak_lnk", status=1)
    assert "there is no rule 'weak_lnk'; did you mean weak_link?" in error


def test_a_rule_is_changed(commands):
    told = commands.done(
        *("alerts", "rule", "weak_link", "--threshold", "-85.5", "--clear", "-80", "--for", "10m"),
        *("--keep", "1h", "--severity", "critical", "--off"),
    )
    assert sent(commands, "PATCH") == {
        "threshold": -85.5,
        "clear": -80.0,
        "for_s": 600.0,
        "keep_firing_s": 3600.0,
        "severity": "critical",
        "enabled": False,
    }
    assert (told["threshold"], told["enabled"], told["origin"]) == (-85.5, False, "api")
    assert "state        on\n" in commands.said("alerts", "rule", "weak_link", "--on")
    assert "fires below  12.0 KB\n" in commands.said("alerts", "rule", "low_heap", "--threshold", "12KB")


def test_a_rule_is_made_and_taken_back(commands):
    told = commands.done(
        *("alerts", "rule", "boiling", "--metric", "temperature_c", "--fires", "above", "--threshold", "95")
    )
    assert (told["custom"], told["direction"], told["threshold"]) == (True, "above", 95.0)
    assert commands.said("alerts", "rule", "boiling", "--reset") == "rule boiling is gone\n"
    commands.said("alerts", "rule", "low_heap", "--off")
    assert commands.done("alerts", "rule", "low_heap", "--reset")["enabled"] is True


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (("low_heap", "--on", "--off"), "--on and --off exclude each other", 2),
        (("low_heap", "--reset", "--off"), "--reset goes without other changes", 2),
        (("low_heap", "--threshold", "12x"), "--threshold: '12x' is no number", 2),
        (("low_heap", "--threshold", "nan"), "'nan' is no number that a metric can have", 2),
        (("low_heap", "--clear", "1.5.5KB"), "--clear: '1.5.5KB' is not a size", 2),
        (("low_heap", "--for", "5"), "--for: '5' is not a duration", 2),
        (("low_haep", "--threshold", "5"), "did you mean low_heap?", 1),
        (("low/heap", "--off"), "there is no rule 'low/heap'", 1),
        (("new", "--metric", "colour", "--fires", "above", "--threshold", "1"), "colour", 2),
    ],
)
def test_changes_of_rules_that_make_no_sense_are_refused(commands, arguments, words, status):
    assert words in commands.refused("alerts", "rule", *arguments, status=status)
    assert not commands.service.calls


# -- tests of the receivers --------------------------------------------------------------------


def test_receivers_are_tried(commands):
    out = commands.said("alerts", "test", status=1)
    assert out.splitlines() == [
        "✓ webhook hooks.example: delivered in 0.1 s",
        "✗ mail ops@mesh.example: connection refused",
    ]
    told = commands.done("alerts", "test", status=1)
    assert (told["ok"], len(told["results"])) == (False, 2)
    commands.service.test_results = [
        msgspec.structs.replace(result, ok=True) for result in commands.service.test_results
    ]
    assert commands.done("alerts", "test")["ok"] is True


def test_without_receivers_nobody_is_told(commands):
    commands.service.test_results = []
    assert "nobody is told of alerts" in commands.said("alerts", "test", status=1)
