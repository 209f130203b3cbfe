"""What watching the health of a large mesh costs the gateway."""

import sqlite3
import time
from contextlib import closing

from bench.fleets import fleet_process
from bench.gateway_process import Gateway, gateway_process
from bench.settings import Settings
from bench.table import Table
from meshward.store.layout import DATABASE

SUMMARY = "CPU share, memory and stored samples of a gateway that watches 250 boards"
NODES = 250
AIM_PERCENT = 3
_WITHOUT = {"HEALTH_TELEMETRY": "false", "HEALTH_PROBES_PER_MINUTE": "0"}
_REST_S = 20
#: Seconds from sample to sample, and how long is measured: a board sends five samples in one frame.
_QUICK, _FULL = (12, 120), (60, 600)


def measure(settings: Settings, nodes: int = NODES) -> list[Table]:
    interval_s, usual_s = _FULL if settings.full else _QUICK
    seconds, rest_s = settings.seconds(usual_s), settings.seconds(_REST_S)
    options = ("--kind", "meshward", "--telemetry", str(interval_s), "--reports", "1000000")
    measured = []
    with fleet_process(nodes, options=options) as fleet:
        # The one that asks for telemetry comes last: boards go on telling for a while.
        for values in (_WITHOUT, {}):
            with gateway_process(fleet.port, nodes, values) as gateway:
                time.sleep(rest_s)
                measured.append(_watched(gateway, seconds))
    without, both = measured
    rows = [
        ("without telemetry and probes", *without),
        ("with both", *both),
        ("the difference", *(after - before for before, after in zip(without, both, strict=True))),
    ]
    columns = ("gateway", "% of one core", "MB", "samples stored a second")
    notes = (
        f"{nodes} boards that are sampled every {interval_s} s, each gateway watched over {seconds:g} s.",
        "Both keep what the gateway sees by itself, and look at all rules every 5 s.",
        f"Aim: under {AIM_PERCENT} % of a core with samples every 60 s.",
    )
    return [Table("Health of a large mesh", columns, rows, notes)]


def _watched(gateway: Gateway, seconds: float) -> tuple[float, float, float]:
    """CPU share in percent, memory in MB, samples stored a second."""
    cpu_s, samples, started_s = gateway.cpu_s(), _samples(gateway), time.monotonic()
    time.sleep(seconds)
    passed_s = time.monotonic() - started_s
    return (
        100 * (gateway.cpu_s() - cpu_s) / passed_s,
        gateway.rss_mb(),
        (_samples(gateway) - samples) / passed_s,
    )


def _samples(gateway: Gateway) -> int:
    with closing(sqlite3.connect(f"file:{gateway.data / DATABASE}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM sample").fetchone()[0]
