"""A real mosquitto that does not let the bridge in, or hangs: it says why, and nothing else is disturbed."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from meshward.bridges.mqtt.options import TlsFiles
from tests.support.certificates import Authority, Certificates
from tests.support.mosquitto import broker, client
from tests.support.mqtt_bridges import ONLINE, TOPICS, Listening, make_bridge, running, until, until_told
from tests.support.programs import free_port
from tests.support.receivers import Hook, answer, listening

STATE = TOPICS.bridge("state")
SECRET = "a-secret-word"
STALL_S = 1.0
"""Longest that the event loop may stand still on a busy machine."""
ANSWER_S = 1.5
"""What would hold it up longer if somebody waited for the broker in it."""


@asynccontextmanager
async def undisturbed():
    """Another task, as the mesh would be, that is never held up meanwhile."""
    loop = asyncio.get_running_loop()
    longest_s = 0.0

    async def tick():
        nonlocal longest_s
        while True:
            before_s = loop.time()
            await asyncio.sleep(0.01)
            longest_s = max(longest_s, loop.time() - before_s)

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert longest_s < STALL_S


async def told(port, *words, **options):
    """What is said of a connection that cannot be."""
    bridge = make_bridge(port, **options)
    async with undisturbed(), running(bridge):
        await until_told(bridge.record, "failing", *words)
        assert SECRET not in bridge.record.text
        assert SECRET not in repr(bridge._connection)
    return bridge.record.text


async def test_nothing_that_listens_is_told():
    assert "does the broker run" in await told(free_port(), "nothing takes connections at 127.0.0.1:")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70 + ".invalid"])
async def test_a_name_that_is_not_found_is_told(host):
    await told(1, "not", host, host=host)


async def test_a_bad_password_and_none_are_told(tmp_path):
    async with broker(tmp_path, users={"meshward": "right"}) as mosquitto:
        await told(mosquitto.port, "refuses our user or password", user="meshward", password=SECRET)
        await told(mosquitto.port, "wants a user and a password")
        bridge = make_bridge(mosquitto.port, user="meshward", password="right")
        async with running(bridge):
            await until_told(bridge.record, "up", "connected")


async def test_tls_with_a_certificate_of_ours(tmp_path):
    certificates = Certificates(tmp_path / "tls")
    files = TlsFiles(str(certificates.ca), str(certificates.client.cert), str(certificates.client.key))
    async with broker(tmp_path, certificates=certificates, want_certificate=True) as mosquitto:
        bridge = make_bridge(mosquitto.tls_port, tls=files)
        async with client(mosquitto.port) as seen, undisturbed(), running(bridge):
            await seen.wait_for(STATE, lambda payload: payload == ONLINE)
            await until_told(bridge.record, "up", "connected with MQTT 5, TLS")
        await told(mosquitto.tls_port, "wants a certificate of ours", tls=TlsFiles(str(certificates.ca)))
        strange = Authority(tmp_path / "strange").pair("client")
        files = TlsFiles(str(certificates.ca), str(strange.cert), str(strange.key))
        await told(mosquitto.tls_port, "does not accept our certificate", tls=files)


async def test_certificates_that_are_no_proof_are_told(tmp_path):
    good = Certificates(tmp_path / "good")
    async with broker(tmp_path, certificates=good) as mosquitto:
        other = str(Authority(tmp_path / "other").ca)
        await told(mosquitto.tls_port, "not trusted", "mqtt.tls_ca", tls=TlsFiles(other))
        await told(mosquitto.tls_port, "not trusted", tls=TlsFiles())
        await told(
            mosquitto.tls_port, "mqtt.tls_ca", "/none cannot be used", tls=TlsFiles(str(tmp_path / "none"))
        )
        await told(mosquitto.port, "nothing speaks TLS", tls=TlsFiles(str(good.ca)))
        await told(mosquitto.tls_port, "mqtts://")
    old = Certificates(tmp_path / "old", valid=timedelta(days=-1))
    async with broker(tmp_path, certificates=old) as mosquitto:
        await told(mosquitto.tls_port, "has expired", tls=TlsFiles(str(old.ca)))
    elsewhere = Certificates(tmp_path / "elsewhere", hosts=("broker.example",))
    async with broker(tmp_path, certificates=elsewhere) as mosquitto:
        await told(mosquitto.tls_port, "is not for 127.0.0.1", tls=TlsFiles(str(elsewhere.ca)))


async def test_the_brokers_own_certificate_can_be_trusted_alone(tmp_path):
    certificates = Certificates(tmp_path / "tls")
    async with broker(tmp_path, certificates=certificates) as mosquitto:
        bridge = make_bridge(mosquitto.tls_port, tls=TlsFiles(str(certificates.server.cert)))
        async with running(bridge):
            await until_told(bridge.record, "up", "TLS")


async def test_something_else_at_the_port_is_told():
    async with listening(Hook(answer(400)).serve) as port:
        await told(port, "does not answer", "something else at this port", answer_s=0.5)


async def test_a_frozen_broker_is_told_at_the_beginning_and_later_and_it_comes_back(tmp_path):
    async with broker(tmp_path) as mosquitto:
        mosquitto.freeze()
        bridge = make_bridge(mosquitto.port, answer_s=ANSWER_S)
        async with undisturbed(), running(bridge):
            await until_told(bridge.record, "failing", "does not answer within 1.5 s")
            mosquitto.thaw()
            await until_told(bridge.record, "up", "connected")
            mosquitto.freeze()
            bridge._retained.put(TOPICS.node(1), b"news")
            await until_told(bridge.record, "failing", "has not answered")
            mosquitto.thaw()
            await until_told(bridge.record, "up", "connected")


async def test_a_frozen_broker_is_noticed_without_anything_to_say(tmp_path):
    async with broker(tmp_path) as mosquitto:
        bridge = make_bridge(mosquitto.port, keepalive_s=1, answer_s=1.0)
        async with running(bridge):
            await until_told(bridge.record, "up", "connected")
            mosquitto.freeze()
            await until_told(bridge.record, "failing", "answer", within_s=8)


async def test_the_end_does_not_wait_for_a_frozen_broker(tmp_path):
    loop = asyncio.get_running_loop()
    async with broker(tmp_path) as mosquitto:
        bridge = make_bridge(mosquitto.port)
        async with running(bridge):
            await until_told(bridge.record, "up", "connected")
            mosquitto.freeze()
            began_s = loop.time()
        assert loop.time() - began_s < 8


async def test_the_end_does_not_wait_for_who_never_answered():
    loop = asyncio.get_running_loop()
    greeted = asyncio.Event()

    async def serve(reader, writer):
        await reader.read(100)
        greeted.set()
        await reader.read()

    async with listening(serve) as port, running(make_bridge(port)):
        await asyncio.wait_for(greeted.wait(), 10)
        began_s = loop.time()
    assert loop.time() - began_s < 5


async def test_what_the_broker_forbids_is_told_once_and_the_rest_goes_on(tmp_path, logged):
    acl = "user meshward\ntopic readwrite mesh/status/#\ntopic readwrite mesh/bridge/#"
    async with broker(tmp_path, users={"meshward": "right"}, acl=acl) as mosquitto:
        bridge = make_bridge(mosquitto.port, user="meshward", password="right")
        async with client(mosquitto.port) as seen, running(bridge):
            await until_told(bridge.record, "up", "connected")
            for rollout in range(5):
                bridge._retained.put(TOPICS.update_status(f"r-{rollout}"), b"{}")
            bridge._retained.put(TOPICS.node(1), b"here")
            await seen.wait_for(TOPICS.node(1))
            await until_told(
                bridge.record, "up", "refused 5 times, to publish mesh/ota/#: the broker forbids it"
            )
            assert bridge.record.view().waiting == 0
            await mosquitto.restart()
            bridge._retained.put(TOPICS.update_status("r-5"), b"{}")
            await until_told(bridge.record, "up", "refused 6 times, to publish mesh/ota/#")
    assert logged().count("the broker refuses us something") == 1


async def test_what_is_too_large_for_the_broker_is_told_and_the_rest_goes_on(tmp_path):
    async with broker(tmp_path, lines=["max_packet_size 2000"]) as mosquitto:
        bridge = make_bridge(mosquitto.port)
        bridge._retained.put(TOPICS.status("nodes"), b"x" * 3000)
        bridge._retained.put(TOPICS.node(1), b"here")
        async with running(bridge), client(mosquitto.port) as seen:
            await until_told(bridge.record, "up", "to publish mesh/status/#", "larger than the broker takes")
            assert (await seen.retained()).keys() == {TOPICS.bridge("info"), TOPICS.node(1), STATE}


async def test_a_client_with_our_id_is_told(tmp_path):
    async with broker(tmp_path) as mosquitto:
        bridge = make_bridge(mosquitto.port, first_s=20)
        async with running(bridge):
            await until_told(bridge.record, "up", "connected")
            async with client(mosquitto.port, identifier="meshwardtests"):
                await until_told(bridge.record, "failing", "copy of this data directory")


async def test_a_user_who_may_write_nothing_is_told_as_failing(tmp_path):
    acl = "user meshward\ntopic read mesh/#"
    async with broker(tmp_path, users={"meshward": "right"}, acl=acl) as mosquitto:
        bridge = make_bridge(mosquitto.port, user="meshward", password="right")
        async with running(bridge):
            await until_told(
                bridge.record, "failing", "cannot publish mesh/bridge/state: the broker forbids it"
            )
            assert bridge.record.sent == 0


async def test_a_part_that_breaks_at_a_message_gets_the_next_one(tmp_path, logged):
    class Broken(Listening):
        async def on_message(self, message):
            await super().on_message(message)
            raise KeyError("no such thing")

    part = Broken("go")
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        bridge = make_bridge(mosquitto.port, part)
        async with running(bridge):
            await until(lambda: mosquitto.program.log.read_text().count("Sending SUBACK") >= 3)
            for _ in range(3):
                await seen.publish("go")
            await until(lambda: len(part.messages) == 3)
            assert bridge.record.state == "up"
    out = logged()
    assert out.count("please report this") == 1
    assert "no such thing" in out


async def test_a_part_that_breaks_ends_the_bridge_with_a_goodbye(tmp_path):
    class Broken(Listening):
        async def run(self, session):
            await self.came.wait()
            raise KeyError("no such thing")

    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        task = asyncio.create_task(make_bridge(mosquitto.port, Broken("go")).run())
        await until(lambda: mosquitto.program.log.read_text().count("Sending SUBACK") >= 3)
        await seen.publish("go")
        with pytest.raises(ExceptionGroup) as raised:
            await asyncio.wait_for(task, 10)
        assert raised.value.subgroup(KeyError)
        assert (await seen.retained())[STATE] != ONLINE
