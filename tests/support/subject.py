"""One node under test; the test itself plays its neighbours and its clock."""

import json
from typing import Any

from meshnode.events import LinkClosed
from meshnode.node import MeshNode

START_US = 5_000_000
MILLISECOND_US = 1000
SECOND_US = 1_000_000
_ROUNDS_MAX = 10_000


def frame(**package: Any) -> bytes:
    """A frame as a neighbour would send it."""
    return json.dumps(package).encode() + b"\0"


def hello(node_id: int, *subs: Any, kind: int = 5, **flags: Any) -> bytes:
    """A node sync frame of a neighbour; subs are ids or nested (id, sub, sub...) tuples."""
    return frame(**entry(node_id, *subs), type=kind, dest=0, **{"from": node_id}, **flags)


def entry(node_id: int, *subs: Any) -> dict[str, Any]:
    """A nested tree: entry(1, 2, (3, 4)) is 1 with 2 and 3 below it, and 4 below 3."""
    node: dict[str, Any] = {"nodeId": node_id}
    if subs:
        node["subs"] = [entry(*sub) if isinstance(sub, tuple) else entry(sub) for sub in subs]
    return node


class Subject:
    """Feeds a node, reads what it sends at once, and keeps both what it sent and what it told.

    `heard` maps each link to (time_us, frame without NUL) pairs. Links in `deaf` are not read from the
    node's side: their queues fill.
    """

    def __init__(self, node_id: int = 1000, *, room_bytes: int = 1 << 20, **options: Any) -> None:
        self.node = MeshNode(node_id, **options)
        self.now_us = START_US
        self.room_bytes = room_bytes
        self.deaf: set[Any] = set()
        self.heard: dict[Any, list[tuple[int, bytes]]] = {}
        self.told: list[Any] = []
        self._partial: dict[Any, bytes] = {}

    # -- what a neighbour does ---------------------------------------------------------

    def dial(self, link: Any) -> None:
        """The node opens a connection."""
        self._link_up(link, dialed=True)

    def accept(self, link: Any) -> None:
        """A neighbour opens a connection."""
        self._link_up(link, dialed=False)

    def join(self, link: Any, node_id: int, *subs: Any, **flags: Any) -> None:
        """A neighbour dials, says hello and is answered; what was said is then forgotten."""
        self.accept(link)
        self.say(link, hello(node_id, *subs, **flags))
        assert (link, node_id) in self.node.links(), self.told
        self.forget()

    def say(self, link: Any, data: bytes) -> None:
        """Bytes from a neighbour."""
        self.node.receive(link, data, self.now_us)
        self.settle()

    def hang_up(self, link: Any) -> None:
        """The connection is gone."""
        self.node.link_down(link, self.now_us)
        self.settle()

    # -- time ----------------------------------------------------------------------------

    def advance(self, by_us: int) -> None:
        """Let time pass; the node is woken exactly when it asks to be."""
        self.run_until(self.now_us + by_us)

    def run_until(self, end_us: int) -> None:
        """Let time pass up to a moment, that moment included."""
        for _ in range(_ROUNDS_MAX):
            due_us = self.node.next_deadline_us()
            if due_us is None or due_us > end_us:
                self.now_us = end_us
                return
            self.now_us = max(self.now_us, due_us)
            self.node.handle_deadline(self.now_us)
            self.settle()
        raise AssertionError("the node asks to be woken again and again")

    # -- what came out -------------------------------------------------------------------

    def settle(self) -> None:
        """Take all events and, of the links that are read from, all bytes."""
        self.told += self.node.events()
        for link in self.node.pending():
            if link not in self.deaf:
                self.read(link)

    def read(self, link: Any) -> None:
        """Take what waits for a link, deaf or not."""
        for _ in range(_ROUNDS_MAX):
            data = self.node.data_to_send(link, self.room_bytes)
            assert len(data) <= self.room_bytes
            if not data:
                assert link not in self.node.pending()
                return
            *frames, rest = (self._partial.pop(link, b"") + data).split(b"\0")
            self.heard.setdefault(link, []).extend((self.now_us, whole) for whole in frames)
            if rest:
                self._partial[link] = rest
        raise AssertionError("the node never stops sending")

    def frames(self, link: Any) -> list[bytes]:
        """The frames sent to a link."""
        return [data for _, data in self.heard.get(link, [])]

    def packages(self, link: Any, *kinds: int) -> list[dict[str, Any]]:
        """The packages sent to a link, of some types or all."""
        packages = [json.loads(data) for data in self.frames(link)]
        return [package for package in packages if not kinds or package["type"] in kinds]

    def times_us(self, link: Any, *kinds: int) -> list[int]:
        """When packages of some types or all were sent to a link."""
        heard = self.heard.get(link, [])
        return [at_us for at_us, data in heard if not kinds or json.loads(data)["type"] in kinds]

    def events(self, *kinds: type) -> list[Any]:
        """What the node told, of some classes or all."""
        return [event for event in self.told if not kinds or isinstance(event, kinds)]

    def closed(self) -> list[Any]:
        """The links that the node gave up."""
        return [event.link for event in self.events(LinkClosed)]

    def forget(self) -> None:
        """Drop what was heard and told so far."""
        self.heard.clear()
        self.told.clear()

    def _link_up(self, link: Any, *, dialed: bool) -> None:
        self.node.link_up(link, dialed, self.now_us)
        self.settle()
