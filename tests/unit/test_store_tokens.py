"""Tokens, settings and answers to requests that come again."""

import hashlib
from contextlib import closing

import pytest

from meshward.errors import ConflictError, InvalidError, UnknownItemError
from meshward.store import idempotency, settings, tokens
from meshward.store.connection import open_connection
from tests.support.store import NOW_S


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as connection:
        yield connection


def create(connection, **values):
    return tokens.create(
        connection, **{"role": "operator", "name": "laptop", "created_by": "me", "at_s": NOW_S, **values}
    )


def test_a_token_is_found_by_its_secret_which_is_not_stored(connection):
    token, secret = create(connection)
    other, other_secret = create(connection, role="viewer", name="")
    assert len({secret, other_secret}) == len({token.id, other.id}) == 2
    assert secret.startswith("mw_")
    assert len(secret) == 46
    assert len(bytes.fromhex(token.id)) == 4
    assert tokens.find(connection, secret, NOW_S) == token
    assert tokens.find(connection, other_secret, NOW_S).role == "viewer"
    dump = "\n".join(connection.iterdump())
    assert secret not in dump
    assert secret[3:] not in dump
    assert hashlib.sha256(secret.encode()).hexdigest() in dump


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s[:-1] + ("A" if s[-1] != "A" else "B"),
        lambda s: s[3:],
        lambda s: s + "\n",
        lambda s: s.upper(),
        lambda s: "",
        lambda s: "mw_",
        lambda s: "%" * 46,
        lambda s: "\ud800" * 46,
    ],
)
def test_other_secrets_find_nothing(connection, change):
    _, secret = create(connection)
    assert tokens.find(connection, change(secret), NOW_S) is None


def test_the_stored_hash_opens_nothing(connection):
    create(connection)
    (stored,) = connection.execute("SELECT hash FROM token").fetchone()
    assert tokens.find(connection, stored, NOW_S) is None


def test_a_token_ends_when_it_expires(connection):
    token, secret = create(connection, expires_s=NOW_S + 60)
    assert tokens.find(connection, secret, NOW_S + 59.9) == token
    assert tokens.find(connection, secret, NOW_S + 60) is None
    with pytest.raises(InvalidError, match="later than now"):
        create(connection, expires_s=NOW_S)


def test_a_revoked_token_opens_nothing_any_more(connection):
    token, secret = create(connection)
    assert tokens.revoke(connection, token.id, NOW_S + 1).revoked_s == NOW_S + 1
    assert tokens.find(connection, secret, NOW_S + 2) is None
    assert tokens.revoke(connection, token.id, NOW_S + 5).revoked_s == NOW_S + 1
    assert [row.id for row in tokens.load_all(connection)] == [token.id]
    for call in (
        lambda: tokens.revoke(connection, "00000000", NOW_S),
        lambda: tokens.get(connection, secret),
    ):
        with pytest.raises(UnknownItemError):
            call()


@pytest.mark.parametrize("values", [{"role": "root"}, {"name": "x" * 65}, {"name": "a\x00"}])
def test_a_token_that_cannot_be_is_refused(connection, values):
    with pytest.raises(InvalidError):
        create(connection, **values)
    assert tokens.load_all(connection) == []


def test_tokens_are_listed_newest_first(connection):
    made = [create(connection, at_s=NOW_S + n)[0].id for n in (0, 1, 1)]
    assert [token.id for token in tokens.load_all(connection)] == made[::-1]


def test_uses_are_noted_at_most_once_a_minute(connection):
    token, _ = create(connection)
    noted = []
    for at_s in (0, 30, 59, 60, 90, -3600):
        row = tokens.get(connection, token.id)
        worth = row.use_is_worth_noting(NOW_S + at_s)
        tokens.used(connection, token.id, NOW_S + at_s)
        changed = tokens.get(connection, token.id).last_used_s != row.last_used_s
        assert changed == worth
        noted += [at_s] * changed
    assert noted == [0, 60, -3600]  # the last one after the clock was set back


def test_settings_keep_any_json(connection):
    assert settings.load_all(connection) == {}
    assert settings.get(connection, "probe_every_s", 60.0) == 60.0
    settings.put(connection, "probe_every_s", 30.5)
    settings.put(connection, "updates_paused", True)
    settings.put(connection, "updates_paused", False)
    settings.put(connection, "nothing", None)
    assert settings.get(connection, "updates_paused", True) is False
    assert settings.get(connection, "nothing", 1) is None
    assert settings.load_all(connection) == {"nothing": None, "probe_every_s": 30.5, "updates_paused": False}
    settings.remove(connection, "nothing")
    assert settings.get(connection, "nothing", 1) == 1


def recall(connection, key="k", caller="c", fingerprint="f", at_s=NOW_S):
    return idempotency.recall(connection, key, caller, fingerprint, at_s)


def remember(connection, key="k", caller="c", fingerprint="f", status=201, body=None, at_s=NOW_S):
    idempotency.remember(connection, key, caller, fingerprint, status, body, at_s)


def test_an_answer_is_recalled_for_its_caller_and_request(connection):
    assert recall(connection) is None
    remember(connection, body={"id": "r1", "nodes": [1]})
    assert recall(connection) == (201, {"id": "r1", "nodes": [1]})
    assert recall(connection, caller="other") is None
    assert recall(connection, key="other") is None
    with pytest.raises(ConflictError, match="another request"):
        recall(connection, fingerprint="g")


def test_the_first_answer_stays(connection):
    remember(connection, body=1)
    remember(connection, body=2, status=409)
    assert recall(connection) == (201, 1)


def test_answers_are_kept_for_a_day(connection):
    remember(connection, body=1)
    assert recall(connection, at_s=NOW_S + 86_399) == (201, 1)
    assert recall(connection, at_s=NOW_S + 86_400) is None
    assert recall(connection, at_s=NOW_S + 86_400, fingerprint="g") is None
    remember(connection, body=2, fingerprint="g", at_s=NOW_S + 86_400)
    assert recall(connection, at_s=NOW_S + 86_401, fingerprint="g") == (201, 2)
    assert connection.execute("SELECT count(*) FROM idempotency").fetchone() == (1,)


def test_made_up_keys_do_not_fill_the_disk(connection, monkeypatch):
    monkeypatch.setattr(idempotency, "KEPT_MAX", 10)
    for number in range(25):
        remember(connection, key=str(number), body=number)
    assert connection.execute("SELECT count(*) FROM idempotency").fetchone() == (10,)
    assert recall(connection, key="24") == (201, 24)
    assert recall(connection, key="14") is None
