"""Frames a second through one node over real TCP, beside a proxy that only copies bytes.

The relay is a process of its own; source and sinks are another. So the relay has one core, and what
it takes of it is counted: on a busy machine the rate for a core's full second says more.
"""

from bench.frames import CASES
from bench.relay_load import Load
from bench.relay_process import relay_process
from bench.settings import Settings
from bench.table import Table

SUMMARY = "frames relayed a second over real TCP, beside a plain byte copier"
AIM_FRAMES_PER_S = 30_000


def measure(settings: Settings) -> list[Table]:
    rows = []
    for words, kind, size_bytes, sinks in CASES:
        node, node_cpu = rate(
            "node", kind=kind, size_bytes=size_bytes, sinks=sinks, seconds=settings.seconds(2)
        )
        proxy, proxy_cpu = rate(
            "proxy", kind=kind, size_bytes=size_bytes, sinks=sinks, seconds=settings.seconds(2)
        )
        per_core, proxy_per_core = node / node_cpu, proxy / proxy_cpu
        rows.append((words, node, per_core, proxy, proxy_per_core, per_core / proxy_per_core))
    columns = (
        *("frame", "node frames/s", "node frames/s of CPU"),
        *("copier frames/s", "copier frames/s of CPU", "node ÷ copier, CPU"),
    )
    note = (
        "Frames into the relay. The copier (asyncio streams, 64 KB at a time) never looks at a frame. "
        f"Aim for SINGLE 200 B: {AIM_FRAMES_PER_S:,} frames/s on one core."
    )
    return [Table("Relay over real TCP", columns, rows, (note,))]


def rate(what: str, *, kind: int, size_bytes: int, sinks: int, seconds: float) -> tuple[float, float]:
    """Frames a second through a "node" or a "proxy", and its share of a core."""
    with relay_process(what) as (source_port, sink_port, cpu_s):
        load = Load(source_port, sink_port, sinks, greet=what == "node")
        return load.run(kind, size_bytes, seconds, cpu_s)
