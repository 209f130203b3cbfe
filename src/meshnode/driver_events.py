"""What the asyncio driver tells beside the node's own events."""

from meshnode.events import Event


class DialFailed(Event):
    """An attempt to dial came to nothing; another follows."""

    __slots__ = ("address", "attempts", "kind", "reason")

    def __init__(self, address: str, kind: str, reason: str, attempts: int) -> None:
        self.address = address  # as given, "host:port"
        self.kind = kind  # a constant of meshnode.streams or meshnode.dialer, for programs
        self.reason = reason  # a short phrase for people
        self.attempts = attempts  # in a row without a link that became ready, this one included


class LinkLost(Event):
    """A link that was ready is gone."""

    __slots__ = ("link", "node_id", "reason")

    def __init__(self, link: object, node_id: int, reason: str) -> None:
        self.link = link  # its Connection
        self.node_id = node_id  # the neighbour
        self.reason = reason


class CallerRefused(Event):
    """A connection that came in ended before its caller was accepted as a neighbour."""

    __slots__ = ("address", "reason")

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        self.reason = reason
