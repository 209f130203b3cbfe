"""A real broker, with whatever a test needs of users, rules and certificates, and a client that looks into it."""

import asyncio
import os
import signal
import subprocess
from collections import deque
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import aiomqtt

from tests.support.programs import Program, find, free_port, listening

TESTS = "tests"
"""The user, and password, of the tests' own client: it may do everything where there are users."""
_KEPT = 20_000
_MARKS = count()


class Mosquitto:
    """A broker without persistence: what it has is gone when it ends."""

    def __init__(self, program, port, tls_port):
        self.port = port
        """Without TLS, also where there is a port with it."""
        self.tls_port = tls_port
        self.program = program

    async def start(self):
        await self.program.start()
        await listening(self.port, self.program)

    async def kill(self):
        await self.program.kill()

    async def restart(self):
        """Killed, and started again on the same ports with nothing in it."""
        await self.kill()
        await self.start()

    def freeze(self):
        """It hangs: connections stay, nobody answers."""
        self.program.signal(signal.SIGSTOP)

    def thaw(self):
        self.program.signal(signal.SIGCONT)


@asynccontextmanager
async def broker(tmp_path, *, users=None, acl="", certificates=None, want_certificate=False, lines=()):
    """`users`: passwords by name; others are refused then. `acl`: as in an acl_file, for those users.

    `certificates`: from tests.support.certificates; with `want_certificate` clients need one of theirs.
    `lines`: more of its configuration, before the listeners.
    """
    folder = tmp_path / f"mosquitto-{next(_MARKS)}"
    folder.mkdir()
    port, tls_port = free_port(), free_port() if certificates else None
    config = folder / "mosquitto.conf"
    listeners = [f"listener {port} 127.0.0.1"]
    if certificates:
        listeners += [
            f"listener {tls_port} 127.0.0.1",
            f"cafile {certificates.ca}",
            f"certfile {certificates.server.cert}",
            f"keyfile {certificates.server.key}",
            f"require_certificate {'true' if want_certificate else 'false'}",
        ]
    config.write_text("\n".join([*_common(folder, users, acl), *lines, *listeners, ""]))
    program = Program([find("mosquitto"), "-c", config], folder / "mosquitto.log")
    mosquitto = Mosquitto(program, port, tls_port)
    try:
        await mosquitto.start()
        yield mosquitto
    finally:
        await program.kill()


def _common(folder, users, acl):
    # A broker that root starts would read these files as another user, who may not.
    lines = ["persistence false", "log_type all", *(["user root"] if os.getuid() == 0 else [])]
    if users is None:
        return [*lines, "allow_anonymous true"]
    passwords = folder / "passwords"
    passwords.touch(mode=0o600)
    for name, password in {**users, TESTS: TESTS}.items():
        subprocess.run([find("mosquitto_passwd"), "-b", passwords, name, password], check=True, timeout=30)
    lines += ["allow_anonymous false", f"password_file {passwords}"]
    if acl:
        rules = Path(folder / "acl")
        rules.write_text(f"{acl}\nuser {TESTS}\ntopic readwrite #\n")
        rules.chmod(0o600)
        lines.append(f"acl_file {rules}")
    return lines


class Client:
    """Reads along from when it came, and publishes."""

    def __init__(self, mqtt, port):
        self.messages = deque(maxlen=_KEPT)
        """Topic and payload of everything that came, what had been retained first."""
        self.latest = {}
        """The last payload of each topic."""
        self._mqtt = mqtt
        self._port = port
        self._came = asyncio.Condition()

    async def publish(self, topic, payload=b"", *, retain=False, qos=1, properties=None):
        await self._mqtt.publish(topic, payload, qos=qos, retain=retain, properties=properties)

    async def subscribe(self, topic, qos=1):
        await self._mqtt.subscribe(topic, qos=qos)

    async def wait_for(self, topic, predicate=lambda payload: True, *, within_s=10):
        """The payload of a topic, as soon as the last that came there fits."""
        async with asyncio.timeout(within_s), self._came:
            await self._came.wait_for(lambda: topic in self.latest and predicate(self.latest[topic]))
            return self.latest[topic]

    async def wait_until(self, predicate, *, within_s=10):
        """Until what came fits: `predicate` is given this client."""
        async with asyncio.timeout(within_s), self._came:
            await self._came.wait_for(lambda: predicate(self))

    async def retained(self, topics="#"):
        """What lies at the broker now: payloads by topic."""
        found = {}
        mark = f"tests/mark/{next(_MARKS)}"
        async with aiomqtt.Client("127.0.0.1", self._port, username=TESTS, password=TESTS) as mqtt:
            # What is retained is queued when the broker takes the subscription, so before our own mark.
            await mqtt.subscribe([(mark, 0), (topics, 0)])
            await mqtt.publish(mark, b"here")
            async for message in mqtt.messages:
                if message.topic.value == mark:
                    return found
                if message.retain:
                    found[message.topic.value] = message.payload
        raise AssertionError("the broker left")

    async def _read(self):
        async for message in self._mqtt.messages:
            async with self._came:
                self.messages.append((message.topic.value, message.payload))
                self.latest[message.topic.value] = message.payload
                self._came.notify_all()


@asynccontextmanager
async def client(port, *, topics=("#",), protocol=aiomqtt.ProtocolVersion.V5, **options):
    """A client of the broker at `port` that is subscribed to `topics`, as they come and as they lie there."""
    options = {"username": TESTS, "password": TESTS, **options}
    async with aiomqtt.Client("127.0.0.1", port, protocol=protocol, **options) as mqtt:
        one = Client(mqtt, port)
        for topic in topics:
            await one.subscribe(topic)
        reading = asyncio.create_task(one._read())
        try:
            yield one
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
