"""Notifications to real receivers on this machine: web hooks, mail, and Apprise; and to broken ones."""

import asyncio
import email
import email.policy
import io
import json
import logging
import sys
import time

import pytest

from meshward.config import Alerts, Receiver
from meshward.errors import DeliveryError
from meshward.gateway import logs
from meshward.gateway.delivery import Courier
from meshward.gateway.delivery.courier import test_notification as example
from meshward.gateway.delivery.words import cleaned
from meshward.status.alerts.documents import AlertDoc, Notification
from tests.support.receivers import Hook, Postbox, answer, certificate, listening, mail_server

NOBODY = 9  # the port "discard", where nothing listens


def alert(**more):
    values = {
        "id": "a7",
        "fingerprint": "00ff" * 4,
        "rule": "leak",
        "labels": {"node": "1003"},
        "node": 1003,
        "severity": "warning",
        "state": "firing",
        "text": "Kitchen (1003) loses 620 B of heap per hour.",
        "advice": "Restart it before then.",
        "since_s": 1_795_600_000.0,
        "fired_s": 1_795_600_300.0,
    }
    return AlertDoc(**{**values, **more})


def notification(*alerts, **more):
    values = {
        "id": "n1",
        "group": "leak/warning",
        "status": "firing",
        "alerts": list(alerts) or [alert()],
        "created_s": 1_795_600_305.0,
        "reason": "new",
    }
    return Notification(**{**values, **more})


def receiver_of(alerts):
    (receiver,) = alerts.receivers()
    return receiver


async def failure(alerts, *, limit_s=5.0, told=None):
    """The text of the error."""
    begun_s = time.monotonic()
    with pytest.raises(DeliveryError) as caught:
        await Courier(alerts, limit_s=limit_s).deliver(told or notification(), receiver_of(alerts))
    assert time.monotonic() - begun_s < 3 * limit_s + 3
    return str(caught.value)


async def silent(reader, writer):
    await reader.read()


# -- webhooks --------------------------------------------------------------------------------


def hook_at(port, path="T0KEN/b", scheme="http", host="127.0.0.1"):
    return Alerts(webhooks=(f"{scheme}://{host}:{port}/{path}",), external_url="https://mesh.example")


async def test_a_webhook_gets_alertmanagers_json():
    hook = Hook()
    async with listening(hook.serve) as port:
        alerts = hook_at(port)
        await Courier(alerts).deliver(notification(), receiver_of(alerts))
    (request,) = hook.requests
    assert request.head == "POST /T0KEN/b HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("Meshward/")
    sent = json.loads(request.body)
    assert (sent["version"], sent["status"]) == ("4", "firing")
    assert sent["receiver"] == f"webhook 127.0.0.1:{port}"
    assert sent["externalURL"] == "https://mesh.example"
    assert sent["alerts"][0]["labels"]["node"] == "1003"
    assert sent["alerts"][0]["fingerprint"] == "00ff" * 4


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_status_that_says_yes_is_one(status):
    hook = Hook(answer(status))
    async with listening(hook.serve) as port:
        alerts = hook_at(port)
        await Courier(alerts).deliver(notification(), receiver_of(alerts))
    assert len(hook.requests) == 1


async def test_user_and_password_of_a_webhook_are_sent_as_such():
    hook = Hook()
    async with listening(hook.serve) as port:
        alerts = Alerts(webhooks=(f"http://me:hunter2@127.0.0.1:{port}/x",))
        await Courier(alerts).deliver(notification(), receiver_of(alerts))
    assert hook.requests[0].headers["authorization"] == "Basic bWU6aHVudGVyMg=="


async def test_odd_texts_travel_whole():
    hook = Hook()
    text = 'N\xf8de "\u2028\udcff" <b>\x00'
    async with listening(hook.serve) as port:
        alerts = hook_at(port)
        await Courier(alerts).deliver(notification(alert(advice=text)), receiver_of(alerts))
    assert text in json.loads(hook.requests[0].body)["alerts"][0]["annotations"]["description"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (answer(500), "answered 500 Internal Server Error"),
        (answer(400, "invalid_payload\r\n"), "answered 400 Bad Request: invalid_payload"),
        (answer(404, "<html>no</html>"), "answered 404 Not Found"),
        (answer(404, "no T0KEN here, nor at /T0KEN/b"), "answered 404 Not Found: no … here, nor at …"),
        (answer(599, "\x1b[2J"), "answered 599: \N{REPLACEMENT CHARACTER}[2J"),
        (answer(301, location="https://other.example/T0KEN"), "points to another address on other.example"),
        (answer(307, location="/elsewhere"), "points to another address on 127.0.0.1"),
        (answer(302, location="//[x"), "points to another address on 127.0.0.1"),
        (answer(302, location="https://a]b/"), "points to another address on"),
        (b"SSH-2.0-OpenSSH\r\n", "cannot be reached"),
        (b"", "cannot be reached"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000, "cannot be reached"),
    ],
)
async def test_a_webhook_that_does_not_take_it_says_why(sent, expected):
    hook = Hook(sent)
    async with listening(hook.serve) as port:
        text = await failure(hook_at(port))
    assert expected in text
    assert text.startswith(f"127.0.0.1:{port} ")
    assert "T0KEN" not in text
    assert len(hook.requests) == 1  # nothing followed


async def test_nobody_at_the_other_end():
    text = await failure(hook_at(NOBODY))
    assert text.startswith("127.0.0.1:9 cannot be reached: ")


async def test_a_webhook_that_never_answers():
    async with listening(silent) as port:
        assert "did not answer within 0.3 s" in await failure(hook_at(port), limit_s=0.3)


async def test_a_webhook_that_answers_byte_by_byte_has_no_more_time():
    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for byte in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with listening(drip) as port:
        assert "did not answer within 0.4 s" in await failure(hook_at(port), limit_s=0.4)


async def test_an_endless_page_of_an_error_is_not_read():
    async def flood(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 No\r\n\r\n")
        while True:
            writer.write(b"no " * 10_000)
            await writer.drain()

    async with listening(flood) as port:
        assert "answered 503 Service Unavailable: no no no" in await failure(hook_at(port))


async def test_a_certificate_that_nobody_vouches_for(tmp_path):
    _, context = certificate(tmp_path, "localhost")
    hook = Hook()
    async with listening(hook.serve, context) as port:
        text = await failure(hook_at(port, scheme="https", host="localhost"))
    assert "certificate verify failed" in text.lower()
    assert hook.requests == []


async def test_a_certificate_that_is_trusted(tmp_path, monkeypatch):
    path, context = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    hook = Hook()
    async with listening(hook.serve, context) as port:
        alerts = hook_at(port, scheme="https", host="localhost")
        await Courier(alerts).deliver(notification(), receiver_of(alerts))
    assert len(hook.requests) == 1


async def test_tls_asked_of_a_server_without_it():
    hook = Hook()
    async with listening(silent) as port:
        text = await failure(hook_at(port, scheme="https"), limit_s=1.0)
    assert "did not answer" in text or "cannot be reached" in text
    assert hook.requests == []


# -- mail ------------------------------------------------------------------------------------


def mail_at(port, scheme="smtp", user="", host="127.0.0.1", **more):
    values = {
        "mail_to": ("ops@mesh.example",),
        "mail_from": "meshward@mesh.example",
        "smtp": f"{scheme}://{user}{'@' if user else ''}{host}:{port}",
    }
    return Alerts(**{**values, **more})


async def delivered(postbox, alerts, told=None):
    await Courier(alerts, limit_s=5.0).deliver(told or notification(), receiver_of(alerts))
    content = postbox.mails[-1][2]
    return email.message_from_bytes(content, policy=email.policy.default)


async def test_a_mail_says_what_is_wrong():
    postbox = Postbox()
    async with mail_server(postbox) as port:
        message = await delivered(postbox, mail_at(port, external_url="https://mesh.example"))
    assert postbox.mails[0][:2] == ("meshward@mesh.example", ["ops@mesh.example"])
    assert message["subject"] == "Warning: Kitchen (1003) loses 620 B of heap per hour"
    assert (message["from"], message["to"]) == ("Meshward <meshward@mesh.example>", "ops@mesh.example")
    assert message["auto-submitted"] == "auto-generated"
    assert message["date"].datetime.timestamp() == 1_795_600_305.0
    text = message.get_content()
    assert "loses 620 B of heap per hour" in text
    assert "Restart it before then." in text
    assert text.rstrip().endswith("https://mesh.example")


async def test_mails_of_a_group_are_one_conversation_and_a_repeated_one_is_the_same():
    postbox = Postbox()
    async with mail_server(postbox) as port:
        alerts = mail_at(port)
        first, again = await delivered(postbox, alerts), await delivered(postbox, alerts)
        later = await delivered(postbox, alerts, notification(id="n2", reason="resolved"))
        other = await delivered(postbox, alerts, notification(id="n3", group="weak_link/warning"))
    assert first["message-id"] == again["message-id"]
    assert len({first["message-id"], later["message-id"], other["message-id"]}) == 3
    assert first["references"] == later["references"] != other["references"]


async def test_without_a_sender_the_first_receiver_is_one():
    postbox = Postbox()
    async with mail_server(postbox) as port:
        assert (await delivered(postbox, mail_at(port, mail_from=None)))["from"].endswith(
            "<ops@mesh.example>"
        )


@pytest.mark.parametrize(
    "name",
    [
        "x\r\nBcc: all@mesh.example",
        "x\n\n.\nMAIL FROM:<a@b>",
        "\x00\x1b[2J",
        "\u202egnp",
        "\udcff",
        "=?utf-8?q?=0A?=",
    ],
)
async def test_texts_of_nodes_make_no_headers_and_no_mails(name):
    postbox = Postbox()
    async with mail_server(postbox) as port:
        told = notification(alert(text=f"{name} loses heap.", advice=f"Restart {name}."))
        message = await delivered(postbox, mail_at(port), told)
    assert len(postbox.mails) == 1
    assert postbox.mails[0][1] == ["ops@mesh.example"]
    assert set(message.keys()) == {
        *("Subject", "From", "To", "Date", "Message-ID", "References", "Auto-Submitted"),
        *("Content-Type", "Content-Transfer-Encoding", "MIME-Version"),
    } | ({"X-Peer"} & set(message.keys()))
    assert "bcc" not in message
    assert not {"\x00", "\x1b", "\u202e"} & set(message.get_content() + message["subject"])


async def test_a_user_logs_in_over_starttls(tmp_path, monkeypatch):
    path, context = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    postbox = Postbox(users={"ops@mesh.example": "hunter2"})
    async with mail_server(postbox, starttls=context) as port:
        alerts = mail_at(port, user="ops%40mesh.example", host="localhost", smtp_password="hunter2")
        await delivered(postbox, alerts)
    assert (postbox.logged_in, postbox.over_tls) == (["ops@mesh.example"], [True])


async def test_tls_from_the_start_with_a_password_from_a_file(tmp_path, monkeypatch):
    path, context = certificate(tmp_path, "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    postbox = Postbox(users={"me": "hunter2"})
    async with mail_server(postbox, tls=context) as port:
        alerts = mail_at(port, "smtps", "me", "localhost", smtp_password_file=str(secret))
        await delivered(postbox, alerts)
    assert postbox.logged_in == ["me"]
    secret.unlink()
    assert await failure(alerts) == "alerts.smtp_password_file cannot be read: No such file or directory"


async def test_a_wrong_password_is_told_and_not_shown():
    postbox = Postbox(users={"me": "right"})
    async with mail_server(postbox) as port:
        text = await failure(mail_at(port, user="me", smtp_password="hunter2"))
    assert text.startswith(f"mail server 127.0.0.1:{port} did not accept user and password: 535 ")
    assert "hunter2" not in text
    assert postbox.mails == []


@pytest.mark.parametrize(
    ("refuse", "expected"),
    [
        ({"ops@mesh.example": "550 5.1.1 no such user"}, "refused the recipient: 550 5.1.1 no such user"),
        ({"ops@mesh.example": "451 greylisted"}, "refused the recipient: 451 greylisted"),
        ({"DATA": "552 too \x1b large"}, "refused: 552 too \N{REPLACEMENT CHARACTER} large"),
    ],
)
async def test_a_server_that_refuses_says_why(refuse, expected):
    async with mail_server(Postbox(refuse=refuse)) as port:
        assert (await failure(mail_at(port))).endswith(expected)


async def test_a_server_that_takes_no_login():
    async with mail_server(Postbox()) as port:
        text = await failure(mail_at(port, user="me", smtp_password="hunter2"))
    assert "AUTH" in text
    assert "hunter2" not in text


async def test_a_mail_server_that_nobody_vouches_for(tmp_path):
    _, context = certificate(tmp_path, "localhost")
    postbox = Postbox()
    async with mail_server(postbox, starttls=context) as port:
        assert "cannot be trusted" in await failure(mail_at(port, host="localhost"))
    async with mail_server(postbox, tls=context) as port:
        assert "cannot be trusted" in await failure(mail_at(port, "smtps", host="localhost"))
    assert postbox.mails == []


async def test_a_password_is_not_sent_in_the_clear_to_other_machines(monkeypatch):
    monkeypatch.setattr("meshward.gateway.delivery.mail.is_loopback", lambda _host: False)
    postbox = Postbox(users={"me": "hunter2"})
    async with mail_server(postbox) as port:
        text = await failure(mail_at(port, user="me", smtp_password="hunter2"))
    assert "offers no TLS, so the password was not sent" in text
    assert postbox.logged_in == []


async def test_no_mail_server_and_ones_that_are_none():
    assert "cannot be reached: Connection refused" in await failure(mail_at(NOBODY))
    hook = Hook()
    async with listening(hook.serve) as port:
        assert "did not answer within" in await failure(mail_at(port), limit_s=0.3)

    async def goodbye(reader, writer):
        writer.write(b"554 not today\r\n")
        await writer.drain()

    async with listening(goodbye) as port:
        assert (await failure(mail_at(port))).endswith("refused: 554 not today")


async def test_a_mail_server_that_greets_byte_by_byte_is_cut_off():
    cut = asyncio.Event()

    async def drip(reader, writer):
        try:
            while True:
                writer.write(b"2")
                await writer.drain()
                await asyncio.sleep(0.05)
        finally:
            cut.set()

    async with listening(drip) as port:
        assert "took more than 0.6 s" in await failure(mail_at(port), limit_s=0.2)
        await asyncio.wait_for(cut.wait(), 5)


async def test_a_mail_that_is_taken_is_taken_whatever_comes_of_the_goodbye():
    async def abrupt(reader, writer):
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            if word == b"QUIT":
                await asyncio.sleep(60)
            writer.write(b"250 fine\r\n")

    async with listening(abrupt) as port:
        alerts = mail_at(port)
        await Courier(alerts, limit_s=1.0).deliver(notification(), receiver_of(alerts))


async def test_a_password_that_no_server_takes():
    postbox = Postbox(users={"me": "right"})
    async with mail_server(postbox) as port:
        assert "must be ASCII" in await failure(mail_at(port, user="me", smtp_password="p\xe4sswort"))


# -- Apprise ---------------------------------------------------------------------------------

ODD_IMPORTS = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""Apprise loads every service that it knows, and what these need."""


def messenger_at(port, path="s3cr3t/CHAT42"):
    return Alerts(apprise=(f"json://127.0.0.1:{port}/{path}",), external_url="https://mesh.example")


@pytest.fixture
def log():
    """All that the gateway's log says, even of what matters least."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    stream = io.StringIO()
    logs.set_up("debug", "text", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@ODD_IMPORTS
async def test_apprise_carries_title_text_and_kind():
    hook = Hook()
    async with listening(hook.serve) as port:
        alerts = messenger_at(port)
        for told in (
            notification(),
            notification(alert(severity="critical"), group="leak/critical"),
            notification(alert(state="resolved", resolved_s=1_795_600_900.0), status="resolved"),
            example(1_795_600_000.0),
        ):
            await Courier(alerts).deliver(told, receiver_of(alerts))
    sent = [json.loads(request.body) for request in hook.requests]
    assert [message["type"] for message in sent] == ["warning", "failure", "success", "info"]
    assert sent[0]["title"] == "Warning: Kitchen (1003) loses 620 B of heap per hour"
    assert "Restart it before then." in sent[0]["message"]
    assert sent[0]["message"].rstrip().endswith("https://mesh.example")


@ODD_IMPORTS
async def test_a_service_that_fails_says_why_and_no_secret(log):
    hook, unknown = Hook(answer(500)), Alerts(apprise=("nothing://s3cr3t/CHAT42",))
    async with listening(hook.serve) as port:
        texts = [await failure(messenger_at(port))]
    texts += [await failure(messenger_at(NOBODY)), await failure(unknown)]
    assert texts[0].startswith("json://… did not take it: ")
    assert "500" in texts[0]
    assert "onnection" in texts[1]
    assert texts[2].startswith("Apprise cannot use this nothing://… address")
    for shown in (*texts, log.getvalue()):
        assert "s3cr3t" not in shown
        assert "CHAT42" not in shown


@ODD_IMPORTS
async def test_a_service_that_hangs():
    async with listening(silent) as port:
        assert "json://… took more than 0.6 s" in await failure(messenger_at(port), limit_s=0.2)


async def test_without_apprise_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert "pip install 'meshward[notify]'" in await failure(messenger_at(NOBODY))


# -- tests -----------------------------------------------------------------------------------


@ODD_IMPORTS
async def test_a_test_tries_every_receiver_and_says_what_came_of_each():
    hook, postbox = Hook(), Postbox(refuse={"gone@mesh.example": "550 gone"})
    async with listening(hook.serve) as port, mail_server(postbox) as smtp:
        alerts = Alerts(
            webhooks=(f"http://127.0.0.1:{port}/T0KEN", f"http://127.0.0.1:{NOBODY}/T0KEN"),
            mail_to=("ops@mesh.example", "gone@mesh.example"),
            smtp=f"smtp://127.0.0.1:{smtp}",
            apprise=(f"json://127.0.0.1:{port}/s3cr3t",),
        )
        results = await Courier(alerts).test(alerts.receivers())
    assert [result.receiver for result in results] == [receiver.name for receiver in alerts.receivers()]
    assert [result.ok for result in results] == [True, False, True, False, True]
    assert results[0].text.startswith("taken within ")
    assert "550 gone" in results[3].text
    assert "nothing is wrong" in postbox.mails[0][2].decode()
    assert not any(secret in repr(results) for secret in ("T0KEN", "s3cr3t"))


async def test_nobody_to_test():
    assert await Courier(Alerts()).test([]) == []


async def test_a_receiver_of_an_older_configuration_without_a_mail_server():
    with pytest.raises(DeliveryError, match=r"set alerts\.smtp"):
        await Courier(Alerts()).deliver(notification(), Receiver("mail a@b", "mail", "info", "a@b"))


# -- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("at https://a.example/T0KEN%20x: no", "https://a.example/T0KEN%20x", "at …: no"),
        ("token T0KEN x is bad", "https://a.example/T0KEN%20x?k=v", "token … is bad"),
        ("a\r\n\x1bb", "", "a \N{REPLACEMENT CHARACTER}b"),
        ("x" * 300, "", "x" * 199 + "…"),
    ],
)
def test_what_others_say_is_cleaned(text, secret, shown):
    assert cleaned(text, secret) == shown
