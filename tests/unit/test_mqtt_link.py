import asyncio
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshward.bridges.base import Record
from meshward.bridges.mqtt import bridge as bridge_module
from meshward.bridges.mqtt.client import INBOX_MESSAGES_MAX, MESSAGE_BYTES_MAX, UNTOLD_BYTES_MAX, Inbox
from meshward.bridges.mqtt.link import connect
from meshward.bridges.mqtt.messages import Publication, Received
from meshward.bridges.mqtt.options import Connection, client_id, connection
from meshward.bridges.mqtt.reasons import FAILED, TOO_LARGE, TOPIC_INVALID
from meshward.bridges.mqtt.session import BrokerSession, Refusals
from meshward.bridges.mqtt.tls import make_context
from meshward.config.bridge_addresses import broker
from meshward.config.bridges import Mqtt
from meshward.errors import LinkLostError, SettingsError
from tests.support.certificates import Certificates
from tests.support.fake_broker import DISCONNECT, PUBLISH, FakeBroker, packet
from tests.support.mqtt_bridges import TOPICS, Listening, make_bridge, running, until, until_told
from tests.support.receivers import listening

WILL = Publication("mesh/bridge/state", b"offline", retain=True)
RECEIVE_MAXIMUM, MAXIMUM_QOS, MAXIMUM_PACKET_SIZE = b"\x21\0\x01", b"\x24\0", b"\x27\0\0\x01\0"


async def linked(port, **options):
    return await connect(Connection("127.0.0.1", port, "meshwardtests", **options), WILL)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(b"\x20\x02\x00\x01", id="as 3.1.1 says it"),
        pytest.param(b"\x20\x03\x00\x84\x00", id="as 5 says it"),
        pytest.param(b"", id="by hanging up"),
    ],
)
async def test_a_broker_without_mqtt_5_gets_3_1_1(refusal):
    broker = FakeBroker(connack={5: refusal})
    async with listening(broker.serve) as port:
        part = Listening("mesh/ota/request/+")
        bridge = make_bridge(port, part)
        async with running(bridge):
            await until_told(bridge.record, "up", "connected with MQTT 3.1.1")
            await until(lambda: part.sessions)
        assert broker.connects == [5, 4]
        assert [topic for topic, _ in broker.published] == [
            TOPICS.bridge("info"),
            TOPICS.bridge("state"),
            TOPICS.bridge("state"),
        ]


async def test_what_hangs_up_on_every_version_is_told():
    broker = FakeBroker(connack={5: b"", 4: b""})
    async with listening(broker.serve) as port:
        with pytest.raises(LinkLostError, match=r"is it an MQTT broker, or does it want TLS \(mqtts://\)\?"):
            await linked(port)
    assert broker.connects == [5, 4]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0x85, "client id"),
        (0x86, "wants a user"),
        (0x87, "wants a user"),
        (0x88, "not available"),
        (0x89, "too busy"),
        (0x8A, "banned"),
        (0x95, "largest packet size"),
        (0x97, "no room"),
        (0x9A, "retained"),
        (0x9B, "QoS 1"),
        (0x80, "reason code 0x80"),
    ],
)
async def test_a_refusal_is_told_in_words(code, words):
    broker = FakeBroker(connack={5: packet(2, 0, bytes([0, code, 0]))})
    async with listening(broker.serve) as port:
        with pytest.raises(LinkLostError, match=words):
            await linked(port)
    assert broker.connects == [5]


@pytest.mark.parametrize(
    ("code", "words"), [(2, "client id"), (3, "not available"), (4, "user"), (5, "user")]
)
async def test_a_refusal_of_3_1_1_is_told_in_the_same_words(code, words):
    broker = FakeBroker(connack={5: b"", 4: packet(2, 0, bytes([0, code]))})
    async with listening(broker.serve) as port:
        with pytest.raises(LinkLostError, match=words):
            await linked(port)


@pytest.mark.parametrize(
    ("code", "words"),
    [(0x8E, "took over our client id"), (0x8B, "shutting down"), (0x87, "not allowed"), (0x83, "0x83")],
)
async def test_an_end_with_a_reason_is_told_in_words(code, words):
    broker = FakeBroker(after_connack=packet(DISCONNECT, 0, bytes([code, 0])))
    async with listening(broker.serve) as port:
        link = await linked(port)
        with pytest.raises(LinkLostError, match=words):
            await link.next()
        with pytest.raises(LinkLostError, match=words):
            await link.publish(Publication("a", b""))
        with pytest.raises(LinkLostError, match=words):
            await link.subscribe(["a"], 1)
        link.cut()


async def test_the_limits_that_a_broker_tells_are_kept():
    broker = FakeBroker(properties=RECEIVE_MAXIMUM + MAXIMUM_QOS + MAXIMUM_PACKET_SIZE)
    async with listening(broker.serve) as port:
        link = await linked(port)
        assert link.in_flight == 1
        assert await link.publish(Publication("a", b"x" * 100, qos=2)) == 0
        assert await link.publish(Publication("a", b"x" * 250)) == TOO_LARGE
        await link.close()
    assert broker.published == [("a", 0)]


async def test_few_messages_are_under_way_at_a_time():
    broker = FakeBroker(properties=b"\x21\0\x03", late_puback=3)
    record = Record("mqtt://host", "mqtt")
    async with listening(broker.serve) as port:
        link = await linked(port)
        session = BrokerSession(link, record, Refusals("mesh", lambda: None))
        await asyncio.gather(*(session.publish(Publication(f"a/{number}", b"xy")) for number in range(9)))
        await link.close()
    assert broker.waiting_most == 3
    assert [topic for topic, _ in broker.published] == [f"a/{number}" for number in range(9)]
    assert (record.sent, record.sent_bytes) == (9, 9 * 5)


async def test_a_topic_that_cannot_be_is_refused_here():
    async with listening(FakeBroker().serve) as port:
        link = await linked(port)
        for topic in ("a/#", "+", "x" * 70_000, "half \ud800"):
            assert await link.publish(Publication(topic, b"")) == TOPIC_INVALID
        assert await link.publish(Publication("fine", b"")) < FAILED
        await link.close()


async def test_a_refused_subscription_is_told_once_and_the_others_hold(logged):
    broker = FakeBroker(refused_filters={"mesh/ota/request/+": 0x87, "mesh/status/#": 0x80})
    async with listening(broker.serve) as port:
        bridge = make_bridge(port, Listening("mesh/ota/request/+", "fine"))
        async with running(bridge):
            await until_told(bridge.record, "up", "refused 2 times, to subscribe to mesh/status/# and 1 more")
    assert logged().count("the broker refuses us something") == 2


async def test_what_a_broker_forbade_is_forgotten_with_the_connection():
    broker = FakeBroker(
        refused_filters={"mesh/ota/request/+": 0x87}, refused_topics={TOPICS.bridge("info"): 0x87}
    )
    async with listening(broker.serve) as port:
        bridge = make_bridge(port, Listening("mesh/ota/request/+"))
        async with running(bridge):
            await until_told(bridge.record, "up", "refused 2 times")
        broker.refused_filters.clear()
        broker.refused_topics.clear()
        async with running(bridge):
            await until(lambda: bridge.record.text == "connected with MQTT 5")


async def test_a_message_that_the_broker_has_no_room_for_is_sent_again(monkeypatch):
    monkeypatch.setattr(bridge_module, "AGAIN_S", 0.05)
    broker = FakeBroker(refused_topics={TOPICS.node(1): 0x97, TOPICS.node(2): 0x87})
    async with listening(broker.serve) as port:
        bridge = make_bridge(port)
        for node in (1, 2, 3):
            bridge._retained.put(TOPICS.node(node), b"here")
        async with running(bridge):
            await until_told(bridge.record, "up", "to publish mesh/status/#", "over the broker's limits")
            assert bridge.record.view().waiting <= 1
            await until(lambda: broker.count(TOPICS.node(1)) > 3)
            broker.refused_topics.clear()
            await until(lambda: bridge.record.text == "connected with MQTT 5")
            assert bridge.record.view().waiting == 0
    assert (broker.count(TOPICS.node(2)), broker.count(TOPICS.node(3))) == (1, 1)


async def test_a_state_that_the_broker_refuses_is_offered_again_and_the_bridge_is_failing(monkeypatch):
    monkeypatch.setattr(bridge_module, "AGAIN_S", 0.05)
    state = TOPICS.bridge("state")
    broker = FakeBroker(refused_topics={state: 0x87})
    async with listening(broker.serve) as port:
        bridge = make_bridge(port, part := Listening())
        async with running(bridge):
            await until_told(
                bridge.record, "failing", "cannot publish mesh/bridge/state: the broker forbids it"
            )
            await until(lambda: broker.count(state) > 2 and part.sessions)
            broker.refused_topics.clear()
            await until_told(bridge.record, "up", "connected")


def begun(topic, size_bytes, *, qos=0, mid=1):
    """A PUBLISH, without the properties of MQTT 5, of which only the beginning is sent."""
    head = len(topic).to_bytes(2) + topic.encode() + (mid.to_bytes(2) if qos else b"")
    return packet(PUBLISH, qos << 1, head + bytes(size_bytes))[: 100_000 + len(head)]


@pytest.mark.parametrize(
    ("version", "sent"),
    [
        pytest.param(5, begun("a", 2_000_000), id="one too long for what we told"),
        pytest.param(4, begun("a", 20_000_000), id="one too long with 3.1.1"),
        pytest.param(
            5, b"".join(begun("a", 10, qos=2, mid=mid) for mid in range(1, 30)), id="many never ended"
        ),
        pytest.param(
            4,
            b"".join(
                packet(PUBLISH, 4, b"\0\1a" + bytes([0, mid]) + bytes(1_500_000)) for mid in range(1, 15)
            ),
            id="few and large, never ended",
        ),
    ],
)
async def test_a_broker_that_sends_more_than_it_may_is_cut_off(version, sent):
    broker = FakeBroker(connack={} if version == 5 else {5: b""}, after_connack=sent)
    async with listening(broker.serve) as port:
        link = await linked(port)
        tracemalloc.start()
        try:
            with pytest.raises(LinkLostError, match="the broker was cut off"):
                await asyncio.wait_for(link.next(), 10)
            held_bytes = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
            link.cut()
    assert held_bytes < 2 * UNTOLD_BYTES_MAX


async def test_a_long_message_of_3_1_1_is_left_out_only():
    long = packet(PUBLISH, 0, b"\0\1a" + bytes(2_000_000)) + packet(PUBLISH, 0, b"\0\1bnext")
    broker = FakeBroker(connack={5: b""}, after_connack=long)
    async with listening(broker.serve) as port:
        link = await linked(port)
        assert await asyncio.wait_for(link.next(), 10) == Received("b", b"next")
        await link.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=60))
def test_garbage_from_a_broker_only_ends_the_connection(garbage):
    async def talk():
        broker = FakeBroker(after_connack=garbage + packet(DISCONNECT, 0, b"\x8b\0"))
        async with listening(broker.serve) as port:
            link = await linked(port, answer_s=0.5)
            try:
                with pytest.raises((LinkLostError, TimeoutError)):
                    async with asyncio.timeout(0.1):
                        while True:
                            await link.next()
            finally:
                link.cut()

    asyncio.run(talk())


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=60))
def test_garbage_instead_of_a_broker_is_told(garbage):
    async def talk():
        async def serve(reader, writer):
            await reader.read(10)
            writer.write(garbage)
            await writer.drain()

        async with listening(serve) as port:
            try:
                link = await linked(port, answer_s=0.5)
            except LinkLostError as error:
                assert str(error)
            else:
                link.cut()

    asyncio.run(talk())


def test_an_inbox_has_a_limit_in_messages_and_in_bytes(logged):
    async def fill():
        inbox = Inbox()
        for _ in range(INBOX_MESSAGES_MAX + 10):
            inbox.put(Received("a", b"x"))
        assert inbox.left_out == 10
        while inbox.take():
            pass
        inbox.put(Received("a", b"x" * (MESSAGE_BYTES_MAX + 1)))
        assert inbox.take() is None
        for _ in range(100):
            inbox.put(Received("a", b"x" * MESSAGE_BYTES_MAX))
        assert inbox.left_out == 10 + 1 + 100 - 32

    asyncio.run(fill())
    assert logged().count("left out") == 1


def test_a_client_id_is_the_same_for_the_same_gateway_and_broker_only():
    one = client_id(7, "/data", "mqtt://a:1883")
    assert one == client_id(7, "/data", "mqtt://a:1883")
    assert len({one, client_id(8, "/data", "mqtt://a:1883"), client_id(7, "/data", "mqtt://b:1883")}) == 2 + 1
    assert one.isalnum()
    assert len(one) == 23


def test_a_password_comes_from_the_address_before_the_file_before_the_key(tmp_path):
    file = tmp_path / "password"
    file.write_text("of the file\n")
    mqtt = Mqtt(user="me", password="of the key", password_file=str(file))
    assert connection(mqtt, broker("mqtt://me:here@host"), "id").password == "here"
    assert connection(mqtt, broker("mqtt://host"), "id").password == "of the file"
    assert (
        connection(Mqtt(user="me", password="of the key"), broker("mqtt://host"), "id").password
        == "of the key"
    )
    assert connection(Mqtt(password="of the key"), broker("mqtt://host"), "id").password is None
    secret = connection(mqtt, broker("mqtt://host"), "id")
    assert "of the file" not in repr(secret)
    file.unlink()
    with pytest.raises(SettingsError, match=r"password_file: .* cannot be read: No such file"):
        connection(mqtt, broker("mqtt://host"), "id")


def test_tls_files_that_cannot_be_used_are_told(tmp_path):
    files = connection(
        Mqtt(tls_ca=str(tmp_path / "ca"), tls_cert="c", tls_key="k"), broker("mqtts://host"), "id"
    ).tls
    with pytest.raises(SettingsError, match=r"mqtt\.tls_ca: .*/ca cannot be used: No such file"):
        make_context(files)
    (tmp_path / "ca").write_text("no certificate")
    with pytest.raises(SettingsError, match=r"mqtt\.tls_ca: .*/ca cannot be used: no certificates \(PEM\)"):
        make_context(files)
    good = Certificates(tmp_path / "good")
    for cert, key, words in [
        (str(tmp_path / "none"), None, r"mqtt\.tls_cert: .*/none cannot be used: No such file"),
        (str(good.ca), str(good.client.key), r"with mqtt\.tls_key: .* no certificate and its key \(PEM\)"),
        (None, str(good.client.key), "needs mqtt.tls_cert"),
    ]:
        made = connection(Mqtt(tls_cert=cert, tls_key=key), broker("mqtts://host"), "id").tls
        with pytest.raises(SettingsError, match=words):
            make_context(made)
    assert connection(Mqtt(tls_ca="ca"), broker("mqtt://host"), "id").tls is None
