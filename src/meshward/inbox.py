"""What arrives for us, sorted into the streams that the application reads."""

import json
from typing import Any

from meshnode import events as core
from meshnode.wire import BROADCAST, SINGLE, WireError, u32
from meshward.events import MeshEvent, NodeJoined, NodeLeft, TimeAdjusted, TopologyChanged
from meshward.records import Message
from meshward.streams import Fanout


class Inbox:
    """The open streams of one mesh."""

    def __init__(self) -> None:
        self.messages: Fanout[Message] = Fanout()
        self.packages: Fanout[dict[str, Any]] = Fanout()
        self.events: Fanout[MeshEvent] = Fanout()

    def take(self, event: core.Event) -> None:
        """Put an event of our node where it belongs."""
        match event:
            case core.PackageReceived():
                self._take_package(event.package)
            case core.NodeJoined():
                self.events.put(NodeJoined(event.node_id))
            case core.NodeLeft():
                self.events.put(NodeLeft(event.node_id))
            case core.TopologyChanged():
                self.events.put(TopologyChanged())
            case core.TimeAdjusted():
                self.events.put(TimeAdjusted(event.offset_us))

    def close(self) -> None:
        """End all streams."""
        self.messages.close()
        self.packages.close()
        self.events.close()

    def _take_package(self, package: dict[str, Any]) -> None:
        self.packages.put(package)
        if package["type"] in {SINGLE, BROADCAST}:
            message = _message(package)
            if message is not None:
                self.messages.put(message)


def _message(package: dict[str, Any]) -> Message | None:
    try:
        sender = u32(package, "from")
    except WireError:
        return None
    text = package.get("msg", "")
    if not isinstance(text, str):  # C++ nodes hand their application the JSON text then
        text = json.dumps(text)
    return Message(sender, text, package["type"] == BROADCAST)
