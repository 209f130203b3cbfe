import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshward.bridges.base import Breaks, Record
from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.session import ROOTS_MAX, Refusals
from meshward.bridges.mqtt.settle import FOUND_MAX, Found, gateway_of, is_offline, is_online
from tests.support.mqtt_bridges import OFFLINE, ONLINE, OWN_ID, TOPICS, info

STATE, INFO = TOPICS.bridge("state"), TOPICS.bridge("info")


def found(*messages):
    lying = Found(TOPICS)
    for topic, payload in messages:
        lying.take(Received(topic, payload, retain=True))
    return lying


def test_what_lies_at_the_broker_is_found_without_the_state_and_without_what_comes_new():
    lying = found((TOPICS.node(1), b"{}"), (STATE, ONLINE), (INFO, info()), ("mesh/status/empty", b""))
    lying.take(Received(TOPICS.node(2), b"{}", retain=False))
    assert list(lying.topics) == [TOPICS.node(1), INFO]


@pytest.mark.parametrize(
    ("whose", "state", "other"),
    [
        (info(555), ONLINE, 555),
        (info(555), OFFLINE, None),
        (info(555), b"", None),
        (info(OWN_ID), ONLINE, None),
        (b"garbage", ONLINE, None),
    ],
)
def test_another_gateway_is_one_with_another_id_that_is_online(whose, state, other):
    assert found((INFO, whose), (STATE, state)).other_gateway(OWN_ID) == other


def test_what_is_remembered_of_the_broker_has_a_limit():
    lying = Found(TOPICS)
    for number in range(FOUND_MAX + 10):
        lying.take(Received(f"mesh/status/{number}", b"x", retain=True))
    lying.take(Received("mesh/status/" + "x" * 60_000, b"x", retain=True))
    assert len(lying.topics) == FOUND_MAX


@pytest.mark.parametrize("gateway", [555, "555"])
def test_the_gateway_is_read_in_both_profiles(gateway):
    text = f'"{gateway}"' if isinstance(gateway, str) else gateway
    assert gateway_of(f'{{"device_id":"meshward-555","gateway":{text}}}'.encode()) == 555


@given(st.one_of(st.binary(), st.recursive(st.none() | st.text(), st.lists).map(lambda x: repr(x).encode())))
def test_anything_may_lie_there(payload):
    assert gateway_of(payload) is None or gateway_of(payload) > 0
    assert not (is_online(payload) and is_offline(payload))


@pytest.mark.parametrize(
    "text", ['{"gateway":true}', '{"gateway":0}', '{"gateway":"²"}', "[1]", "[" * 100_000]
)
def test_what_is_no_gateway_is_none(text):
    assert gateway_of(text.encode()) is None


@pytest.mark.parametrize(
    "payload", [b'{"state":"\xff"}', b'{"\xff":1}', b"\xff", b'{"state":"offline"' + b" " * 20_000 + b"}"]
)
def test_what_is_no_text_or_too_long_tells_nothing(payload):
    assert gateway_of(payload.replace(b"state", b"gateway")) is None
    assert not is_online(payload)
    assert not is_offline(payload)


def test_errors_of_ours_at_messages_are_logged_now_and_then(logged):
    now_s = [0.0]
    breaks = Breaks("mqtt://host:1883", lambda: now_s[0])
    for turn in range(200):
        now_s[0] = turn / 100 * 60.0
        breaks.note(KeyError("no such thing"), "evil\x1b[2J")
    out = logged()
    assert (breaks.count, out.count("please report this")) == (200, 2)
    assert "no such thing" in out
    assert "\x1b[2J" not in out


def test_a_refusal_for_a_while_is_forgotten_when_the_broker_takes_it_again():
    told = []
    refusals = Refusals("mesh", lambda: told.append(refusals.text))
    refusals.note_publication("mesh/status/node/1", 0x97)
    refusals.note_publication("mesh/event", 0x87)
    refusals.note_taken("mesh/event")
    refusals.note_taken("mesh/status/node/2")
    refusals.note_taken("mesh/status/node/2")
    assert told == [
        "refused 1 times, to publish mesh/status/#: it is over the broker's limits",
        "refused 2 times, to publish mesh/status/# and 1 more: it is over the broker's limits",
        "refused 2 times, to publish mesh/event: the broker forbids it: allow our user there",
    ]


def test_refusals_are_counted_and_told_by_kind():
    told = []
    refusals = Refusals("home/mesh", lambda: told.append(1))
    for node in range(3):
        refusals.note_publication(f"home/mesh/status/node/{node}", 0x87)
    refusals.note_publication("homeassistant/device/x/config", 0x95)
    assert refusals.text == (
        "refused 4 times, to publish home/mesh/status/# and 1 more: the broker forbids it: allow our user there"
    )
    assert len(told) == 4


def test_refusals_of_a_former_connection_are_forgotten_but_not_logged_again(logged):
    refusals = Refusals("mesh", lambda: None)
    for _ in range(2):
        refusals.note_publication("mesh/event", 0x87)
        refusals.note_publication("mesh/status/nodes", 0x97)
        assert refusals.text.startswith("refused 2 times, to publish mesh/event and 1 more")
        refusals.forget()
        refusals.note_taken("mesh/status/nodes")
        assert (refusals.text, refusals.count) == ("", 0)
    assert logged().count("the broker refuses us something") == 2


def test_refusals_that_peers_can_cause_have_a_limit():
    refusals = Refusals("mesh", lambda: None)
    for number in range(1000):
        refusals.note_publication(f"answer-{number}\x1b[2J/x", 0x87)
    assert (refusals.count, len(refusals._roots)) == (1000, ROOTS_MAX)
    assert "\x1b" not in refusals.text


def test_what_waits_is_counted_when_somebody_looks():
    record = Record("mqtt://host:1883", "mqtt")
    record.waiting = 2
    waiting = [1]
    record.count_waiting(lambda: len(waiting))
    waiting.append(2)
    assert record.view().waiting == 4


def test_a_start_is_shown_and_logged_when_it_is_another_one(logged):
    now_s = [1.0]
    record = Record("mqtt://host:1883", "mqtt", now_s=lambda: now_s[0], clock_s=lambda: now_s[0])
    record.failing("no broker")
    now_s[0] = 100.0
    for _ in range(2):
        record.starting("connected, waits")
    assert (record.state, record.text, record.failing_s) == ("starting", "connected, waits", 0.0)
    assert record.view().since_at == "1970-01-01T00:01:40.000Z"
    assert logged().count("connected, waits") == 1


def test_a_clock_that_is_set_makes_nothing_last_for_years():
    wall_s, clock_s = [0.0], [50.0]
    record = Record("mqtt://host:1883", "mqtt", now_s=lambda: wall_s[0], clock_s=lambda: clock_s[0])
    record.failing("waits: the clock is not set")
    wall_s[0], clock_s[0] = 1_780_000_000.0, 57.0
    assert record.failing_s == 7.0
    assert record.view().since_at == "2026-05-28T20:26:33.000Z"
