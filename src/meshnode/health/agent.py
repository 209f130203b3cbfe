"""HealthAgent: what a board tells of its health, as a service for MeshNode."""

from binascii import b2a_base64

from meshnode.health.answers import Questions, status_report
from meshnode.health.bucket import Bucket
from meshnode.health.encoder import TelemetryEncoder
from meshnode.health.metrics import METRICS
from meshnode.health.reports import enhanced_status, metrics_report
from meshnode.health.thresholds import DEFAULTS, Thresholds
from meshnode.wire import (
    COMMAND,
    ROUTE_BROADCAST,
    ROUTE_SINGLE,
    STATUS_QUERY,
    TELEMETRY,
    TELEMETRY_RESYNC,
    WireError,
    routing,
    u32,
)

#: Of all boards that are asked at once, each answers within this time.
SPREAD_US = 3_000_000
#: Snapshots on request: not more often than this, whoever asks.
SNAPSHOT_EVERY_US = 5_000_000
#: The gateway is back in the mesh: as a rule it asks, and is told unasked after this time.
RETURN_US = 5_000_000
#: Urgent frames at once, and afterwards one each so often: 4 a minute.
URGENT_MAX = 4
URGENT_EVERY_US = 15_000_000

_KEYFRAME_EVERY = 15
_SECOND_US = 1_000_000


class HealthAgent:
    """Sends telemetry to the gateway that asked last, answers questions, and reports if it is to.

    board: its read(now_us) gives the values of METRICS, None for what is not known; how often it is called
    makes no difference to them. rng: needs random(). boots: how often the board started, 0 where it does not
    count that. every_us: between two samples. look_us: between two looks at the values for what cannot wait.
    batch: samples in a frame. reports_us: it broadcasts packages 604 and 204 that often, None never.
    thresholds: as in thresholds.py, None for those there.
    """

    package_types = (COMMAND, STATUS_QUERY, TELEMETRY_RESYNC)

    def __init__(
        self,
        node,
        board,
        rng,
        now_us: int,
        *,
        role: str = "",
        hardware: str = "",
        version: str = "",
        firmware_md5: str = "",
        boots: int = 0,
        every_us: int = 60_000_000,
        look_us: int = 2_000_000,
        batch: int = 5,
        reports_us: int | None = None,
        thresholds=None,
    ) -> None:
        self._node = node
        self._board = board
        self._rng = rng
        # A board that does not count its boots is known to have restarted by another number.
        self._boots = boots or 1 + int(rng.random() * 255)
        self._texts = {"role": role, "hw": hardware, "fw": version, "md5": firmware_md5}
        self._encoder = TelemetryEncoder(
            max(1, every_us // _SECOND_US),
            batch,
            max(batch, _KEYFRAME_EVERY),
            self._boots,
            int(rng.random() * 65536),
        )
        self._thresholds = Thresholds(DEFAULTS if thresholds is None else thresholds)
        self._questions = Questions(node.node_id, role, rng)
        self._urgent = Bucket(URGENT_MAX, URGENT_EVERY_US)
        self._crossed = False  # and not told yet
        self._gateway: int | None = None
        self._in_reach = False
        self._snapshot_due_us: int | None = None
        self._snapshot_free_us = now_us
        self._started_us = now_us
        self._values: list = [None] * len(METRICS)
        self._every_us = every_us
        self._look_us = look_us
        self._reports_us = reports_us
        # Boards that were switched on together do not speak together.
        self._sample_due_us = now_us + int(rng.random() * every_us)
        self._look_due_us = now_us + int(rng.random() * look_us)
        self._report_due_us = None if reports_us is None else now_us + int(rng.random() * reports_us)

    # -- what the node calls -----------------------------------------------------------------

    def receive(self, package: dict, now_us: int) -> list[dict]:
        """A request. Raises WireError for what is none."""
        asker = u32(package, "from")
        if asker == 0 or asker == self._node.node_id:
            raise WireError("a request of nobody")
        if package["type"] == TELEMETRY_RESYNC:
            self._on_resync(asker, routing(package) == ROUTE_BROADCAST, now_us)
        else:
            self._questions.receive(package, now_us)
        return self.handle_deadline(now_us)

    def next_deadline_us(self) -> int:
        """When it wants to be woken."""
        due_us = min(self._sample_due_us, self._look_due_us)
        for other_us in (self._snapshot_due_us, self._report_due_us, self._questions.next_deadline_us()):
            if other_us is not None and other_us < due_us:
                due_us = other_us
        return due_us

    def handle_deadline(self, now_us: int) -> list[dict]:
        """Do what is due; the packages to send."""
        packages: list = []
        if now_us < self.next_deadline_us():
            return packages
        self._look(now_us)
        if self._snapshot_due_us is not None and now_us >= self._snapshot_due_us:
            self._send_snapshot(packages, now_us)
        if self._crossed and self._in_reach and self._urgent.take(now_us):
            self._crossed = False
            self._send(packages, self._encoder.flush(self._values, self._uptime_s(now_us), urgent=True))
        if now_us >= self._sample_due_us:
            self._take_sample(packages, now_us)
        for question in self._questions.take_due(now_us):
            self._answer(packages, question, now_us)
        if self._report_due_us is not None and now_us >= self._report_due_us:
            self._report(packages, now_us)
        return packages

    # -- telemetry ---------------------------------------------------------------------------

    def _on_resync(self, asker: int, is_broadcast: bool, now_us: int) -> None:
        """Somebody wants telemetry from now on, beginning with a snapshot."""
        due_us = max(now_us, self._snapshot_free_us)
        if is_broadcast:
            due_us += int(self._rng.random() * SPREAD_US)
        if asker != self._gateway:
            self._gateway = asker
            self._in_reach = False  # until the next look
            self._snapshot_due_us = None
        if self._snapshot_due_us is None or due_us < self._snapshot_due_us:
            self._snapshot_due_us = due_us

    def _look(self, now_us: int) -> None:
        """Measure, and see who is there."""
        if now_us >= self._look_due_us:
            self._look_due_us = now_us + self._look_us
        self._values = self._board.read(now_us)
        if self._thresholds.look(self._values):
            self._crossed = True
        in_reach = self._gateway is not None and self._node.tree().contains(self._gateway)
        if in_reach and not self._in_reach and self._snapshot_due_us is None:
            self._snapshot_due_us = now_us + RETURN_US
        self._in_reach = in_reach

    def _send_snapshot(self, packages: list, now_us: int) -> None:
        self._snapshot_due_us = None
        if self._in_reach:
            self._snapshot_free_us = now_us + SNAPSHOT_EVERY_US
            self._crossed = False  # it tells that as well
            self._send(packages, self._encoder.flush(self._values, self._uptime_s(now_us), snapshot=True))

    def _take_sample(self, packages: list, now_us: int) -> None:
        self._sample_due_us += self._every_us
        if self._sample_due_us <= now_us:  # woken late: what was missed is missing
            self._sample_due_us = now_us + self._every_us
        uptime_s = self._uptime_s(now_us)
        if self._in_reach and self._snapshot_due_us is None:
            self._send(packages, self._encoder.add(self._values, uptime_s))
        else:
            self._encoder.hold(self._values, uptime_s)

    def _send(self, packages: list, frames: list) -> None:
        for frame in frames:
            text = b2a_base64(frame)[:-1].decode()  # without its newline
            package = {"type": TELEMETRY, "routing": ROUTE_SINGLE, "dest": self._gateway, "d": text}
            packages.append(package)

    def _uptime_s(self, now_us: int) -> int:
        return (now_us - self._started_us) // _SECOND_US

    # -- what others ask -----------------------------------------------------------------------

    def _answer(self, packages: list, question, now_us: int) -> None:
        if not question.is_command:
            uptime_s = self._uptime_s(now_us)
            packages.append(status_report(question, self._values, uptime_s, self._boots, self._texts))
            return
        self._put_reports(packages, question.asker, now_us)

    def _report(self, packages: list, now_us: int) -> None:
        assert self._reports_us is not None
        self._report_due_us = now_us + int(self._reports_us * (0.9 + 0.2 * self._rng.random()))
        if self._node.links():
            self._put_reports(packages, 0, now_us)

    def _put_reports(self, packages: list, dest: int, now_us: int) -> None:
        uptime_s = self._uptime_s(now_us)
        texts = self._texts
        packages.append(enhanced_status(self._values, uptime_s, texts["fw"], texts["md5"], dest))
        packages.append(metrics_report(self._values, self._reports_us or 0, dest))
