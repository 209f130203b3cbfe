"""Bounded streams from the mesh to whoever iterates."""

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

#: Items one stream holds for a slow reader: four of each node of a large mesh.
STREAM_ITEMS = 1000


class Stream(Generic[T]):
    """What arrives from the moment the stream was opened, in order: `async for item in stream`.

    A reader that falls behind loses the oldest items; `dropped` counts them. The stream ends
    when the mesh is left. Several streams of one kind each get every item.
    """

    def __init__(self, limit: int = STREAM_ITEMS, wanted: Callable[[T], bool] | None = None) -> None:
        self._items: deque[T] = deque()
        self._limit = limit
        self._wanted = wanted
        self._closed = False
        self._wake = asyncio.Event()
        #: Items lost because the reader was slower than the mesh.
        self.dropped = 0

    def __aiter__(self) -> "Stream[T]":
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._items.popleft()

    def close(self) -> None:
        """End the stream: what it holds can still be read, nothing more comes."""
        self._closed = True
        self._wake.set()

    def _put(self, item: T) -> None:
        if self._closed or (self._wanted is not None and not self._wanted(item)):
            return
        if len(self._items) >= self._limit:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)
        self._wake.set()


class Fanout(Generic[T]):
    """Hands every item to all open streams. A stream nobody holds any more is forgotten."""

    def __init__(self) -> None:
        self._streams: weakref.WeakSet[Stream[T]] = weakref.WeakSet()
        self._closed = False

    def open(self, limit: int = STREAM_ITEMS, wanted: Callable[[T], bool] | None = None) -> Stream[T]:
        """A new stream, of the items that `wanted` accepts."""
        stream = Stream(limit, wanted)
        if self._closed:
            stream.close()
        self._streams.add(stream)
        return stream

    def put(self, item: T) -> None:
        """Give an item to every open stream."""
        for stream in tuple(self._streams):
            stream._put(item)  # noqa: SLF001 the two halves of one queue

    def close(self) -> None:
        """End all streams, also those opened later."""
        self._closed = True
        for stream in tuple(self._streams):
            stream.close()
