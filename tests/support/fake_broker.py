"""A broker of a few lines that does what mosquitto would not: refuses versions, subscriptions, many at once."""

from dataclasses import dataclass, field

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PING, DISCONNECT = 1, 3, 4, 8, 10, 12, 14


@dataclass
class FakeBroker:
    """Keeps nothing; `serve` is a connection's."""

    connack: dict[int, bytes] = field(default_factory=dict)
    """The whole answer to CONNECT by protocol level (4 or 5), "" to hang up; else it is welcome."""
    properties: bytes = b""
    """Of MQTT 5, in the CONNACK."""
    refused_filters: dict[str, int] = field(default_factory=dict)
    refused_topics: dict[str, int] = field(default_factory=dict)
    """Reason codes of MQTT 5 for messages."""
    after_connack: bytes = b""
    """Sent as it is when somebody was let in."""
    late_puback: int = 1
    """It takes messages only in portions of so many."""
    connects: list[int] = field(default_factory=list)
    published: list[tuple[str, int]] = field(default_factory=list)
    """Topic and QoS."""
    waiting_most: int = 0
    """Messages that were under way at a time."""

    def count(self, topic):
        """How often a topic was published."""
        return sum(one == topic for one, _ in self.published)

    async def serve(self, reader, writer):
        acks = []
        level = 4
        while True:
            kind, flags, body = await _packet(reader)
            if kind == CONNECT:
                level = body[6]
                self.connects.append(level)
                welcome = packet(2, 0, b"\0\0" + (_sized(self.properties) if level == 5 else b""))
                answer = self.connack.get(level, welcome)
                if not answer:
                    return
                writer.write(answer)
                if answer is welcome:
                    writer.write(self.after_connack)
            elif kind == PUBLISH:
                topic, rest = _text(body)
                qos = flags >> 1 & 3
                self.published.append((topic, qos))
                if qos:
                    refusal = self.refused_topics.get(topic)
                    acks.append(packet(PUBACK, 0, rest[:2] + (bytes([refusal]) if refusal else b"")))
                    self.waiting_most = max(self.waiting_most, len(acks))
                if len(acks) >= self.late_puback:
                    writer.write(b"".join(acks))
                    acks.clear()
            elif kind in {SUBSCRIBE, UNSUBSCRIBE}:
                writer.write(self._granted(kind, level, body))
            elif kind == PING:
                writer.write(packet(13, 0))
            elif kind == DISCONNECT:
                return
            await writer.drain()

    def _granted(self, kind, level, body):
        head, rest = body[:2], body[2 + (1 + body[2] if level == 5 else 0) :]
        codes = b""
        while rest:
            topic, rest = _text(rest)
            rest = rest[1:] if kind == SUBSCRIBE else rest
            codes += bytes([self.refused_filters.get(topic, 0)])
        if kind == UNSUBSCRIBE and level == 4:
            codes = b""
        return packet(kind + 1, 0, head + (b"\0" if level == 5 else b"") + codes)


def packet(kind, flags, body=b""):
    """One packet of MQTT."""
    return bytes([kind << 4 | flags]) + _sized(body)


def _sized(body):
    size, length = len(body), b""
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (128 if size else 0)])
        if not size:
            return length + body


def _text(data):
    size = int.from_bytes(data[:2])
    return data[2 : 2 + size].decode(), data[2 + size :]


async def _packet(reader):
    first = (await reader.readexactly(1))[0]
    size, shift = 0, 0
    while True:
        digit = (await reader.readexactly(1))[0]
        size |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return first >> 4, first & 15, await reader.readexactly(size)
