"""The bridge and a real mosquitto: what lies there after which trouble."""

import asyncio
import sys
from functools import partial

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from meshward.bridges.mqtt import bridge as bridge_module
from meshward.bridges.mqtt.bridge import CLEAR_S
from meshward.bridges.mqtt.messages import Publication
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.rivals import Rivals
from tests.support.mosquitto import broker, client
from tests.support.mqtt_bridges import (
    OFFLINE,
    ONLINE,
    TOPICS,
    Listening,
    info,
    make_bridge,
    running,
    until,
    until_told,
)
from tests.support.programs import ROOT, Program

STATE, INFO = TOPICS.bridge("state"), TOPICS.bridge("info")

KILLED = """
import asyncio, sys
from tests.support.mqtt_bridges import make_bridge
asyncio.run(make_bridge(int(sys.argv[1])).run())
"""


def shelf(**payloads):
    """Who we are, and what lies at the named nodes."""
    retained = Retained()
    retained.put(INFO, info())
    for node, payload in payloads.items():
        retained.put(TOPICS.node(int(node[1:])), payload)
    return retained


def is_online(payload):
    return payload == ONLINE


def is_offline(payload):
    return payload == OFFLINE


async def test_what_is_on_the_shelf_lies_at_the_broker_and_changes_follow(tmp_path):
    retained = shelf(n1=b"one", n2=b"two")
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        bridge = make_bridge(mosquitto.port, retained=retained)
        async with running(bridge):
            await seen.wait_for(STATE, is_online)
            assert [topic for topic, _ in seen.messages] == [INFO, TOPICS.node(1), TOPICS.node(2), STATE]
            retained.put(TOPICS.node(1), b"uno")
            retained.drop(TOPICS.node(2))
            await seen.wait_for(TOPICS.node(2), lambda payload: payload == b"")
            assert await seen.retained() == {INFO: info(), TOPICS.node(1): b"uno", STATE: ONLINE}
            assert bridge.record.view().text == "connected with MQTT 5"
            await until(lambda: bridge.record.sent == 6)
            assert bridge.record.view().waiting == 0
        await seen.wait_for(STATE, is_offline)


async def test_many_topics_come_in_their_order_with_each_quality_of_service(tmp_path):
    async with broker(tmp_path) as mosquitto:
        for qos in (0, 1, 2):
            retained = Retained(qos)
            retained.put(INFO, info())
            for node in range(1, 501):
                retained.put(TOPICS.node(node), b"%d" % qos)
            async with (
                client(mosquitto.port) as seen,
                running(make_bridge(mosquitto.port, retained=retained)),
            ):
                await seen.wait_for(STATE, is_online)
                now = [topic for topic, payload in seen.messages if payload == b"%d" % qos]
                assert now == [TOPICS.node(node) for node in range(1, 501)]


async def test_a_gateway_that_is_killed_is_offline_by_its_last_will(tmp_path):
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        gateway = Program([sys.executable, "-c", KILLED, mosquitto.port], tmp_path / "log", PYTHONPATH=ROOT)
        await gateway.start()
        try:
            await seen.wait_for(STATE, is_online, within_s=20)
            await gateway.kill()
            await seen.wait_for(STATE, is_offline)
            assert (await seen.retained())[STATE] == OFFLINE
        finally:
            await gateway.kill()


async def test_a_broker_that_lost_everything_has_all_of_it_again(tmp_path):
    retained = shelf(**{f"n{node}": b"as it was" for node in range(1, 101)})
    bridge = make_bridge(0, retained=retained)
    async with broker(tmp_path) as mosquitto:
        bridge = make_bridge(mosquitto.port, retained=retained)
        async with running(bridge):
            await until_told(bridge.record, "up", "connected")
            await mosquitto.kill()
            await until_told(bridge.record, "failing", "nothing takes connections")
            # Nothing waits for the broker meanwhile.
            for turn in range(50):
                retained.put(TOPICS.node(1), b"turn %d" % turn)
            retained.drop(TOPICS.node(2))
            assert bridge.record.view().waiting == 2
            await mosquitto.restart()
            await until_told(bridge.record, "up", "connected")
            async with client(mosquitto.port) as seen:
                there = await seen.retained()
            assert there.keys() == {*retained.topics, STATE}
            assert len(there) == 101
            assert (there[TOPICS.node(1)], there[TOPICS.node(3)]) == (b"turn 49", b"as it was")


async def test_what_is_stale_is_cleared_and_nothing_else(tmp_path):
    stale = [TOPICS.node(9), TOPICS.node(9, "health"), TOPICS.update_status("r-0"), TOPICS.bridge("old")]
    others = ["mesh/ota/command", "mesh/note", "meshes/status/node/9", "other/status/node/9"]
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        for topic in [*stale, *others, TOPICS.node(1)]:
            await seen.publish(topic, b"old", retain=True)
        await seen.publish(INFO, info(), retain=True)
        await seen.publish(STATE, ONLINE, retain=True)  # its broker died with it
        async with running(make_bridge(mosquitto.port, retained=shelf(n1=b"new"))):
            await seen.wait_until(lambda client: all(client.latest[topic] == b"" for topic in stale))
            there = await seen.retained()
    assert there == {**dict.fromkeys(others, b"old"), INFO: info(), TOPICS.node(1): b"new", STATE: ONLINE}


async def test_a_thousand_and_more_stale_topics_are_cleared(tmp_path):
    async with broker(tmp_path) as mosquitto, client(mosquitto.port, topics=()) as seen:
        for node in range(1, 1501):
            await seen.publish(TOPICS.node(node), b"old", retain=True)
        async with running(make_bridge(mosquitto.port)):
            await seen.subscribe(TOPICS.node(1500))
            await seen.wait_for(TOPICS.node(1500), lambda payload: payload == b"")
            assert (await seen.retained()).keys() == {INFO, STATE}


async def test_nothing_is_told_or_cleared_before_the_shelf_is_filled(tmp_path):
    retained = Retained()
    filled = retained.promise()
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        for node in (1, 2):
            await seen.publish(TOPICS.node(node), b"old", retain=True)
        async with running(make_bridge(mosquitto.port, retained=retained)):
            retained.put(TOPICS.node(1), b"new")
            await asyncio.sleep(1)  # what comes wrongly would come by then: it looks around for half a second
            lying = await seen.retained()
            assert {lying[TOPICS.node(node)] for node in (1, 2)} == {b"old"}
            assert STATE not in lying
            filled()
            await seen.wait_for(STATE, is_online)
            assert (await seen.retained())[TOPICS.node(1)] == b"new"
            retained.put(INFO, info())  # only now it is known who we are
            await seen.wait_for(TOPICS.node(2), lambda payload: payload == b"")


async def test_who_waits_for_the_mesh_says_so_and_notices_the_end_of_the_connection(tmp_path):
    retained = Retained()
    filled = retained.promise()
    async with broker(tmp_path) as mosquitto:
        bridge = make_bridge(mosquitto.port, retained=retained)
        async with running(bridge):
            await until_told(bridge.record, "starting", "connected, waits for the mesh to be joined")
            await mosquitto.kill()
            await until_told(bridge.record, "failing", "nothing takes connections")
            await mosquitto.restart()
            await until_told(bridge.record, "starting", "connected, waits")
            filled()
            await until_told(bridge.record, "up", "connected with MQTT 5")


async def test_topics_of_another_gateway_are_left_alone_and_it_is_told(tmp_path):
    for other in (info(555), b'{"gateway":"555","profile":"alteriom"}'):
        async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
            await seen.publish(TOPICS.node(9), b"theirs", retain=True)
            await seen.publish(INFO, other, retain=True)
            await seen.publish(STATE, b'{"status":"online","state":"online"}', retain=True)
            bridge = make_bridge(mosquitto.port, retained=shelf(n1=b"ours"))
            async with running(bridge):
                await until_told(bridge.record, "failing", "another gateway (555)", "mqtt.prefix")
                await seen.wait_for(TOPICS.node(1))
                assert (await seen.retained())[TOPICS.node(9)] == b"theirs"


def two_gateways(port):
    """Two bridges below the same prefix."""
    bridges = []
    for own_id, node in ((1, 11), (2, 22)):
        retained = Retained()
        retained.put(INFO, info(own_id))
        retained.put(TOPICS.node(node), b"%d" % own_id)
        bridges.append(make_bridge(port, retained=retained, client_id=f"meshward{own_id}"))
    return bridges


async def both_told(one, other):
    await until_told(one.record, "failing", "another gateway (2) publishes below mesh", "mqtt.prefix")
    await until_told(other.record, "failing", "another gateway (1) publishes below mesh", "mqtt.prefix")


def has_both(seen):
    return (seen.latest.get(TOPICS.node(11)), seen.latest.get(TOPICS.node(22))) == (b"1", b"2")


async def test_two_gateways_one_after_the_other_both_tell_and_go_on(tmp_path):
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        one, other = two_gateways(mosquitto.port)
        async with running(one):
            await until_told(one.record, "up", "connected")
            async with running(other):
                await both_told(one, other)
                one._retained.put(TOPICS.node(11), b"news")
                await seen.wait_for(TOPICS.node(11), lambda payload: payload == b"news")
                await asyncio.sleep(CLEAR_S)
                assert {TOPICS.node(11), TOPICS.node(22)} <= (await seen.retained()).keys()


async def test_two_gateways_that_come_at_the_same_time_both_tell_and_clear_nothing(tmp_path):
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        one, other = two_gateways(mosquitto.port)
        async with running(one), running(other):
            await both_told(one, other)
            await asyncio.sleep(CLEAR_S)
            await seen.wait_until(has_both)
            assert {TOPICS.node(11), TOPICS.node(22)} <= (await seen.retained()).keys()


async def test_what_another_cleared_before_it_knew_of_us_is_back(tmp_path, monkeypatch):
    monkeypatch.setattr(bridge_module, "CLEAR_S", 0.0)
    monkeypatch.setattr(bridge_module, "Rivals", partial(Rivals, tell_s=1.0))
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        one, other = two_gateways(mosquitto.port)
        for bridge in (one, other):  # as they were left the last time
            for topic in bridge._retained.topics:
                await seen.publish(topic, bridge._retained.get(topic), retain=True)
        await seen.publish(STATE, OFFLINE, retain=True)
        async with running(one), running(other):
            await both_told(one, other)
            # By the test, at the start, and again.
            await seen.wait_until(lambda client: client.messages.count((TOPICS.node(11), b"1")) >= 3)
            await seen.wait_until(lambda client: client.messages.count((TOPICS.node(22), b"2")) >= 3)
            await seen.wait_until(has_both)


async def test_a_gateway_that_comes_back_learns_of_the_other_and_leaves_its_topics(tmp_path):
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        one, other = two_gateways(mosquitto.port)
        async with running(one):
            async with running(other):
                await both_told(one, other)
                await seen.publish(INFO, info(2), retain=True)  # it told last, so who comes sees itself there
            back = two_gateways(mosquitto.port)[1]
            async with running(back):
                await until_told(back.record, "failing", "another gateway (1)", within_s=CLEAR_S + 1)
                await asyncio.sleep(CLEAR_S)
                assert {TOPICS.node(11), TOPICS.node(22)} <= (await seen.retained()).keys()


async def test_garbage_at_our_own_topics_costs_nothing(tmp_path):
    part = Listening("go")
    garbage = [b'{"state":"\xff"}', b'{"gateway":"\xff"}', b"\xff", b"[" * 20_000, b"x" * 200_000, b"{}"]
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        for topic in (STATE, INFO):
            await seen.publish(topic, garbage[1], retain=True)
        bridge = make_bridge(mosquitto.port, part)
        async with running(bridge):
            await until(lambda: mosquitto.program.log.read_text().count("Sending SUBACK") >= 3)
            for payload in garbage:
                for topic in (STATE, INFO):
                    await seen.publish(topic, payload)
            await seen.publish("go")
            await asyncio.wait_for(part.came.wait(), 10)
            assert bridge.record.state == "up"
            await seen.publish(STATE, OFFLINE)
            await seen.wait_until(lambda client: [*client.messages][-1] == (STATE, ONLINE))


async def test_what_another_gateway_left_when_it_ended_is_cleared(tmp_path):
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        await seen.publish(TOPICS.node(9), b"theirs", retain=True)
        await seen.publish(INFO, info(555), retain=True)
        await seen.publish(STATE, OFFLINE, retain=True)
        async with running(make_bridge(mosquitto.port)):
            await seen.wait_for(TOPICS.node(9), lambda payload: payload == b"")


async def test_a_last_will_that_comes_late_is_put_right(tmp_path):
    async with (
        broker(tmp_path) as mosquitto,
        client(mosquitto.port) as seen,
        running(make_bridge(mosquitto.port)),
    ):
        await seen.wait_for(STATE, is_online)
        count = len(seen.messages)
        await until(lambda: "SUBSCRIBE" in mosquitto.program.log.read_text())
        await seen.publish(STATE, OFFLINE, retain=True)
        await seen.wait_until(
            lambda client: [*client.messages][count:] == [(STATE, OFFLINE), (STATE, ONLINE)]
        )


async def test_a_second_offline_soon_after_the_first_is_put_right_later(tmp_path, monkeypatch):
    monkeypatch.setattr(bridge_module, "AGAIN_S", 0.2)
    async with (
        broker(tmp_path) as mosquitto,
        client(mosquitto.port) as seen,
        running(make_bridge(mosquitto.port, part := Listening())),
    ):
        await until(lambda: part.sessions)
        count = len(seen.messages)
        for turn in (1, 2):
            await seen.publish(STATE, OFFLINE, retain=True)
            right = [(STATE, OFFLINE), (STATE, ONLINE)] * turn
            await seen.wait_until(lambda client, right=right: [*client.messages][count:] == right)


async def test_a_part_gets_what_comes_on_its_topics_and_answers(tmp_path):
    requests = Listening(TOPICS.request("+"))
    births = Listening("homeassistant/status")
    async with broker(tmp_path) as mosquitto, client(mosquitto.port) as seen:
        await seen.publish("homeassistant/status", b"online", retain=True)
        async with running(make_bridge(mosquitto.port, requests, births)):
            await asyncio.wait_for(births.came.wait(), 10)
            properties = Properties(PacketTypes.PUBLISH)
            properties.ResponseTopic, properties.CorrelationData = "answers/here", b"\x00\xff"
            await seen.publish(TOPICS.request("check"), b"{}", properties=properties)
            await seen.publish("elsewhere", b"{}")
            await asyncio.wait_for(requests.came.wait(), 10)
            (message,) = requests.messages
            assert (message.topic, message.payload) == (TOPICS.request("check"), b"{}")
            assert (message.response_topic, message.correlation) == ("answers/here", b"\x00\xff")
            assert not message.retain
            (birth,) = births.messages
            assert birth.retain
            (session,) = requests.sessions
            await session.publish(
                Publication(message.response_topic, b"done", correlation=message.correlation)
            )
            await seen.wait_for("answers/here", lambda payload: payload == b"done")
            await session.subscribe(["later/+"])
            await seen.publish("later/on", b"1")
            await until(lambda: [one.topic for one in requests.messages][1:] == ["later/on"])
            assert len(births.messages) == 1


async def test_a_part_is_started_again_with_each_connection_and_works_all_the_time(tmp_path):
    part = Listening()
    async with broker(tmp_path) as mosquitto:
        bridge = make_bridge(mosquitto.port, part)
        async with running(bridge):
            await until(lambda: len(part.sessions) == 1)
            await mosquitto.restart()
            await until(lambda: len(part.sessions) == 2)
            assert part.worked == 1


async def test_a_huge_message_is_left_out_and_the_next_one_is_not(tmp_path):
    part = Listening("big/+")
    async with (
        broker(tmp_path) as mosquitto,
        client(mosquitto.port) as seen,
        running(make_bridge(mosquitto.port, part)),
    ):
        await until(lambda: mosquitto.program.log.read_text().count("Sending SUBACK") >= 3)
        for size_bytes in (2_000_000, 300_000, 200_000):
            await seen.publish("big/one", b"x" * size_bytes)
        await asyncio.wait_for(part.came.wait(), 10)
        assert [len(message.payload) for message in part.messages] == [200_000]
