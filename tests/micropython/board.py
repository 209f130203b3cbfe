"""A node on MicroPython. Argument: JSON options. Prints what happens as JSON lines; obeys texts from the mesh.

Options: id, listen (port), dial (list of ports), and those of Limits.
"""

# ruff: noqa: E402

import gc

gc.threshold(2048)  # as boards do, before anything else: collected late, garbage scatters what stays

import asyncio
import json
import sys

from meshnode.driver_events import CallerRefused, DialFailed, LinkLost
from meshnode.events import DelayMeasured, LinkReady, NodeJoined, NodeLeft, PackageReceived, TimeAdjusted
from meshnode.limits import Limits
from meshnode.node import MeshNode
from meshnode.runner import Runner

HOST = "127.0.0.1"


class Board:
    """The runner, and what the test asks of it."""

    def __init__(self, options):
        limits = Limits(**options.get("limits", {}))
        self.left = asyncio.Event()
        self.most_heap_bytes = 0
        self.runner = Runner(MeshNode(options["id"], limits=limits), on_event=self.on_event)

    async def run(self, options):
        if "listen" in options:
            await self.runner.listen(HOST, options["listen"])
        if "dial" in options:
            self.runner.dial([(HOST, port) for port in options["dial"]])
        self.tell("ready", heap_bytes=self.heap_bytes())
        await self.left.wait()
        await self.runner.close()
        self.tell("left", heap_bytes=self.heap_bytes(), connections=len(self.runner.connections))

    def on_event(self, event):
        kind = type(event)
        if kind is PackageReceived:
            self.obey(event.package)
        elif kind is LinkReady:
            self.tell("link", node=event.node_id, dialed=event.link.dialed)
        elif kind is LinkLost:
            self.tell("lost", node=event.node_id, reason=event.reason)
        elif kind is DialFailed:
            self.tell("failed", kind=event.kind, reason=event.reason, attempts=event.attempts)
        elif kind is CallerRefused:
            self.tell("refused", reason=event.reason)
        elif kind is NodeJoined:
            self.tell("joined", node=event.node_id)
        elif kind is NodeLeft:
            self.tell("gone", node=event.node_id)
        elif kind is DelayMeasured:
            self.tell("delay", node=event.node_id, delay_us=event.delay_us)
        elif kind is TimeAdjusted:
            self.tell("adjusted", offset_us=event.offset_us)

    def obey(self, package):
        asked = package.get("msg")
        sender = package.get("from")
        if asked == "report":
            self.runner.send({"type": 9, "dest": sender, "msg": self.report()})
        elif asked == "measure":
            self.runner.measure_delay(sender)
        elif asked == "shout":
            self.runner.send({"type": 8, "dest": 0, "msg": "from a board"})
        elif asked == "leave":
            self.left.set()
        else:
            self.tell("text", text=asked)

    def report(self):
        node = self.runner.node
        return {
            "tree": node.tree().nested(),
            "time_us": self.runner.time_us(),
            "heap_bytes": self.heap_bytes(),
            "refused_frames": node.refused_frames,
            "relayed_frames": node.relay.relayed_frames,
        }

    def heap_bytes(self):
        gc.collect()
        return gc.mem_alloc()

    def tell(self, what, **more):
        more["what"] = what
        print(json.dumps(more))  # noqa: T201  that is how the test hears of it


options = json.loads(sys.argv[1])
asyncio.run(Board(options).run(options))
