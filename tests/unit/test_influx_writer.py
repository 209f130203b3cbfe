"""Requests to databases: what goes with them, and what their answers mean."""

import asyncio
from base64 import b64encode
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from meshward.bridges.influx.address import read_address
from meshward.bridges.influx.refusals import refusal
from meshward.bridges.influx.writer import RETRY_AFTER_S_MAX, Writer
from tests.support.line_server import LineServer
from tests.support.receivers import answer, listening

LINES = b"m x=1 1\nm x=2 2\nm x=3 3\n"
V1, V2, V3 = "/write?db=mesh", "/api/v2/write?org=home&bucket=mesh", "/api/v3/write_lp?db=mesh"


@asynccontextmanager
async def writing(server, path=V1, *, token=None, login="", limit_s=5.0):
    async with listening(server.serve) as port:
        address = read_address(f"http://{login}127.0.0.1:{port}{path}", token)
        async with Writer(address, limit_s) as writer:
            yield writer


async def answered(*answers, path=V1, **more):
    server = LineServer(list(answers))
    async with writing(server, path, **more) as writer:
        return await writer.write(LINES)


async def asked(path, **more):
    server = LineServer()
    async with writing(server, path, **more) as writer:
        assert (await writer.write(LINES)).outcome == "taken"
    (request,) = server.requests
    return request


@pytest.mark.parametrize(
    ("path", "precision"), [(V1, None), (V2, "ns"), (V3, "nanosecond"), ("/telegraf", None)]
)
async def test_lines_go_packed_and_in_nanoseconds(path, precision):
    request = await asked(path)

    method, target, _ = request.head.split()
    query = parse_qs(urlsplit(target).query)
    assert method == "POST"
    assert urlsplit(target).path == urlsplit(path).path
    assert query.pop("precision", None) == (precision and [precision])
    assert query == parse_qs(urlsplit(path).query)
    assert request.headers["content-encoding"] == "gzip"
    assert request.body == LINES


async def test_a_precision_of_another_kind_is_not_passed_on():
    request = await asked("/write?db=mesh&precision=s")

    assert "precision" not in request.head


@pytest.mark.parametrize(
    ("path", "login", "authorization"),
    [
        (V2, "", "Token s3cret+token"),
        (V3, "", "Bearer s3cret+token"),
        (V1, "", None),
        ("/telegraf", "", None),
        (V1, "ada:p%40ss@", f"Basic {b64encode(b'ada:p@ss').decode()}"),
        (V2, "ada:p%40ss@", f"Basic {b64encode(b'ada:p@ss').decode()}"),
        (V1, "ada@", f"Basic {b64encode(b'ada:').decode()}"),
    ],
)
async def test_each_database_is_given_what_it_knows_us_by(path, login, authorization):
    request = await asked(path, login=login, token="s3cret+token")

    assert request.headers.get("authorization") == authorization
    assert "ada" not in request.head


async def test_a_connection_serves_many_requests():
    server = LineServer()
    async with writing(server) as writer:
        for _ in range(3):
            assert (await writer.write(LINES)).outcome == "taken"

    assert len(server.taken) == 9


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_every_answer_of_success_is_one(status):
    taken = await answered(answer(status))

    assert (taken.outcome, taken.lost, taken.words) == ("taken", 0, "")
    assert taken.size_bytes > 0


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (401, '{"error": "authorization failed"}', "influx.token"),
        (403, '{"code": "forbidden", "message": "insufficient permissions"}', "allow it"),
        (404, '{"error": "database not found: \\"mesh\\""}', "create that database"),
    ],
)
async def test_what_somebody_must_put_right_is_kept_and_told_with_advice(status, body, advice):
    later = await answered(answer(status, body))

    assert later.outcome == "later"
    assert str(status) in later.words
    assert advice in later.words
    assert any(word in later.words for word in ("authorization failed", "insufficient", "not found"))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_what_passes_is_tried_again(status):
    later = await answered(answer(status, "busy"))

    assert (later.outcome, later.after_s) == ("later", None)
    assert "busy" in later.words


@pytest.mark.parametrize("status", [400, 405, 409, 415, 422])
async def test_what_is_refused_for_good_is_told_in_the_words_of_the_database(status):
    refused = await answered(answer(status, '{"code": "invalid", "message": "beyond retention"}'))

    assert (refused.outcome, refused.lost) == ("refused", 3)
    assert refused.words.endswith("beyond retention")


async def test_too_large_is_told_apart():
    assert (await answered(answer(413, "<html>too large</html>"))).outcome == "too large"


@pytest.mark.parametrize(
    ("written", "after_s"),
    [("7", 7.0), ("0", 0.0), ("99999999999999", RETRY_AFTER_S_MAX), ("soon", None), ("-5", None), ("", None)],
)
async def test_a_database_may_say_when_to_come_back(written, after_s):
    later = await answered(answer(429, "", **{"Retry-After": written}))

    assert later.after_s == after_s


async def test_the_time_to_come_back_may_be_a_date():
    at = datetime.now(UTC) + timedelta(seconds=100)

    later = await answered(answer(503, "", **{"Retry-After": format_datetime(at, usegmt=True)}))

    assert 90 < later.after_s <= 100


async def test_redirects_are_refused_and_told():
    elsewhere = LineServer()
    async with listening(elsewhere.serve) as port:
        told = answer(307, "", Location=f"http://localhost:{port}/write")
        later = await answered(told, token="s3cret+token", path=V2)

    assert later.outcome == "later"
    assert "localhost" in later.words
    assert elsewhere.requests == []


async def test_a_database_that_never_answers_is_given_up():
    later = await answered(None, limit_s=0.1)

    assert later.outcome == "later"
    assert "did not answer within 0.1 s" in later.words


async def test_a_database_that_is_not_there_is_told():
    async with listening(LineServer().serve) as port:
        pass
    async with Writer(read_address(f"http://127.0.0.1:{port}/write?db=m", None), 5.0) as writer:
        later = await writer.write(LINES)

    assert later.outcome == "later"
    assert "cannot be reached" in later.words


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 999999 x\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 307 x\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 400 x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 400 x\r\nContent-Length: 12\r\n\r\n\xff\xfe\x00\x1b[2J\r\n\xe2\x80",
    ],
)
async def test_garbage_for_an_answer_raises_nothing(garbage):
    told = await answered(garbage, limit_s=1.0)

    assert told.outcome in {"later", "refused"}
    assert "\x1b" not in told.words


async def test_an_endless_answer_is_read_to_a_limit_only():
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 400 x\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    async with (
        listening(serve) as port,
        Writer(read_address(f"http://127.0.0.1:{port}/write?db=m", None), 5.0) as writer,
    ):
        told = await asyncio.wait_for(writer.write(LINES), 5)

    assert told.outcome == "refused"
    assert len(told.words) < 300


async def test_secrets_are_not_in_what_is_told():
    body = "no access for Token s3cret+token of ada with p@ssword"
    for path, login in ((V2, ""), (V1, "ada:p%40ssword@"), ("/write?db=mesh&u=ada&p=p%40ssword", "")):
        told = await answered(answer(401, body), path=path, login=login, token="s3cret+token")
        assert "s3cret" not in told.words
        assert "p@ssword" not in told.words or path == V2


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://ada:secret@host:8086/write?db=mesh&p=secret", "http://host:8086/write?db=mesh"),
        ("https://[::1]/api/v2/write?org=o&bucket=b%20c", "https://[::1]/api/v2/write?org=o&bucket=b+c"),
        ("http://host/telegraf", "http://host/telegraf"),
    ],
)
def test_an_address_is_shown_without_secrets(url, shown):
    address = read_address(url, "token")

    assert address.shown == shown
    assert "secret" not in repr(address)


def test_the_spool_is_of_the_database_and_the_user_and_not_of_the_password():
    folders = [
        read_address(url, token).folder
        for url, token in (
            ("http://ada:one@host:8086/write?db=mesh", None),
            ("http://ada:two@host:8086/write?db=mesh&precision=ns", "token"),
            ("http://eve:one@host:8086/write?db=mesh", None),
            ("http://ada:one@host:8086/write?db=other", None),
        )
    ]

    assert folders[0] == folders[1]
    assert len(set(folders)) == 3


@pytest.mark.parametrize(
    ("page", "words", "lost"),
    [
        (
            b'{"error":"partial write: field type conflict: input field \\"x\\" is type string dropped=2"}',
            'partial write: field type conflict: input field "x" is type string dropped=2',
            2,
        ),
        (
            b"{\"error\":\"partial write: unable to parse 'l': missing fields\\nunable to parse 'k': missing fields dropped=0\"}",
            "partial write: unable to parse 'l': missing fields unable to parse 'k': missing fields dropped=0",
            2,
        ),
        (
            b'{"error":"partial write of line protocol occurred","data":[{"error_message":"bad type","line_number":1}]}',
            "partial write of line protocol occurred: bad type",
            1,
        ),
        (b'{"error":"parsing failed","data":{"line_number":1}}', "parsing failed", 5),
        (b'{"code":"invalid","message":"no such field"}', "no such field", 5),
        (b"plain words", "plain words", 5),
        (b"<!DOCTYPE html><p>404", "", 5),
        (b"", "", 5),
    ],
)
def test_an_error_says_why_and_how_many_lines_are_lost(page, words, lost):
    said = refusal(page, 5)

    assert (said.words, said.lost) == (words, lost)
