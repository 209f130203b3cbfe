"""The task that wakes a node."""

import asyncio

from meshnode.streams import report

#: The clock is looked at at least this often, for a board's counter wraps every 18 minutes.
_NAP_US = 300_000_000


class Timer:
    """Calls `on_due()` whenever `due_us()`, asked again after each call and each arm(), is reached.

    One task sleeps until then; only where the moment comes nearer is it replaced.
    """

    def __init__(self, due_us, on_due, now_us, sleep) -> None:
        self.task: asyncio.Task | None = None
        self._due_us = due_us
        self._on_due = on_due
        self._now_us = now_us
        self._sleep_us = sleep
        self._wakes_us: int | None = None  # None while awake
        self._stopped = False

    def arm(self) -> None:
        """The due moment may have changed."""
        if self._stopped:
            return
        due_us = self._due_us()
        if self.task is not None:
            if due_us is None or self._wakes_us is None or due_us >= self._wakes_us:
                return
            self.task.cancel()
        self._wakes_us = due_us
        self.task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """No more calls; arm() does nothing from now on."""
        self._stopped = True
        if self.task is not None:
            self.task.cancel()

    async def _run(self) -> None:
        while True:
            self._wakes_us = None
            try:
                self._on_due()
            except Exception as error:  # noqa: BLE001  a mistake of ours must not stop the clock
                report("timer failed", error)
                await asyncio.sleep(1)
            now_us = self._now_us()
            due_us = self._due_us()
            if due_us is None or due_us > now_us + _NAP_US:
                due_us = now_us + _NAP_US
            self._wakes_us = due_us
            await self._sleep_us(max(0, due_us - now_us))
