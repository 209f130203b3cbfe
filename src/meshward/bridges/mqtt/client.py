"""aiomqtt's client, and what it does not tell: refused messages, duplicates, ends before the beginning."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any

import aiomqtt
import structlog
from paho.mqtt.client import (
    MQTT_CLEAN_START_FIRST_ONLY,
    MQTT_ERR_SUCCESS,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessage,
)
from paho.mqtt.client import Client as Paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from meshward.bridges.mqtt.messages import Publication, Received
from meshward.bridges.mqtt.options import Connection
from meshward.errors import LinkLostError
from meshward.text import printable

log = structlog.get_logger("meshward.bridges")

MESSAGE_BYTES_MAX = 256 * 1024
"""No command is near that long; what others wrote below our topics may be."""
PACKET_BYTES_MAX = 1024 * 1024
"""A broker with MQTT 5 is told so; one that sends a longer one all the same is cut off."""
UNTOLD_BYTES_MAX = 16 * 1024 * 1024
"""The same with MQTT 3.1.1, which cannot tell it: there it may be the fault of whoever wrote a message."""
INBOX_MESSAGES_MAX = 2000
INBOX_BYTES_MAX = 8 * 1024 * 1024
"""What is kept of messages that nobody has read yet; what comes on top is left out."""
IN_FLIGHT = 16
"""Messages that the other side has not taken yet, each way: most brokers allow 20, and say so if less."""


class Inbox:
    """Messages from the broker that wait to be read."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.left_out = 0
        self._messages: deque[Received] = deque()
        self._size_bytes = 0

    def put(self, message: Received) -> None:
        """Too large ones, and too many, are left out; the first of them is logged."""
        if len(message.payload) > MESSAGE_BYTES_MAX:
            self._leave_out(message, "too large")
        elif (
            len(self._messages) >= INBOX_MESSAGES_MAX
            or self._size_bytes + len(message.payload) > INBOX_BYTES_MAX
        ):
            self._leave_out(message, "too many at once")
        else:
            self._messages.append(message)
            self._size_bytes += len(message.payload)
            self.news.set()

    def take(self) -> Received | None:
        """The oldest."""
        if not self._messages:
            return None
        message = self._messages.popleft()
        self._size_bytes -= len(message.payload)
        return message

    def _leave_out(self, message: Received, why: str) -> None:
        self.left_out += 1
        if self.left_out == 1:
            log.warning(
                "a message from the broker was left out", topic=printable(message.topic, 100), reason=why
            )


class OverlongError(OSError):
    """The broker sends more than it may."""


class Troubles(logging.Handler):
    """Keeps what went wrong at the socket, which paho-mqtt tells its log only."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: OSError | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Nothing is written."""
        for argument in record.args if isinstance(record.args, tuple) else ():
            if isinstance(argument, OSError):
                self.last = argument


class Client(aiomqtt.Client):
    """One connection. Of aiomqtt 2.5 it takes the event loop's side of paho-mqtt.

    What it does itself uses names that are aiomqtt's own affair, so that library's version is held.
    """

    def __init__(
        self,
        options: Connection,
        will: Publication,
        protocol: aiomqtt.ProtocolVersion,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.inbox = Inbox()
        self.troubles = Troubles()
        self.end_code: int | None = None
        """The reason code with which the connection ended: the broker's, or paho-mqtt's own."""
        self.ended_by_broker = False
        self.limits: Properties | None = None
        """What the broker told of itself, with MQTT 5."""
        self._answers: dict[int, asyncio.Future[list[int]]] = {}
        """What the broker was asked and has not answered, by paho-mqtt's number: a few at a time."""
        # Not one of the program's loggers: what went wrong is told in our own words.
        quiet = logging.Logger("mqtt", logging.WARNING)  # noqa: LOG001
        quiet.addHandler(self.troubles)
        self._v5 = v5 = protocol == aiomqtt.ProtocolVersion.V5
        super().__init__(
            options.host,
            options.port,
            username=options.user,
            password=options.password,
            logger=quiet,
            identifier=options.client_id,
            protocol=protocol,
            will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain),
            clean_session=None if v5 else True,
            clean_start=True if v5 else MQTT_CLEAN_START_FIRST_ONLY,
            properties=_wishes() if v5 else None,
            keepalive=options.keepalive_s,
            timeout=options.answer_s,
            tls_context=tls,
            max_inflight_messages=IN_FLIGHT,
        )
        self._disconnected.add_done_callback(self._wake)
        self._receive = self._client._sock_recv  # noqa: SLF001
        self._client._sock_recv = self._receive_within_limits  # type: ignore[method-assign,assignment]  # noqa: SLF001
        self._bytes_max = PACKET_BYTES_MAX if v5 else UNTOLD_BYTES_MAX

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended."""
        return self._disconnected.done()

    async def dial(self) -> None:
        """Connect to the host. Raises OSError, also for TLS, and ValueError for what is no host name."""
        dialling = self._loop.run_in_executor(None, self._client_connect)
        try:
            await asyncio.shield(dialling)
        except asyncio.CancelledError:
            # The thread goes on, and nobody would close what it opens.
            dialling.add_done_callback(self._cut_dialled)
            raise

    async def greeted(self) -> None:
        """Wait until the broker lets us in. Raises MqttConnectError, or LinkLostError where it hangs up."""
        await asyncio.wait((self._connected, self._disconnected), return_when=asyncio.FIRST_COMPLETED)
        if not self._connected.done():
            raise LinkLostError("ended before it began")
        self._connected.result()

    def send(self, publication: Publication, qos: int) -> asyncio.Future[list[int]]:
        """Its result is the broker's reason code. Raises LinkLostError, and ValueError for a bad topic."""
        properties = None
        if publication.correlation is not None and self.limits is not None:
            properties = _properties(PacketTypes.PUBLISH)
            properties.CorrelationData = publication.correlation
        info = self._client.publish(
            publication.topic, publication.payload, qos, publication.retain, properties
        )
        return self._answer(info.rc, info.mid)

    def ask_for(self, filters: Sequence[str], qos: int) -> asyncio.Future[list[int]]:
        """Subscribe: the result is a reason code for each. Raises LinkLostError."""
        return self._answer(*self._client.subscribe([(topic, qos) for topic in filters]))

    def ask_no_more_for(self, filters: Sequence[str]) -> asyncio.Future[list[int]]:
        """Unsubscribe. Raises LinkLostError."""
        return self._answer(*self._client.unsubscribe(list(filters)))

    async def hang_up(self, within_s: float) -> None:
        """Say goodbye, so that the last will is not told."""
        if self._client.disconnect() == MQTT_ERR_SUCCESS and not self.is_lost:
            await asyncio.wait((self._disconnected,), timeout=within_s)
        self.cut()

    def cut(self) -> None:
        """End the connection now, whatever waits."""
        # Nothing public closes a socket that takes no more; this also takes it out of the event loop.
        self._client._sock_close()  # noqa: SLF001
        if not self._disconnected.done():
            self._disconnected.set_result(None)
        if self._connected.done():
            self._connected.exception()

    def _receive_within_limits(self, size_bytes: int) -> bytes:
        """What paho-mqtt reads with: it has no limit of its own to what it collects. Raises OverlongError."""
        # Of QoS 2, which we never subscribe with: a broker may begin them, and never end any.
        begun = self._client._in_messages.values()  # noqa: SLF001
        packet_bytes = self._client._in_packet["remaining_length"]  # noqa: SLF001
        held_bytes = packet_bytes + sum(len(message.payload) for message in begun)
        if held_bytes > self._bytes_max or len(begun) > IN_FLIGHT:
            raise OverlongError
        return self._receive(size_bytes)

    def _cut_dialled(self, dialling: asyncio.Future[None]) -> None:
        dialling.exception()
        self.cut()

    def _answer(self, result: int, mid: int | None) -> asyncio.Future[list[int]]:
        if result != MQTT_ERR_SUCCESS or mid is None:
            raise LinkLostError("the connection has ended")
        # No answer comes before the event loop reads, so not before this is noted. aiomqtt's own calls wait
        # with asyncio.wait_for, which before Python 3.12 loses a cancellation that meets the answer.
        answer: asyncio.Future[list[int]] = self._loop.create_future()
        self._answers[mid] = answer
        return answer

    def _answered(self, mid: int, codes: list[int]) -> None:
        answer = self._answers.pop(mid, None)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _wake(self, ended: asyncio.Future[None]) -> None:
        """Nobody waits any more for what will not come."""
        cause = ended.exception()
        if cause is not None and not isinstance(cause, aiomqtt.MqttError):
            log.warning("what a broker sent cannot be read", error=repr(cause))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(LinkLostError("the connection has ended"))
                answer.exception()
        self._answers.clear()
        self.inbox.news.set()

    def _on_connect(
        self,
        client: Paho,
        userdata: Any,
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if self.is_lost:
            return
        self.limits = properties if self._v5 else None
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self,
        client: Paho,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self.is_lost:
            self.end_code = None if reason_code is None else reason_code.value
            self.ended_by_broker = flags.is_disconnect_packet_from_server
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        if not self._disconnected.done():
            self._disconnected.set_result(None)

    def _on_publish(
        self,
        client: Paho,  # noqa: ARG002
        userdata: Any,  # noqa: ARG002
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,  # noqa: ARG002
    ) -> None:
        self._answered(mid, [reason_code.value])

    def _on_subscribe(
        self,
        client: Paho,  # noqa: ARG002
        userdata: Any,  # noqa: ARG002
        mid: int,
        reason_codes: list[ReasonCode],
        properties: Properties | None = None,  # noqa: ARG002
    ) -> None:
        self._answered(mid, [code.value for code in reason_codes])

    def _on_unsubscribe(
        self,
        client: Paho,  # noqa: ARG002
        userdata: Any,  # noqa: ARG002
        mid: int,
        reason_codes: list[ReasonCode],
        properties: Properties | None = None,  # noqa: ARG002
    ) -> None:
        self._answered(mid, [code.value for code in reason_codes])

    def _on_message(self, client: Paho, userdata: Any, message: MQTTMessage) -> None:  # noqa: ARG002
        with contextlib.suppress(UnicodeDecodeError):
            self.inbox.put(_received(message))


def _wishes() -> Properties:
    wishes = _properties(PacketTypes.CONNECT)
    wishes.MaximumPacketSize = PACKET_BYTES_MAX
    wishes.ReceiveMaximum = IN_FLIGHT
    return wishes


def _properties(packet_type: int) -> Properties:
    return Properties(packet_type)  # type: ignore[no-untyped-call]


def _received(message: MQTTMessage) -> Received:
    return Received(
        topic=message.topic,
        payload=bytes(message.payload),
        retain=bool(message.retain),
        duplicate=bool(message.dup),
        response_topic=getattr(message.properties, "ResponseTopic", None),
        correlation=getattr(message.properties, "CorrelationData", None),
    )
