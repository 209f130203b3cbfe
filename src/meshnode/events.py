"""What a node tells its driver. Plain classes: MicroPython has no dataclasses."""


class Event:
    """Base of all events: shows and compares its fields."""

    __slots__: tuple = ()

    def _fields(self) -> tuple:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __repr__(self) -> str:
        fields = ", ".join(["%s=%r" % (name, getattr(self, name)) for name in self.__slots__])
        return "%s(%s)" % (self.__class__.__name__, fields)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((self.__class__.__name__, repr(self)))


class LinkReady(Event):
    """The neighbour on a link said who it is, and was accepted."""

    __slots__ = ("link", "node_id")

    def __init__(self, link: object, node_id: int) -> None:
        self.link = link  # the driver's handle
        self.node_id = node_id  # the neighbour


class LinkClosed(Event):
    """The node gave a link up and forgot it; the driver must close the connection."""

    __slots__ = ("link", "reason")

    def __init__(self, link: object, reason: str) -> None:
        self.link = link
        self.reason = reason  # a short phrase for people


class NodeJoined(Event):
    """A node became reachable."""

    __slots__ = ("node_id",)

    def __init__(self, node_id: int) -> None:
        self.node_id = node_id


class NodeLeft(Event):
    """A node is no longer reachable."""

    __slots__ = ("node_id",)

    def __init__(self, node_id: int) -> None:
        self.node_id = node_id


class TopologyChanged(Event):
    """The tree is another one: nodes came, went or moved, or the root flag did."""

    __slots__ = ()


class TimeAdjusted(Event):
    """Mesh time was moved."""

    __slots__ = ("offset_us",)

    def __init__(self, offset_us: int) -> None:
        self.offset_us = offset_us  # the step taken, negative where we were ahead


class DelayMeasured(Event):
    """The answer to a delay measurement."""

    __slots__ = ("delay_us", "node_id", "offset_us")

    def __init__(self, node_id: int, delay_us: int, offset_us: int = 0) -> None:
        self.node_id = node_id
        self.delay_us = delay_us  # one way
        self.offset_us = offset_us  # its mesh time minus ours


class PackageReceived(Event):
    """A package for this node whose type no service has taken."""

    __slots__ = ("link_node_id", "package")

    def __init__(self, package: dict, link_node_id: int) -> None:
        self.package = package
        self.link_node_id = link_node_id  # the neighbour it came through
