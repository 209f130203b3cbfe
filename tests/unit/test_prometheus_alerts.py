"""Which alerts an Alertmanager is told of, and what is said when it does not take them."""

import asyncio
from datetime import datetime
from random import Random

import pytest

from meshward.bridges import clock
from meshward.bridges.prometheus import alertmanager
from meshward.bridges.prometheus.alert_book import OVER_MAX, AlertBook
from meshward.bridges.prometheus.alertmanager import AlertmanagerBridge
from tests.support.health_values import NOW_S, alert
from tests.support.receivers import Hook, listening
from tests.support.scraped_service import ScrapedService
from tests.support.web import until

LASTS_S = 240.0


@pytest.fixture
def book():
    return AlertBook(LASTS_S, None)


def told(book, *alerts, now_s=NOW_S):
    """What is told when these alerts are open: severity and end of each, by rule."""
    book.follow(alerts, "garden", now_s)
    return {one["labels"]["alertname"]: one for one in book.written(now_s)}


def end_s(written):
    return datetime.fromisoformat(written["endsAt"]).timestamp()


def test_what_fires_lasts_for_four_minutes_from_each_time_it_is_told(book):
    for now_s in (NOW_S, NOW_S + 60):
        assert end_s(told(book, alert(), now_s=now_s)["silent_node"]) == now_s + LASTS_S


def test_pending_and_resolved_alerts_are_not_told(book):
    assert told(book, alert("a1", state="pending"), alert("a2", state="resolved")) == {}


@pytest.mark.parametrize("quiet", ["silenced", "maintenance", "explained", "flapping"])
def test_what_is_quiet_is_not_begun_with_but_goes_on(book, quiet):
    assert told(book, alert(quiet=quiet)) == {}
    assert set(told(book, alert())) == {"silent_node"}
    after = told(book, alert(quiet=quiet))["silent_node"]
    assert end_s(after) > NOW_S
    assert after["annotations"]["quiet"] == quiet
    # Over, and the next one is quiet from its beginning.
    told(book)
    book.taken()
    assert told(book, alert("a2", quiet=quiet)) == {}


def test_what_somebody_looks_after_is_told(book):
    written = told(book, alert(quiet="acknowledged", acked_by="ada"))["silent_node"]
    assert (written["annotations"]["quiet"], written["annotations"]["acknowledged_by"]) == (
        "acknowledged",
        "ada",
    )


def test_labels_identify_and_texts_do_not(book):
    one = told(book, alert(name="Kitchen", labels={"node": "1005", "metric": "rssi_dbm", "mesh": "mesh"}))
    assert one["silent_node"]["labels"] == {
        "alertname": "silent_node",
        "severity": "critical",
        "node": "1005",
        "metric": "rssi_dbm",
        "mesh": "garden",
    }
    other = alert(
        text="silent for 2 hours", name="Hall", labels={"node": "1005", "metric": "rssi_dbm", "mesh": "mesh"}
    )
    assert not book.follow([other], "garden", NOW_S)
    (written,) = book.written(NOW_S)
    assert written["annotations"]["summary"] == "silent for 2 hours"


def test_another_severity_is_another_alert_and_ends_the_one_before(book):
    told(book, alert(severity="warning"))
    assert book.follow([alert(severity="critical")], "garden", NOW_S + 30)
    ends = {one["labels"]["severity"]: end_s(one) for one in book.written(NOW_S + 30)}
    assert ends == {"critical": NOW_S + 30 + LASTS_S, "warning": NOW_S + 30}


def test_an_end_is_told_until_it_is_taken_and_no_longer_than_it_matters(book):
    told(book, alert())
    assert end_s(told(book, now_s=NOW_S + 10)["silent_node"]) == NOW_S + 10
    assert len(book.written(NOW_S + 100)) == 1
    book.forget_old(NOW_S + 10 + LASTS_S + 1)
    assert book.written(NOW_S + 300) == []
    told(book, alert())
    told(book)
    book.taken()
    assert book.written(NOW_S) == []


def test_what_fires_again_is_not_over(book):
    told(book, alert("a1"))
    told(book)
    (written,) = told(book, alert("a2")).values()
    assert end_s(written) > NOW_S
    assert len(book) == 1


def test_ends_that_nobody_takes_are_bounded(book):
    for number in range(OVER_MAX + 5):
        book.follow([alert(rule=f"rule_{number}")], "garden", NOW_S)
    told(book)
    assert (len(book), book.dropped) == (OVER_MAX, 5)


def test_an_alert_never_ends_before_it_starts(book):
    written = told(book, alert(fired_at="2031-01-01T00:00:00Z"))["silent_node"]
    assert datetime.fromisoformat(written["startsAt"]).timestamp() == NOW_S
    written = told(book)["silent_node"]
    assert written["startsAt"] == written["endsAt"]


# -- calls ------------------------------------------------------------------------------------


async def told_to(answer, url="http://127.0.0.1:{port}", delay_s=0.0):
    """What is shown of an Alertmanager that answers so, and the first request to it."""
    hook = Hook(answer, delay_s)
    service = ScrapedService()
    async with listening(hook.serve) as port:
        bridge = AlertmanagerBridge(url.format(port=port), service, "", None, Random(1))
        task = asyncio.create_task(bridge.run())
        try:
            await until(lambda: bridge.record.state != "starting")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return bridge.record.view(), hook.requests[0]


def answered(status, more=""):
    return f"HTTP/1.1 {status}\r\n{more}Connection: close\r\nContent-Length: 9\r\n\r\nno\x1b[2J no".encode()


async def test_user_and_password_of_the_address_are_a_login_and_are_not_shown():
    view, request = await told_to(answered("200 OK"), "http://me:p%40ss@127.0.0.1:{port}/am/")
    assert (view.state, view.text) == ("up", "2 alerts are firing there")
    assert request.head.startswith("POST /am/api/v2/alerts HTTP")
    assert request.headers["authorization"] == "Basic bWU6cEBzcw=="
    assert "me" not in view.name.replace("meshward", "")
    assert "p%40ss" not in view.name
    assert b'"mesh":"mesh-7"' in request.body


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (answered("401 Unauthorized"), "answered 401: write user and password into its address"),
        (answered("404 Not Found"), "answered 404: is this an Alertmanager"),
        (answered("400 Bad Request"), "answered 400: no\N{REPLACEMENT CHARACTER}[2J no"),
        (
            answered("302 Found", "Location: http://elsewhere.example/\r\n"),
            "answered 302 and points elsewhere",
        ),
        (answered("302 Found", "Location: http://[\r\n"), "answered 302 and points elsewhere"),
        (answered("999 Odd"), "answered 999: no"),
        (b"\xff\x00 nonsense\r\n\r\n", "cannot be reached: "),
        (b"", "cannot be reached: "),
    ],
)
async def test_it_says_what_is_wrong(answer, text):
    view, _ = await told_to(answer)
    assert (view.state, view.waiting) == ("failing", 2)
    assert view.text.startswith(text)


async def test_one_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(alertmanager, "LIMIT_S", 0.2)
    view, _ = await told_to(answered("200 OK"), delay_s=60.0)
    assert view.text == "did not answer within 0.2 s"


async def test_nothing_is_told_of_a_mesh_without_a_name():
    hook = Hook(answered("200 OK"))
    service = ScrapedService()
    service.own_id = None
    async with listening(hook.serve) as port:
        bridge = AlertmanagerBridge(f"http://127.0.0.1:{port}", service, "", None, Random(1))
        task = asyncio.create_task(bridge.run())
        await until(lambda: hook.requests)
        assert hook.requests[0].body == b"[]"
        gateway = {"mesh_connected": True, "own_id": 9, "alarms": []}
        service.feed.publish([{"kind": "gateway", "id": "", "value": gateway}])
        await until(lambda: len(hook.requests) == 2)
        assert b'"mesh":"mesh-9"' in hook.requests[1].body
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_nothing_is_told_while_the_clock_is_not_set(monkeypatch):
    monkeypatch.setattr(clock, "LOOK_EVERY_S", 0.01)
    hook, now_s = Hook(answered("200 OK")), [5000.0]
    async with listening(hook.serve) as port:
        url = f"http://127.0.0.1:{port}"
        bridge = AlertmanagerBridge(url, ScrapedService(), "", None, Random(1), now_s=lambda: now_s[0])
        task = asyncio.create_task(bridge.run())
        await until(lambda: bridge.record.state == "failing")
        assert bridge.record.text.startswith("waits: the clock of this machine is not set")
        assert hook.requests == []
        now_s[0] = NOW_S
        await until(lambda: bridge.record.state == "up")
        assert len(hook.requests) == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_where_alerts_go_does_not_depend_on_how_the_address_is_shown(monkeypatch):
    monkeypatch.setattr(alertmanager, "shown_alertmanager", lambda url: "an Alertmanager")
    view, request = await told_to(answered("200 OK"), "http://127.0.0.1:{port}/am/")
    assert (view.name, view.state) == ("an Alertmanager", "up")
    assert request.head.startswith("POST /am/api/v2/alerts HTTP")
