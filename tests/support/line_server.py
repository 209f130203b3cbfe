"""A mesh in memory to be written, and a database that takes lines, or does what it is told to instead."""

import asyncio
import gzip
from dataclasses import dataclass, field

import msgspec

from meshward.gateway.bridge_views import NodeSample
from meshward.gateway.feed import Feed
from meshward.gateway.views import Page
from meshward.streams import Fanout
from tests.support.health_values import NOW_S, mesh_status, node_status
from tests.support.receivers import Request, answer

TAKEN = answer(204)


@dataclass
class LineServer:
    """`answers` are given in turn and then TAKEN; None among them is no answer ever."""

    answers: list = field(default_factory=list)
    requests: list = field(default_factory=list)
    taken: list = field(default_factory=list)
    """The lines of all requests that were answered with TAKEN."""
    stuck: str = ""
    """Lines with this in them are answered with 400."""
    lines_max: int = 1_000_000
    """More of them in a request are answered with 413."""

    async def serve(self, reader, writer):
        while True:
            head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers["content-length"]))
            text = gzip.decompress(body).decode()
            self.requests.append(Request(head, headers, text.encode()))
            answered = self._answer(text)
            if answered is None:
                await asyncio.Event().wait()
            writer.write(answered)
            await writer.drain()

    def _answer(self, text):
        told = self.answers.pop(0) if self.answers else TAKEN
        if told is TAKEN and text.count("\n") > self.lines_max:
            told = answer(413, "request entity too large")
        if told is TAKEN and self.stuck and self.stuck in text:
            told = answer(400, '{"error": "this line is stuck"}')
        if told is TAKEN:
            self.taken += text.splitlines()
        return told


class Mesh:
    """What a bridge to a database asks of the gateway."""

    def __init__(self, *nodes, own_id=7):
        self.nodes = list(nodes) or [node_status(1001)]
        self.own_id = own_id
        self.rollouts, self.alerts, self.log, self.at_work = [], [], [], []
        self.events_error = None
        self.now_s = NOW_S
        self.feed = Feed("epoch-1", self._snapshot)
        self.told = []
        """Samples that were just measured when the bridge begins."""
        self.measured = Fanout()

    def samples(self):
        stream = self.measured.open(20_000)
        for sample in self.told:
            self.measured.put(sample)
        return stream

    def measure(self, node, *, ago_s=0.0, **values):
        """One sample."""
        self.measured.put(NodeSample(node=node, at_s=self.now_s - ago_s, values=values))

    def _snapshot(self):
        return {
            "nodes": [],
            "rollouts": msgspec.to_builtins(self.rollouts),
            "alerts": msgspec.to_builtins(self.alerts),
            "own_id": self.own_id,
            "mesh_connected": True,
        }

    def mesh_status(self):
        """A minute passes with each look."""
        self.now_s += 60
        return mesh_status(*self.nodes)

    def progress(self):
        return self.at_work

    async def events(self, *, limit=100, after=None):
        if self.events_error:
            raise self.events_error
        if after is None:
            return Page(items=self.log[::-1][:limit], total=len(self.log))
        return Page(items=[event for event in self.log if event.id > after][:limit], total=len(self.log))

    def clock(self):
        return self.now_s
