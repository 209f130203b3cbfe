"""The OTA receiver of painlessMesh 1.4.2 (2019), which is still in the field.

It knows neither `broadcasted` nor `compressed`. Each part it takes disables its request task before
starting it again, and a disabled task wipes the MD5: so it takes one part, asks for the next, and
then ignores it until the image is announced again. Every announce leaves a task behind that repeats
its last request.
"""

from meshward.sim.stock import StockReceiver
from meshward.sim.stock_wire import Data, DataRequest, Package

_UNKNOWN_KEYS = ("broadcasted", "compressed")


class StockReceiver2019(StockReceiver):
    """Receives images as a node of 2019 does (`addPackageCallback`)."""

    def receive(self, package: Package, now_us: int) -> list[Package]:
        """A package of types 10 or 12; returns the requests that it makes this node send."""
        known = {key: value for key, value in package.items() if key not in _UNKNOWN_KEYS}
        return super().receive(known, now_us)

    def _ask_for_next(self, data: Data, now_us: int) -> None:
        if self._task is None:  # an update nobody announced
            self._crash(now_us)
            return
        self._task.request = DataRequest.after_data(data, self.part)
        self._disable(self._task)
        self._restart(self._task, now_us)

    def _finish(self, now_us: int) -> None:
        if self.flash.end():
            self.reboot_at(now_us, "updated")
            return
        self._become_idle()
        if self._task is None:
            self._crash(now_us)
        else:
            self._end_task()

    def _package(self, request: DataRequest) -> Package:
        return request.package(of_2019=True)

    def _crash(self, now_us: int) -> None:
        """It follows a null pointer."""
        self.reboot_at(now_us, "crashed")
