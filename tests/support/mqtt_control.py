"""Control over MQTT without a broker: requests go in, answers are looked at."""

import asyncio
import json
from contextlib import asynccontextmanager

from meshward.bridges.mqtt.control.control import Control
from meshward.bridges.mqtt.control.images import Images
from meshward.bridges.mqtt.control.part import ControlPart
from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.profiles.meshward import MeshwardProfile
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.topics import Topics
from meshward.errors import LinkLostError

TOPICS = Topics("mesh")


class Broker:
    """A session that keeps what is published; `lost` makes it end at the next publication."""

    def __init__(self):
        self.published = []
        self.lost = False
        self._came = asyncio.Condition()

    async def publish(self, publication):
        if self.lost:
            raise LinkLostError("the broker is gone")
        async with self._came:
            self.published.append(publication)
            self._came.notify_all()

    async def subscribe(self, filters):
        raise AssertionError("the bridge subscribes")

    async def wait(self, count):
        """Until so many were published in all."""
        async with asyncio.timeout(10), self._came:
            await self._came.wait_for(lambda: len(self.published) >= count)
        return self.published

    def at(self, topic):
        """The payloads at a topic, decoded."""
        return [json.loads(each.payload) for each in self.published if each.topic == topic]


@asynccontextmanager
async def connected(part, broker=None):
    """A part at work, with a connection."""
    broker = broker or Broker()
    tasks = [asyncio.create_task(part.work()), asyncio.create_task(part.run(broker))]
    try:
        yield broker
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Client:
    """Asks one control part."""

    def __init__(self, part, broker):
        self.part = part
        self.broker = broker

    @property
    def waiting(self):
        """Requests that no worker has taken yet."""
        return len(self.part._reception._waiting)

    async def tell(self, topic, payload, **more):
        """A message from the broker, as it is."""
        if not isinstance(payload, bytes):
            payload = (payload if isinstance(payload, str) else json.dumps(payload)).encode()
        await self.part.on_message(Received(topic, payload, **more))

    async def ask(self, action, payload, **more):
        """The answer to a request, at the usual topic."""
        topic = TOPICS.command if action == "command" else TOPICS.request(action)
        before = len(self.broker.at(TOPICS.response(action)))
        await self.tell(topic, payload, **more)
        async with asyncio.timeout(10):
            while len(self.broker.at(TOPICS.response(action))) <= before:
                await self.broker.wait(len(self.broker.published) + 1)
        return self.broker.at(TOPICS.response(action))[-1]

    async def done(self, action, payload, **more):
        """The data of an answer that is good."""
        answer = await self.ask(action, payload, **more)
        assert answer["status"] == "ok", answer
        return answer["data"]

    async def refused(self, action, payload, **more):
        """The code and the words of one that is not."""
        answer = await self.ask(action, payload, **more)
        assert answer["status"] == "error", answer
        assert answer["error"]
        return answer["code"], answer["error"]


@asynccontextmanager
async def control_of(service, folder, hosts=("127.0.0.1:1",), *, signatures=None, control=None, **options):
    """A client of a service."""
    control = control or Control(service, Images(service, hosts, 64 * 1024, folder / "fetch"))
    shelf = Retained()
    part = ControlPart(control, TOPICS, MeshwardProfile(), shelf, signatures, **options)
    async with connected(part) as broker:
        client = Client(part, broker)
        client.control, client.shelf = control, shelf
        yield client
