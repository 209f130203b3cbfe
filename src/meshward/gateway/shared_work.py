"""Long work for whoever asks: the same question is worked on once, and not any more when nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from meshward.errors import NotPossibleError

T = TypeVar("T")

AT_ONCE = 2
"""More would not be done sooner, as they share a thread; what is short there waits for so many parts."""
WORK_S_MAX = 20.0
"""From question to answer. Nobody tells us that a browser is gone, so this ends work for those, too."""


@dataclass(slots=True)
class _UnderWay:
    task: asyncio.Task[Any]
    waiting: int = 0


class SharedWork:
    """Questions whose answers take seconds, each made of parts that can be left off in between."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[Hashable, _UnderWay] = {}
        """By question. Somebody waits for each, so there are no more than connections that we take."""

    async def answer(self, question: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` comes to, or the same question's that is under way. Raises what it raises, and
        NotPossibleError where it takes too long.
        """
        one = self._under_way.get(question)
        if one is None:
            one = self._under_way[question] = _UnderWay(asyncio.create_task(self._do(work)))
        one.waiting += 1
        try:
            return cast("T", await asyncio.shield(one.task))
        finally:
            one.waiting -= 1
            if not one.waiting:
                one.task.cancel()
                del self._under_way[question]

    async def _do(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(WORK_S_MAX), self._places:
                return await work()
        except TimeoutError:
            raise NotPossibleError(
                f"this takes longer than {WORK_S_MAX:.0f} s: ask for less time or fewer nodes, "
                "or again once the gateway has less to do"
            ) from None
