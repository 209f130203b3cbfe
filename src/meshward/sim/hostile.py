"""A board that means harm: floods, lies about who it is, and says what breaks careless readers."""

import json
from collections.abc import Callable
from random import Random

from meshnode.node import LocalError, MeshNode
from meshnode.wire import (
    COMMAND,
    ROUTE_BROADCAST,
    ROUTE_SINGLE,
    STATUS_QUERY,
    STATUS_REPORT,
    TELEMETRY,
    TELEMETRY_RESYNC,
)
from meshward.sim.alteriom import ENHANCED_STATUS, HEALTH_CHECK, METRICS, SENSOR, STATUS
from meshward.sim.stock_wire import Package

NAMES = 10_000
"""Names that it makes up: ids of nodes one after the other, and keys in one package."""
_GIANT_EVERY = 200
"""One of so many packages is as large as a frame may be."""
_SCRIPT = "<script>alert('mesh')</script>"
_IMAGE = '"><img src=x onerror=alert(1)>'
_CONTROL = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\r\n# HELP "
_NO_JSON = ("NaN", "-Infinity", "1e999", "123456789012345678901234567890", "-0.0", "01")
"""Numbers that JSON does not have, or that no field of a board is wide enough for."""


class Hostile:
    """A part of an application, that sends `per_s` packages a second from its start on.

    It listens to whoever asks boards something, for it answers too.
    """

    package_types = (COMMAND, STATUS_QUERY, TELEMETRY_RESYNC)

    def __init__(self, node: MeshNode, rng: Random, now_us: int, per_s: float) -> None:
        self._node = node
        self._rng = rng
        self._every_us = max(1, round(1e6 / per_s))
        self._due_us = now_us + self._every_us
        self._now_us = now_us
        self._count = 0
        self._asker: int | None = None
        self._tricks: tuple[Callable[[], Package | None], ...] = (
            self._nonsense,
            self._in_anothers_name,
            self._in_a_made_up_name,
            self._no_json,
            self._markup,
            self._false_telemetry,
            self._answer_unasked,
            self._wrong_shapes,
        )

    def receive(self, package: Package, _now_us: int) -> list[Package]:
        """Note who asks."""
        asker = package.get("from")
        if isinstance(asker, int):
            self._asker = asker
        return []

    def next_deadline_us(self) -> int | None:
        """When it sends the next package."""
        return self._due_us

    def handle_deadline(self, now_us: int) -> list[Package]:
        """The next trick."""
        if now_us < self._due_us:
            return []
        self._now_us = now_us
        self._due_us = max(self._due_us + self._every_us, now_us + 1)
        if not self._node.links():
            return []
        self._count += 1
        if self._count % _GIANT_EVERY == 0:
            return [self._many_names()]
        package = self._tricks[self._count % len(self._tricks)]()
        return [] if package is None else [package]

    # -- tricks -------------------------------------------------------------------------------

    def _report(self, kind: int = ENHANCED_STATUS, **fields: object) -> Package:
        return {"routing": ROUTE_BROADCAST, "type": kind, "message_type": kind, **fields}

    def _nonsense(self) -> Package:
        kind = self._rng.choice((SENSOR, STATUS, METRICS, ENHANCED_STATUS, HEALTH_CHECK))
        odd: tuple[object, ...] = (-1, 2**63, -1e300, True, None, [], {}, "many", "9" * 400, 1e-320)
        names = (
            *("temp", "hum", "press", "bat", "uptime", "mem", "wifi", "cpu", "heap", "rssi", "maxLoop"),
            *("nodes", "conns", "crashes", "fw", "fwMD5"),
        )
        return self._report(kind, **{name: self._rng.choice(odd) for name in names})

    def _in_anothers_name(self) -> Package:
        others = self._node.nodes()
        victim = self._rng.choice(others) if others else self._node.node_id
        return self._report(**{"from": victim}, uptime=1, mem=1, wifi=1, fw="0", fwMD5="0" * 32)

    def _in_a_made_up_name(self) -> Package:
        name = 3_000_000_000 + self._count % NAMES
        return self._report(**{"from": name}, uptime=self._count, mem=40, wifi=70, fw=f"v{self._count}")

    def _no_json(self) -> Package | None:
        """Past the encoder of the library, which would refuse: as bytes, to the neighbours."""
        number = self._rng.choice(_NO_JSON)
        text = json.dumps({**self._report(METRICS, heap="@"), "from": self._node.node_id})
        frame = text.replace('"@"', number).encode() + b"\0"
        try:
            links = list(self._node._members.ready)  # noqa: SLF001 there is no honest way in
            self._node.relay.send(links, frame, self._now_us)
        except LocalError:
            self._node.relay.dropped_frames += 1
        return None

    def _markup(self) -> Package:
        organization = {"device_name": _SCRIPT, "device_location": _IMAGE, "organizationId": _CONTROL}
        texts = {"fw": _IMAGE, "lastErr": _SCRIPT * 50, "recommend": _CONTROL, "fwMD5": _SCRIPT}
        kind = self._rng.choice((STATUS, ENHANCED_STATUS, HEALTH_CHECK))
        return self._report(kind, uptime=60, mem=100, wifi=80, organization=organization, **texts)

    def _false_telemetry(self) -> Package:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\u00e9"
        payload = "".join(self._rng.choices(letters, k=self._rng.randint(0, 100)))
        return self._to_asker({"type": TELEMETRY, "d": payload})

    def _answer_unasked(self) -> Package:
        metrics = {
            _SCRIPT: 1,
            "heap_free_bytes": -5,
            "rssi_dbm": "loud",
            f"metric_{self._count}": self._count,
        }
        query = self._rng.randrange(2**32)
        return self._to_asker(
            {"type": STATUS_REPORT, "q": query, "up": -1, "boot": "x", "role": _IMAGE, "m": metrics}
        )

    def _wrong_shapes(self) -> Package:
        nodes = [{"nodeId": number, "status": _SCRIPT, "rssi": []} for number in range(200)]
        return self._report(
            self._rng.choice((600, 601, 602, 610, 611, 612, 613, 614)),
            nodes=nodes,
            connections={"from": 1},
            alerts="all",
            nodeCount=-1,
            reason=_CONTROL,
            source=[_SCRIPT],
        )

    def _many_names(self) -> Package:
        return self._report(STATUS, **{f"name_{number}": number for number in range(NAMES)})

    def _to_asker(self, package: Package) -> Package:
        if self._asker is not None and self._asker in self._node.nodes():
            return {**package, "routing": ROUTE_SINGLE, "dest": self._asker}
        return {**package, "routing": ROUTE_BROADCAST}
