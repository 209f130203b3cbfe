"""What `status NODE` shows."""

from datetime import UTC, datetime

import pytest

from meshward.cli.node_status_view import anomaly_text, leak_text, print_node
from meshward.gateway.health_views import MetricView
from meshward.gateway.views import AttemptView, NodeDetail, ParentChange
from meshward.status.metrics import METRICS
from tests.support import health_values as values
from tests.support.cli_run import Commands
from tests.support.gateway_values import NOW

MOMENT = datetime(2026, 11, 25, 12, 10, tzinfo=UTC)
CATALOGUE = [
    MetricView(name=metric.name, kind=metric.kind, unit=metric.unit, words=metric.words)
    for metric in METRICS.values()
]


@pytest.fixture
def commands(tmp_path, monkeypatch, capsys):
    return Commands(tmp_path, monkeypatch, capsys)


def shown(capsys, detail=None, alerts=(), **known):
    detail = detail or NodeDetail(id=1, online=True)
    print_node(detail, values.node_status(detail.id, **known), alerts, CATALOGUE, now=MOMENT)
    return capsys.readouterr().out


def test_all_of_a_node(capsys):
    attempt = AttemptView(
        node=1,
        update="u",
        rollout="r",
        kind="install",
        firmware="ab" * 32,
        state="failed",
        reason="no\x1b room",
    )
    detail = NodeDetail(
        id=1,
        online=True,
        name="lamp\x1b[2J",
        tags=["indoors"],
        firmware="cd" * 32,
        proven_how="announce",
        proven_at=NOW,
        parents=[ParentChange(at=NOW, parent=7), ParentChange(at=NOW, parent=None)],
        attempts=[attempt],
    )
    text = shown(capsys, detail, texts={"sketch": "blink\x1b", "version": "again"}, lost_frames=3)
    assert text.startswith("node 1 lamp")
    assert "\x1b" not in text
    assert "cdcdcdcdcdcdcdcd, announce 10m 00s ago" in text
    assert text.index("left the mesh") < text.index("below 7")
    assert "\n\nparents, newest first\n" in text
    assert "install abababab failed: no" in text
    assert "sketch         blink" in text
    assert "again" not in text
    assert "lost           3 frames" in text
    assert "Health 100 of 100\n" in text


def test_what_is_wrong_comes_first(capsys):
    text = shown(
        capsys,
        health=values.score(small_matter=5, leak=30),
        leak=values.leak(),
        anomalies=[values.anomaly(), values.anomaly("heap_free_bytes", kind="peers", value=9e3, usual=4e4)],
        alerts=[values.alert("a3", quiet="acknowledged")],
        refused=2,
        last_refused="heap of 4 GB",
    )
    lines = text.splitlines()
    assert lines[1:4] == ["Health 65 of 100", "  -30  leak", "  -5   small matter"]
    assert lines[4] == "critical a3: node 1005 has been silent for 90 minutes (acknowledged)"
    assert lines[5].startswith("leak: it loses 620 B of heap an hour; about 41 h are left (33 h to 52 h)")
    assert lines[6] == "unusual: rssi_dbm is -84 dBm, usually -62 dBm, for 1h 40m"
    assert lines[7] == "unlike its peers: heap_free_bytes is 8.8 KB, theirs 39.1 KB"
    assert "refused        2 values, the last: heap of 4 GB" in lines


def test_values_have_their_age_and_source(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    metrics = values.readings(130.0)
    metrics["crashes"] = values.ReadingView(value=2.0, age_s=0.2, source="604")
    text = shown(capsys, metrics=metrics)
    row = next(line for line in text.splitlines() if line.startswith("heap_free_bytes"))
    assert row.split()[1:5] == ["40.2", "KB", "2m", "10s"]
    assert "telemetry" in row
    row = next(line for line in text.splitlines() if line.startswith("crashes"))
    assert row.split()[1:5] == ["2", "now", "package", "604"]
    assert max(map(len, text.splitlines())) <= 80


def test_a_node_that_told_nothing_is_shown(capsys):
    text = shown(
        capsys,
        NodeDetail(id=1, online=False, last_seen_at=NOW),
        online=False,
        metrics={},
        tells=[],
        silent_s=None,
        parent=None,
        depth=None,
    )
    assert text.startswith("node 1: offline\n")
    assert "metric" not in text


def test_far_ends_are_told_in_days():
    leak = values.leak(hours_left=100.0, hours_low=70.0, hours_high=300.0)
    assert leak_text(leak).endswith("about 4 days are left (70 h to 12 days)")
    assert anomaly_text(values.anomaly(since_at=None), "dBm", MOMENT).endswith("usually -62 dBm")


# -- the command -------------------------------------------------------------------------------


def test_one_node_by_id_or_name(commands):
    assert "leak: it loses 620 B" in commands.said("status", "1003")
    told = commands.done("status", "Node 3")
    assert (told["id"], told["node"]) == (1003, 1003)
    assert told["leak"]["hours_left"] == 41.0
    assert told["attempts"] == []
    assert told["health"]["value"] == 70
    assert "there is no node 77" in commands.refused("status", "77", status=1)
    assert "no node has the id or name 'attic'" in commands.refused("status", "attic")


def test_its_alerts_are_shown(commands):
    out = commands.said("status", "1005")
    assert "critical a2: node 1005 has been silent for 90 minutes\n" in out
    assert "a4" not in out
