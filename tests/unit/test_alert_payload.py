import json

from meshward.status.alerts.documents import Notification
from meshward.status.alerts.payload import rfc3339, subject, text, webhook_payload
from tests.support.alerts import alert

URL = "https://mesh.example/"


def notification(*alerts, status="firing", reason="new", **more):
    return Notification(
        id="n", group="silent_node/warning", status=status, alerts=list(alerts), created_s=1_790_000_300.0,
        reason=reason, **more,
    )  # fmt: skip


def test_the_webhook_speaks_alertmanager_4():
    body = webhook_payload(notification(alert(), alert(labels={"node": "7"}, name="")), "hook", URL)
    assert json.loads(json.dumps(body)) == body
    assert body["version"] == "4"
    assert body["groupKey"] == '{}:{alertname="silent_node", severity="warning"}'
    assert (body["status"], body["receiver"], body["truncatedAlerts"]) == ("firing", "hook", 0)
    assert body["groupLabels"] == {"alertname": "silent_node", "severity": "warning"}
    assert body["commonLabels"] == {"alertname": "silent_node", "severity": "warning"}
    assert body["externalURL"] == URL
    first = body["alerts"][0]
    assert first["labels"] == {
        "alertname": "silent_node",
        "severity": "warning",
        "node": "1005",
        "node_name": "Kitchen",
    }
    assert first["annotations"] == {
        "summary": "Kitchen (1005) is silent",
        "description": "Kitchen (1005) is silent: out of the mesh for 75 s. It hung below Garage (1001). Check its power.",
    }
    assert (first["startsAt"], first["endsAt"]) == ("2026-09-21T14:13:20.000Z", "0001-01-01T00:00:00Z")
    assert first["generatorURL"] == "https://mesh.example/alerts/1"
    assert first["fingerprint"] == "ab" * 8
    assert body["commonAnnotations"] == first["annotations"]


def test_the_webhook_says_when_it_is_over():
    over = alert(state="resolved", resolved_s=1_790_000_500.5, ended="there is no data any more")
    body = webhook_payload(notification(over, status="resolved", left_out=3), "hook", "")
    assert (body["status"], body["truncatedAlerts"]) == ("resolved", 3)
    assert body["alerts"][0]["status"] == "resolved"
    assert body["alerts"][0]["endsAt"] == "2026-09-21T14:21:40.500Z"
    assert body["alerts"][0]["generatorURL"] == ""
    assert "no data" in body["alerts"][0]["annotations"]["description"]


def test_subjects_say_the_most_important_in_one_line():
    assert subject(notification(alert())) == "Warning: Kitchen (1005) is silent"
    assert subject(notification(alert(), alert())) == "Warning: Kitchen (1005) is silent (and 1 more)"
    assert subject(notification(alert(severity="critical"))).startswith("CRITICAL: Kitchen")
    assert subject(notification(alert(), reason="repeat")) == "Still warning: Kitchen (1005) is silent"
    assert subject(notification(alert(flapping=True))).startswith("Warning, comes and goes: ")
    assert (
        subject(notification(alert(state="resolved"), status="resolved")) == "Over: Kitchen (1005) is silent"
    )
    assert subject(notification(alert(), reason="test")).startswith("Test: ")
    assert len(subject(notification(alert(text="x" * 1000)))) <= 130


def test_texts_say_what_is_wrong_and_what_to_do():
    words = text(notification(alert(), alert(text="Hall is silent.", advice="")))
    assert words == (
        "Warning: Kitchen (1005) is silent: out of the mesh for 75 s. It hung below Garage (1001).\n"
        "Check its power.\n\nWarning: Hall is silent."
    )


def test_texts_say_how_long_it_was():
    over = alert(
        state="resolved",
        clear_since_s=1_790_000_600.0,
        resolved_s=1_790_000_660.0,
        ended="1 node is still out",
    )
    assert text(notification(over, status="resolved")).startswith(
        "Over after 10 min. 1 node is still out. It was: Kit"
    )


def test_long_lists_end():
    words = text(notification(*[alert()] * 25, left_out=5))
    assert "And 10 more of this kind" in words


def test_moments_that_are_none_break_nothing():
    assert rfc3339(-5) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1e30).startswith("9999-")
