"""Signed requests: obeyed once, while they are fresh, and only with the right key."""

import asyncio
import hashlib
import hmac
import json
import threading

import pytest
from cyclopts import Group
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshward.bridges.mqtt.control import signing
from meshward.bridges.mqtt.control.answers import RequestRefusedError
from meshward.bridges.mqtt.control.signing import (
    AHEAD_S,
    GOOD_FOR_S,
    KEY_BYTES_MAX,
    REMEMBERED_MAX,
    Signatures,
    read_key,
    sign,
)
from meshward.cli.errors import UsageError
from meshward.cli.mqtt import commands
from meshward.cli.mqtt import sign as sign_command
from meshward.errors import SettingsError

KEY = b"0123456789abcdef"
NOW_S = 1_800_000_000.0


class Kit:
    def __init__(self, folder):
        self.path = folder / "bridges" / "transactions.json"
        self.now_s = NOW_S - 3600  # the first start
        self.restart()
        self.now_s = NOW_S

    def restart(self):
        self.signatures = Signatures(KEY, self.path, lambda: self.now_s)

    async def opened(self, payload, action="start"):
        return json.loads(await self.signatures.open(action, payload.encode()))

    async def refused(self, payload, action="start"):
        with pytest.raises(RequestRefusedError) as refused:
            await self.signatures.open(action, payload if isinstance(payload, bytes) else payload.encode())
        return refused.value.code


@pytest.fixture
def kit(tmp_path):
    return Kit(tmp_path)


async def test_a_signed_request_is_opened(kit):
    payload = sign(KEY, "start", {"job": "ci-1", "name": "größer"}, NOW_S)
    request = await kit.opened(payload)
    assert (request["job"], request["name"], request["at"]) == ("ci-1", "größer", NOW_S)
    assert len(request["transaction"]) == 24


async def test_a_signature_can_be_made_by_other_programs(kit):
    text = '{ "job": "ci-1", "at": 1800000000, "transaction": "t-1" }'
    signature = hmac.new(KEY, b"abort\n" + text.encode(), hashlib.sha256).hexdigest()
    assert (await kit.opened(json.dumps({"signed": text, "signature": signature.upper()}), "abort"))[
        "job"
    ] == "ci-1"


async def test_a_wrong_signature_is_refused(kit):
    payload = json.loads(sign(KEY, "start", {}, NOW_S))
    assert await kit.refused(json.dumps({**payload, "signed": payload["signed"] + " "})) == "signature"
    assert await kit.refused(json.dumps(payload), "abort") == "signature"
    assert await kit.refused(sign(b"another key of 16", "start", {}, NOW_S)) == "signature"
    for signature in ("", "é", "0" * 64):
        assert await kit.refused(json.dumps({**payload, "signature": signature})) == "signature"
    assert await kit.opened(json.dumps(payload))


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[]", b"\xff", b"[" * 60_000, b'{"job":"ci-1"}', b'{"signed":{},"signature":""}', b"null"],
)
async def test_what_is_not_signed_is_refused(kit, payload):
    assert await kit.refused(payload) == "unsigned"


@pytest.mark.parametrize(
    "stamp",
    [
        {"at": None},
        {"at": "now"},
        {"at": 1e400},
        {"transaction": ""},
        {"transaction": "a b"},
        {"transaction": "a" * 65},
        {"transaction": 7},
    ],
)
async def test_a_stamp_that_is_none_is_refused(kit, stamp):
    text = json.dumps({"at": NOW_S, "transaction": "t", **stamp})
    payload = {"signed": text, "signature": hmac.new(KEY, f"start\n{text}".encode(), "sha256").hexdigest()}
    assert await kit.refused(json.dumps(payload)) == "invalid"


@pytest.mark.parametrize(
    ("age_s", "good"),
    [(GOOD_FOR_S, True), (GOOD_FOR_S + 1, False), (-AHEAD_S, True), (-AHEAD_S - 1, False), (1e9, False)],
)
async def test_a_request_is_good_for_five_minutes(kit, age_s, good):
    payload = sign(KEY, "start", {}, NOW_S - age_s)
    if good:
        await kit.opened(payload)
    else:
        assert await kit.refused(payload) == "expired"


async def test_a_request_is_obeyed_once_also_after_a_restart(kit):
    payload = sign(KEY, "start", {}, NOW_S)
    await kit.opened(payload)
    assert await kit.refused(payload) == "replay"
    kit.restart()
    assert await kit.refused(payload) == "replay"
    kit.now_s += GOOD_FOR_S
    await kit.opened(sign(KEY, "start", {}, kit.now_s))
    kit.restart()
    assert await kit.refused(payload) == "replay"
    kit.now_s += 1
    assert await kit.refused(payload) == "expired"


async def test_a_transaction_is_good_for_one_action_only(kit):
    await kit.opened(sign(KEY, "start", {"transaction": "t"}, NOW_S))
    assert await kit.refused(sign(KEY, "abort", {"transaction": "t"}, NOW_S), "abort") == "replay"


async def test_what_is_remembered_is_bounded(kit, monkeypatch):
    monkeypatch.setattr(signing, "replace_file", lambda _path, _content: None)
    for number in range(REMEMBERED_MAX):
        kit.signatures._seen[str(number)] = NOW_S
    assert await kit.refused(sign(KEY, "start", {}, NOW_S)) == "busy"
    kit.now_s += GOOD_FOR_S + 1
    await kit.opened(sign(KEY, "start", {}, kit.now_s))
    assert len(kit.signatures._seen) == 1


async def test_after_a_damaged_file_nothing_of_before_is_obeyed(kit):
    payload = sign(KEY, "start", {}, NOW_S)
    await kit.opened(payload)
    kit.path.write_bytes(b'{"half')
    kit.now_s += 10
    kit.restart()
    assert await kit.refused(payload) == "expired"
    await kit.opened(sign(KEY, "start", {}, kit.now_s))


async def test_what_cannot_be_remembered_is_not_obeyed(kit):
    kit.path.with_suffix(".new").mkdir()
    assert await kit.refused(sign(KEY, "start", {}, NOW_S)) == "store"


async def test_the_memory_is_private(kit):
    await kit.opened(sign(KEY, "start", {}, NOW_S))
    assert kit.path.stat().st_mode & 0o077 == 0


def key_file(folder, content, mode=0o600):
    path = folder / "key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_key_is_read_without_white_space(tmp_path):
    assert read_key(key_file(tmp_path, KEY + b"\n")) == KEY


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (KEY, 0o640, "chmod 600"),
        (KEY, 0o604, "chmod 600"),
        (b"short\n", 0o600, "openssl rand"),
        (b"x" * 15 + b"\n" * 9, 0o600, "openssl rand"),
        (b"x" * (KEY_BYTES_MAX + 1), 0o600, "openssl rand"),
    ],
)
def test_a_key_that_is_no_secret_is_refused(tmp_path, content, mode, words):
    with pytest.raises(SettingsError, match=words):
        read_key(key_file(tmp_path, content, mode))


def test_a_key_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_key(tmp_path / "none")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_key(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(action=st.text(max_size=20), payload=st.binary(max_size=200))
async def test_garbage_is_refused(kit, action, payload):
    await kit.refused(payload, action)


async def test_the_first_start_obeys_at_once(tmp_path):
    now_s = NOW_S + 0.9
    signatures = Signatures(KEY, tmp_path / "bridges" / "seen.json", lambda: now_s)
    assert await signatures.open("start", sign(KEY, "start", {}, now_s).encode())


async def test_nothing_of_before_is_obeyed_where_the_memory_is_gone(kit):
    payload = sign(KEY, "start", {}, NOW_S)
    await kit.opened(payload)
    kit.path.unlink()
    kit.now_s += 10
    kit.restart()
    assert await kit.refused(payload) == "expired"
    kit.restart()
    assert await kit.refused(payload) == "expired"
    await kit.opened(sign(KEY, "start", {}, kit.now_s))


@pytest.mark.parametrize("restarted", [False, True])
async def test_what_was_obeyed_is_not_obeyed_again_once_the_clock_is_set_back(kit, restarted):
    payload = sign(KEY, "start", {}, NOW_S)
    await kit.opened(payload)
    kit.now_s += GOOD_FOR_S + 100
    await kit.opened(sign(KEY, "start", {}, kit.now_s))
    kit.now_s -= GOOD_FOR_S + 50
    if restarted:
        kit.restart()
    assert await kit.refused(payload) == "expired"
    await kit.opened(sign(KEY, "start", {}, kit.now_s))


async def test_the_memory_is_written_beside_the_event_loop_and_nothing_is_obeyed_before(kit, monkeypatch):
    go_on, threads = threading.Event(), []

    def save(_path, _content):
        threads.append(threading.current_thread())
        assert go_on.wait(10)

    monkeypatch.setattr(signing, "replace_file", save)
    payload = sign(KEY, "start", {}, NOW_S)
    opening = asyncio.create_task(kit.opened(payload))
    async with asyncio.timeout(10):
        while not threads:  # noqa: ASYNC110 a thread tells nobody
            await asyncio.sleep(0.001)
    assert not opening.done()
    assert await kit.refused(payload) == "replay"
    go_on.set()
    await opening
    assert threads[0] is not threading.main_thread()


async def test_what_could_not_be_remembered_can_be_sent_again(kit):
    payload = sign(KEY, "start", {}, NOW_S)
    in_the_way = kit.path.with_suffix(".new")
    in_the_way.mkdir()
    assert await kit.refused(payload) == "store"
    in_the_way.rmdir()
    await kit.opened(payload)


def test_a_memory_that_cannot_be_begun_does_not_stop_the_start(tmp_path):
    (tmp_path / "bridges").write_text("in the way")
    Signatures(KEY, tmp_path / "bridges" / "seen.json")


async def test_the_command_signs(kit, tmp_path, capsys):
    app = commands(Group("Gateway"), 1)
    key = str(key_file(tmp_path, KEY))
    app(
        ["sign", "--key-file", key, "message/all", '{"text": "\\ud83d\\ude00", "at": 1800000000}'],
        result_action="return_value",
    )
    payload = capsys.readouterr().out
    assert payload.count("\n") == 1
    assert (await kit.opened(payload, "message/all"))["text"] == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("action", "request_"),
    [
        ("start", "no json"),
        ("start", "[]"),
        ("start", "[" * 100_000),
        ("Start it", "{}"),
        ("message/", "{}"),
        ("message/x", "{}"),
        ("strat", "{}"),
    ],
)
def test_the_command_refuses_what_is_no_request(tmp_path, action, request_):
    with pytest.raises(UsageError):
        sign_command(action, request_, key_file=key_file(tmp_path, KEY))


def test_the_command_names_the_actions_that_there_are(tmp_path):
    with pytest.raises(UsageError, match="start, approve, pause, resume, abort, rollback, status, command"):
        sign_command("strat", "{}", key_file=key_file(tmp_path, KEY))
