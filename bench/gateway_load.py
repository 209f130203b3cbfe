"""Requests at a steady rate, whether the answers come in time or not, and how long each took."""

import asyncio
import statistics

import httpx


async def ask_steadily(
    client: httpx.AsyncClient, path: str, per_s: float, seconds: float, first_s: float = 0.0
) -> list[float]:
    """Seconds that each request took, one at least; `first_s` from now is the first."""
    loop = asyncio.get_running_loop()
    taken_s: list[float] = []

    async def ask() -> None:
        started = loop.time()
        answer = await client.get(path)
        taken_s.append(loop.time() - started)
        answer.raise_for_status()

    first = loop.time() + first_s
    async with asyncio.TaskGroup() as requests:
        for index in range(max(1, round(per_s * seconds))):
            await asyncio.sleep(first + index / per_s - loop.time())
            requests.create_task(ask())
    return taken_s


def summary(taken_s: list[float]) -> tuple[int, float, float, float]:
    """How many, and median, 99th percentile and longest in milliseconds."""
    return len(taken_s), 1000 * statistics.median(taken_s), 1000 * percentile_99(taken_s), 1000 * max(taken_s)


def percentile_99(values: list[float]) -> float:
    """The value that 99 % are not above."""
    return sorted(values)[-(-99 * len(values) // 100) - 1]
