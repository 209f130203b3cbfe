"""The C++ library's OTA receiver, its faults included: what an unmodified board does with an update.

A service for `MeshNode`, told the time, with no I/O of its own. It follows the receiver as it was
measured and as its source reads, quirk by quirk, because a sender that is to update boards in the
field has to live with each of them:

- Parts are taken in order only. A request task is the only thing that ever repeats anything.
- Nobody cancels the task of an update that another one replaced: it goes on asking, and wipes the
  MD5 of the new update when it expires.
- `partNo` outlives the MD5 of an update that was given up.
- A request claims to come from whoever the part before it was addressed to.
"""

from collections.abc import Callable

from meshnode.wire import OTA_ANNOUNCE, OTA_DATA
from meshward.sim.faults import UpdateFaults
from meshward.sim.flash import Flash
from meshward.sim.stock_wire import Announce, Data, DataRequest, Package, decode_base64

RETRY_INTERVAL_US = 30_000_000
REQUESTS_MAX = 10
"""Requests a task sends, the first at once, before it gives up."""
RESTART_DELAY_US = 2_000_000
"""From the last part to the restart, to let the mesh settle."""


class RequestTask:
    """A task of the board's scheduler that sends one request: at once, every 30 s, ten times."""

    __slots__ = ("due_us", "left", "request", "wipes_md5")

    def __init__(self, request: DataRequest, now_us: int) -> None:
        self.request = request
        self.wipes_md5 = True  # when it is disabled, whoever's MD5 that may be by then
        self.left = 0
        self.due_us: int | None = None  # None: disabled
        self.restart(now_us)

    def restart(self, now_us: int) -> None:
        """Begin again with ten runs, the first now."""
        self.left = REQUESTS_MAX
        self.due_us = now_us


class StockReceiver:
    """Receives images as a C++ node does (`addReceivePackageCallback`).

    `on_reboot(why)` is called, from within `handle_deadline` only, when the board restarts; from
    then on the receiver does nothing. `running_md5` is what the board remembers to run, "" if nothing.
    """

    package_types = (OTA_ANNOUNCE, OTA_DATA)

    def __init__(
        self,
        node_id: int,
        flash: Flash,
        *,
        role: str,
        hardware: str = "ESP32",
        root: bool = False,
        restart_delay_us: int = RESTART_DELAY_US,
        faults: UpdateFaults | None = None,
        on_reboot: Callable[[str], None] | None = None,
    ) -> None:
        self.node_id = node_id
        self.flash = flash
        self.role = role
        self.hardware = hardware
        self.root = root
        self.running_md5 = flash.md5_file
        self.md5 = ""  # of the update, "" when idle
        self.part = 0  # the part it takes next
        self.broadcasted = False
        self.reboot_due_us: int | None = None
        self.reboot_reason = ""
        self.rebooted = False
        self._task: RequestTask | None = None  # of the update; may be disabled
        self._tasks: list[RequestTask] = []  # all that are enabled, also those nobody knows any more
        self._restart_delay_us = restart_delay_us
        self._faults = faults or UpdateFaults()
        self._on_reboot = on_reboot

    # What the node calls.

    def receive(self, package: Package, now_us: int) -> list[Package]:
        """A package of types 10 or 12; returns the requests that it makes this node send."""
        if self._gone(now_us):
            return []
        if package["type"] == OTA_ANNOUNCE:
            self._on_announce(Announce.read(package), now_us)
        else:
            self._on_data(Data.read(package), now_us)
        return [] if self._gone(now_us) else self._run_tasks(now_us)

    def next_deadline_us(self) -> int | None:
        """When a request is due again, or the restart."""
        if self.rebooted:
            return None
        moments = [task.due_us for task in self._tasks if task.due_us is not None]
        if self.reboot_due_us is not None:
            moments.append(self.reboot_due_us)
        return min(moments, default=None)

    def handle_deadline(self, now_us: int) -> list[Package]:
        """Do what is due; returns the requests to send."""
        if self.rebooted:
            return []
        if not self._gone(now_us):
            return self._run_tasks(now_us)
        self.rebooted = True
        if self._on_reboot is not None:
            self._on_reboot(self.reboot_reason)
        return []

    # For its driver, and for faults.

    @property
    def requesting(self) -> bool:
        """Whether any task still repeats a request, a forgotten one included."""
        return bool(self._tasks)

    def reboot_at(self, due_us: int, why: str) -> None:
        """Restart then; an earlier restart stands."""
        if self.reboot_due_us is None or due_us < self.reboot_due_us:
            self.reboot_due_us = due_us
            self.reboot_reason = why

    def _gone(self, now_us: int) -> bool:
        return self.reboot_due_us is not None and now_us >= self.reboot_due_us

    # Announces.

    def _on_announce(self, announce: Announce, now_us: int) -> None:
        if not self._wants(announce):
            return
        self.md5 = announce.md5
        self.broadcasted = announce.broadcasted
        if not announce.broadcasted or self.root:
            self._start_task(DataRequest.after_announce(announce, self.node_id, self.part), now_us)

    def _wants(self, announce: Announce) -> bool:
        if (announce.role, announce.hardware) != (self.role, self.hardware):
            return False
        runs_it = announce.md5 == self.running_md5 and not announce.forced
        return not runs_it and announce.md5 != self.md5

    # Parts.

    def _on_data(self, data: Data, now_us: int) -> None:
        if (data.md5, data.role, data.hardware) != (self.md5, self.role, self.hardware):
            return
        if self._faults.loses(data.part):
            return
        if data.part != self.part:
            self._out_of_order(data, now_us)
        elif self._faults.reboots_at(data.part):
            self.reboot_at(now_us, "fault")
        else:
            self._take(data, now_us)

    def _out_of_order(self, data: Data, now_us: int) -> None:
        if self.broadcasted and data.broadcasted:
            self.broadcasted = False
            self._start_task(DataRequest.after_data(data, self.part, broadcasted=False), now_us)

    def _take(self, data: Data, now_us: int) -> None:
        if not self._write(data):
            # The request task goes on: it asks for this part until it expires.
            self._become_idle()
        elif data.is_last:
            self._finish(now_us)
        else:
            self.part += 1
            self._ask_for_next(data, now_us)

    def _write(self, data: Data) -> bool:
        if data.part == 0:
            self.flash.begin(data.md5)
        if self._faults.fails_write(data.part):
            self.flash.abort()
            return False
        return self.flash.write(decode_base64(data.text))

    def _finish(self, now_us: int) -> None:
        if self.flash.end():
            # The update keeps its MD5 and partNo, so what comes before the restart finds it busy.
            self.reboot_at(now_us + self._restart_delay_us, "updated")
        else:
            self._become_idle()
        self._end_task()

    def _end_task(self) -> None:
        if self._task is not None:
            # It stays the update's task, though: a later part of another update starts it again.
            self._task.wipes_md5 = False
            self._disable(self._task)

    def _ask_for_next(self, data: Data, now_us: int) -> None:
        if self._task is not None:
            self._task.request = DataRequest.after_data(data, self.part)
            self._restart(self._task, now_us)

    def _become_idle(self) -> None:
        self.md5 = ""
        self.part = 0

    # The scheduler.

    def _start_task(self, request: DataRequest, now_us: int) -> None:
        self._task = RequestTask(request, now_us)
        self._tasks.append(self._task)

    def _restart(self, task: RequestTask, now_us: int) -> None:
        if task.due_us is None:
            self._tasks.append(task)
        task.restart(now_us)

    def _disable(self, task: RequestTask) -> None:
        if task.due_us is None:
            return
        task.due_us = None
        self._tasks.remove(task)
        if task.wipes_md5:
            self.md5 = ""

    def _run_tasks(self, now_us: int) -> list[Package]:
        requests = []
        for task in list(self._tasks):
            if task.due_us is not None and now_us >= task.due_us:
                requests.append(self._package(task.request))
                task.due_us += RETRY_INTERVAL_US
                task.left -= 1
                if task.left == 0:  # the next pass of the scheduler disables it
                    self._disable(task)
        return requests

    def _package(self, request: DataRequest) -> Package:
        return request.package()
