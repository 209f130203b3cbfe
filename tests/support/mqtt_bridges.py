"""A bridge to a broker, with parts that tests can look into."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

from meshward.bridges.base import Pauses, Record
from meshward.bridges.mqtt.bridge import MqttBridge
from meshward.bridges.mqtt.options import Connection
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.topics import Topics

OWN_ID = 777
ONLINE, OFFLINE = b'{"state":"online"}', b'{"state":"offline"}'
TOPICS = Topics("mesh")


def info(gateway=OWN_ID):
    """A `bridge/info` as profile "meshward" has it."""
    return json.dumps({"gateway": gateway, "version": "1", "profile": "meshward", "period_s": 30}).encode()


class States:
    """As much of a profile as a bridge itself needs."""

    def bridge_state(self, *, online, now_s):
        return ONLINE if online else OFFLINE


class Listening:
    """A part that notes what comes on its topics."""

    def __init__(self, *filters):
        self.filters = filters
        self.sessions = []
        self.messages = []
        self.worked = 0
        self.came = asyncio.Event()

    async def work(self):
        self.worked += 1
        await asyncio.Event().wait()

    async def run(self, session):
        self.sessions.append(session)

    async def on_message(self, message):
        self.messages.append(message)
        self.came.set()


def make_bridge(port, *parts, retained=None, first_s=0.02, topics=TOPICS, **options):
    """One that tries again soon; `options` are those of Connection."""
    if retained is None:
        retained = Retained()
        retained.put(topics.bridge("info"), info())
    record = Record(f"mqtt://127.0.0.1:{port}/{topics.prefix}", "mqtt")
    connection = replace(Connection("127.0.0.1", port, "meshwardtests"), **options)
    pauses = Pauses(Random(1), first_s, max(first_s, 0.1))
    return MqttBridge(connection, topics, States(), parts, retained, record, pauses)


@asynccontextmanager
async def running(bridge):
    """Run it meanwhile; what breaks it fails the test."""
    task = asyncio.create_task(bridge.run())
    try:
        yield task
    finally:
        ended = task.done()
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if ended:
            raise AssertionError("the bridge ended") from result


async def until(predicate, within_s=10):
    """Poll until something holds."""
    async with asyncio.timeout(within_s):
        while not predicate():  # noqa: ASYNC110 records and logs tell nobody of a change
            await asyncio.sleep(0.01)


async def until_told(record, state, *words, within_s=10):
    """Until the record of a bridge is in a state, with these words in its text."""
    try:
        await until(lambda: record.state == state and all(word in record.text for word in words), within_s)
    except TimeoutError:
        raise AssertionError(f"{record.state}: {record.text}") from None
