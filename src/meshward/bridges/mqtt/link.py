"""One connection to a broker: made, used, and in words why it ended."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence

import aiomqtt
import structlog

from meshward.bridges.mqtt import reasons
from meshward.bridges.mqtt.client import IN_FLIGHT, Client
from meshward.bridges.mqtt.messages import Publication, Received
from meshward.bridges.mqtt.options import Connection
from meshward.bridges.mqtt.tls import make_context
from meshward.errors import LinkLostError, SettingsError

log = structlog.get_logger("meshward.bridges")

GOODBYE_S = 2.0
"""A broker that is there takes a goodbye at once."""
_OVERHEAD_BYTES = 32
"""Of a message, beside topic, payload and correlation."""
_V5, _V311 = aiomqtt.ProtocolVersion.V5, aiomqtt.ProtocolVersion.V311


class _OtherVersionError(Exception):
    """The broker does not speak this version, or ends what it does not understand."""


async def connect(connection: Connection, will: Publication) -> Link:
    """With MQTT 5, or 3.1.1 where the broker does not speak that.

    Raises LinkLostError, which says why, and what to do.
    """
    try:
        tls = None if connection.tls is None else await asyncio.to_thread(make_context, connection.tls)
    except SettingsError as error:
        raise LinkLostError(str(error)) from error
    for version in (_V5, _V311):
        client = Client(connection, will, version, tls)
        try:
            await _open(client, connection)
        except _OtherVersionError:
            client.cut()
            continue
        except BaseException:
            client.cut()
            raise
        return Link(client, connection)
    raise LinkLostError(reasons.not_mqtt(connection))


class Link:
    """A connection that the broker agreed to."""

    def __init__(self, client: Client, connection: Connection) -> None:
        self._client = client
        self._answer_s = connection.answer_s
        self._keepalive_s = connection.keepalive_s
        self._silent = False
        version = "3.1.1" if client.limits is None else "5"
        self.how = f"connected with MQTT {version}" + (", TLS" if connection.tls else "")
        """In words."""
        self.in_flight: int = min(getattr(client.limits, "ReceiveMaximum", IN_FLIGHT), IN_FLIGHT)
        """Messages that the broker may have to take at a time."""
        self._packet_bytes_max: int | None = getattr(client.limits, "MaximumPacketSize", None)
        self._qos_max: int = getattr(client.limits, "MaximumQoS", 2)

    async def publish(self, publication: Publication) -> int:
        """The broker's reason code: from `reasons.FAILED` on it did not take it. Raises LinkLostError.

        It is handed over before this first waits, so messages keep the order of the calls.
        """
        size_bytes = len(publication.topic.encode("utf-8", "replace")) + len(publication.payload)
        size_bytes += len(publication.correlation or b"") + _OVERHEAD_BYTES
        if self._packet_bytes_max is not None and size_bytes > self._packet_bytes_max:
            return reasons.TOO_LARGE
        qos = min(publication.qos, self._qos_max)
        try:
            (code,) = await self._answer(lambda: self._client.send(publication, qos))
        except ValueError:  # a topic with wildcards or half a character, which a peer may ask us to answer to
            return reasons.TOPIC_INVALID
        return code

    async def subscribe(self, filters: Sequence[str], qos: int) -> list[int]:
        """The broker's reason code for each. Raises LinkLostError."""
        return await self._answer(lambda: self._client.ask_for(filters, qos))

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        """Raises LinkLostError."""
        await self._answer(lambda: self._client.ask_no_more_for(filters))

    async def next(self) -> Received:
        """The next message. Raises LinkLostError at the end of the connection."""
        inbox = self._client.inbox
        while (message := inbox.take()) is None:
            if self._client.is_lost:
                raise self._lost()
            inbox.news.clear()
            await inbox.news.wait()
        return message

    async def close(self) -> None:
        """Say goodbye. It does not take long, whatever the broker does."""
        await self._client.hang_up(GOODBYE_S)

    def cut(self) -> None:
        """End it without a word: the broker tells the last will."""
        self._client.cut()

    async def _answer(self, ask: Callable[[], asyncio.Future[list[int]]]) -> list[int]:
        try:
            async with asyncio.timeout(self._answer_s):
                return await ask()
        except TimeoutError:
            self._silent = True
            raise self._lost() from None
        except LinkLostError:
            raise self._lost() from None

    def _lost(self) -> LinkLostError:
        """Why, once for all who wait."""
        client = self._client
        if self._silent:
            text = reasons.frozen(self._answer_s)
            client.cut()
        elif client.ended_by_broker:
            text = reasons.ended(client.end_code)
        elif client.end_code == reasons.KEEPALIVE:
            text = reasons.frozen(2 * self._keepalive_s)
        else:
            text = reasons.broken(client.troubles.last)
        return LinkLostError(text)


async def _open(client: Client, connection: Connection) -> None:
    """Raises LinkLostError, and _OtherVersionError."""
    dialled = False
    try:
        async with asyncio.timeout(connection.answer_s):
            await client.dial()
            dialled = True
            await client.greeted()
    except TimeoutError as error:
        if dialled:
            raise LinkLostError(reasons.silent(connection)) from error
        raise LinkLostError(reasons.unreachable(error, connection)) from error
    except OSError as error:
        raise LinkLostError(reasons.unreachable(error, connection)) from error
    except ValueError as error:
        raise LinkLostError(f"{connection.host!r} is not the name of a host") from error
    except aiomqtt.MqttCodeError as error:
        code = getattr(error.rc, "value", reasons.FAILED)
        if code == reasons.OTHER_VERSION:
            raise _OtherVersionError from error
        raise LinkLostError(reasons.refused(code, connection)) from error
    except LinkLostError as error:
        trouble = client.troubles.last
        if isinstance(trouble, ssl.SSLError):
            raise LinkLostError(reasons.unreachable(trouble, connection)) from error
        raise _OtherVersionError from error
