"""The bridge to one database: what is written when, and what happens while it does not take it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import structlog

from meshward.bridges.base import Pauses, Record
from meshward.bridges.clock import is_set, until_set
from meshward.bridges.influx.address import read_address
from meshward.bridges.influx.backlog import Backlog
from meshward.bridges.influx.points import PAST_S, Points, event_line, sample_lines
from meshward.bridges.influx.spool import PIECE_BYTES, PIECE_LINES, Spool
from meshward.bridges.influx.writer import Answer, Writer
from meshward.bridges.picture import Follower
from meshward.bridges.values import unix_s
from meshward.errors import MeshwardError
from meshward.gateway.bridge_views import NodeSample
from meshward.gateway.service import Service
from meshward.streams import Stream

log = structlog.get_logger("meshward.bridges")

LIMIT_S = 30.0
"""How long a database may take for a request: a small one that packs its files takes seconds."""
LIVE_MAX = 8
"""Requests that wait in memory while one is under way; more go to the disk."""
EVENTS_AT_ONCE = 1000
SAMPLES_AT_ONCE = 5000
"""Samples of this many are written before the period is over: some megabytes of memory."""
SAMPLES_MAX = 20_000
"""Kept while the disk is slow, or the mesh has no name yet: 20 of each node of a large mesh."""


class InfluxBridge:
    """Writes what was measured, and the state of the mesh, once per period.

    What cannot be written waits on the disk.

    After an outage new lines go first, and the backlog in between, oldest first.
    """

    def __init__(
        self,
        service: Service,
        url: str,
        folder: Path,
        rng: Random,
        *,
        mesh: str = "",
        token: str | None = None,
        period_s: float = 60.0,
        spool_bytes: int = 64 * 1024 * 1024,
        limit_s: float = LIMIT_S,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """`folder`: where bridges keep files; it gets one below. `mesh`: its name, "" for one from our id."""
        address = read_address(url, token)
        self.record = Record(address.shown, "influx", now_s=now_s)
        self._service = service
        self._follower = Follower(service.feed)
        self._points = Points(mesh)
        self._writer = Writer(address, limit_s)
        self._backlog = Backlog(Spool(folder / address.folder, spool_bytes))
        self._pauses = Pauses(rng)
        self._rng = rng
        self._period_s = period_s
        self._now_s = now_s
        self._live: deque[bytes] = deque()
        self._samples: deque[NodeSample] = deque()
        self._in_hand: deque[bytes] = deque()
        """Requests that were made and are neither live nor on the disk."""
        self._many = asyncio.Event()
        self._missed = 0
        """Samples that there was no room for."""
        self._news = asyncio.Event()
        self._failing = False
        self._refused = 0
        self._refusal = ""
        """What the database said when it refused lines; the first of it, until it takes all again."""
        self._refuses_all = False
        self._after: int | None = None

    async def run(self) -> None:
        """For ever, until cancelled; then what was not taken goes to the disk."""
        await self._backlog.open()
        self._count()
        stream = self._service.samples()
        try:
            async with self._writer, asyncio.TaskGroup() as group:
                group.create_task(self._gather_always(stream), name="influx: gather")
                group.create_task(self._look_always(), name="influx: look")
                group.create_task(self._send_always(), name="influx: send")
        finally:
            await self._keep_rest()

    async def _gather_always(self, stream: Stream[NodeSample]) -> None:
        told = 0
        async for sample in stream:
            self._missed += stream.dropped - told
            told = stream.dropped
            # Measured before the clock was set: nobody knows when.
            if not is_set(sample.at_s):
                self._missed += 1
                continue
            if len(self._samples) >= SAMPLES_MAX:
                self._samples.popleft()
                self._missed += 1
            self._samples.append(sample)
            if len(self._samples) == SAMPLES_AT_ONCE:
                self._many.set()

    async def _look_always(self) -> None:
        await self._follower.joined()
        while True:
            await until_set(self.record, self._now_s)
            self._in_hand.extend(batches(await self._look()))
            while self._in_hand:
                await self._take(self._in_hand[0])
                self._in_hand.popleft()
            self._count()
            self._news.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._period_s):
                    await self._many.wait()

    async def _look(self) -> list[str]:
        """Everything that is to be written now."""
        now_s = self._now_s()
        self._many.clear()
        self._follower.catch_up()
        picture = self._follower.picture
        status, progress = self._service.mesh_status(), self._service.progress()
        # A large mesh takes a tenth of a second. Nothing changes the picture meanwhile: only this task does.
        lines = await asyncio.to_thread(self._points.lines, status, picture, progress, now_s)
        mesh = self._points.mesh(picture.own_id)
        if not mesh:
            return []
        happened = await self._event_lines(mesh, now_s)
        samples, self._samples = self._samples, deque()
        try:
            measured = await asyncio.to_thread(sample_lines, mesh, samples)
        except BaseException:  # as at the end, where they go to the disk
            self._samples.extendleft(reversed(samples))
            raise
        return measured + lines + happened

    async def _event_lines(self, mesh: str, now_s: float) -> list[str]:
        try:
            page = await self._service.events(limit=EVENTS_AT_ONCE, after=self._after)
        except MeshwardError as error:
            log.warning("events cannot be read; they are written later", reason=str(error))
            return []
        events = page.items if self._after is not None else page.items[::-1]
        first = self._after is None
        self._after = events[-1].id if events else self._after or 0
        lines = [(event_line(mesh, event), event) for event in events]
        return [line for line, event in lines if not first or (unix_s(event.at) or 0.0) >= now_s - PAST_S]

    async def _take(self, text: bytes) -> None:
        if self._failing or len(self._live) >= LIVE_MAX:
            await self._backlog.add(text)
        else:
            self._live.append(text)

    async def _send_always(self) -> None:
        while True:
            await until_set(self.record, self._now_s)
            later = await self._send_next()
            self._count()
            if later is not None:
                await asyncio.sleep(self._pause_s(later))

    async def _send_next(self) -> Answer | None:
        """Send what is next, once there is something; an answer where it must be tried again later."""
        self._news.clear()
        if self._live:
            later = await self._deliver(self._live[0])
            if later is None:
                self._live.popleft()
        elif (waiting := await self._backlog.oldest()) is not None:
            later = await self._deliver(waiting.text)
            if later is None:
                await self._backlog.done(waiting)
        else:
            await self._news.wait()
            return None
        await self._turn(later)
        return later

    async def _deliver(self, text: bytes) -> Answer | None:
        """Send lines until they are taken or refused; an answer where neither could be."""
        answer = await self._writer.write(text)
        lines = text.count(b"\n")
        if answer.outcome == "later":
            return answer
        if answer.outcome == "too large" and lines > 1:
            for half in halves(text):
                later = await self._deliver(half)
                if later is not None:
                    return later
            return None
        self._refused += answer.lost
        self.record.took(lines - answer.lost, answer.size_bytes)
        self._note_refusal(answer, lines)
        return None

    def _note_refusal(self, answer: Answer, lines: int) -> None:
        self._refuses_all = answer.lost == lines
        if answer.outcome == "taken":
            self._refusal = ""
        elif not self._refusal:
            self._refusal = answer.words
            log.warning("lines were refused and are left out", bridge=self.record.name, reason=answer.words)

    async def _turn(self, later: Answer | None) -> None:
        self._failing = later is not None
        if later is not None:
            await self._keep_live()
            disk = f"; and the disk takes nothing: {self._backlog.trouble}" if self._backlog.trouble else ""
            self.record.failing(later.words + disk)
            return
        self._pauses.reset()
        if self._refuses_all:
            self.record.failing(f"{self._refusal}; such lines are left out")
            return
        waiting = f"; {self._backlog.lines} lines of an outage wait" if self._backlog.lines else ""
        refused = f"; some lines were refused: {self._refusal}" if self._refusal else ""
        self.record.up(f"writes every {self._period_s:g} s{waiting}{refused}")

    async def _keep_rest(self) -> None:
        """What is in memory goes to the disk."""
        await self._keep_live()
        mesh = self._points.mesh(self._follower.picture.own_id)
        for text in [*self._in_hand, *batches(sample_lines(mesh, self._samples) if mesh else [])]:
            await self._backlog.add(text)
        self._in_hand.clear()
        self._samples.clear()

    async def _keep_live(self) -> None:
        while self._live:
            await self._backlog.add(self._live.popleft())

    def _pause_s(self, later: Answer) -> float:
        if later.after_s is None:
            return self._pauses.next_s()
        # Others were told the same time.
        return max(later.after_s, 1.0) * (1 + self._rng.random() / 10)

    def _count(self) -> None:
        self.record.waiting = self._backlog.lines + sum(text.count(b"\n") for text in self._live)
        self.record.dropped = self._backlog.dropped + self._refused + self._missed


def batches(lines: list[str]) -> Iterator[bytes]:
    """Lines as requests that are not too large, each line with its end."""
    part: list[bytes] = []
    size_bytes = 0
    for line in lines:
        encoded = line.encode() + b"\n"
        if part and (len(part) >= PIECE_LINES or size_bytes + len(encoded) > PIECE_BYTES):
            yield b"".join(part)
            part, size_bytes = [], 0
        part.append(encoded)
        size_bytes += len(encoded)
    if part:
        yield b"".join(part)


def halves(text: bytes) -> tuple[bytes, bytes]:
    """Two or more lines, cut between two of them."""
    lines = text.split(b"\n")[:-1]
    middle = len(lines) // 2
    return b"\n".join(lines[:middle]) + b"\n", b"\n".join(lines[middle:]) + b"\n"
