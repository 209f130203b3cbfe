"""What the gateway costs that nobody asks anything."""

import time

from bench.fleets import fleet_process
from bench.gateway_process import gateway_process
from bench.settings import Settings
from bench.table import Table

SUMMARY = "memory and CPU share of a gateway of 100 nodes that nobody asks"
NODES = 100
AIM_MB, AIM_PERCENT = 100, 2
_REST_S = 3
_MEASURE_S = 30


def measure(settings: Settings, nodes: int = NODES) -> list[Table]:
    seconds = settings.seconds(_MEASURE_S)
    with fleet_process(nodes) as fleet, gateway_process(fleet.port, nodes) as gateway:
        time.sleep(settings.seconds(_REST_S))
        gateway_cpu_s, fleet_cpu_s, started = gateway.cpu_s(), fleet.cpu_s(), time.monotonic()
        time.sleep(seconds)
        passed_s = time.monotonic() - started
        percent = 100 * (gateway.cpu_s() - gateway_cpu_s) / passed_s
        fleet_percent = 100 * (fleet.cpu_s() - fleet_cpu_s) / passed_s
        mb = gateway.rss_mb()
    columns = ("nodes", "gateway MB", "gateway, % of one core", "the fleet itself, %")
    note = f"Over {seconds:g} s; aim: under {AIM_MB} MB and {AIM_PERCENT} % of a core."
    return [Table("Idle gateway", columns, [(nodes, mb, percent, fleet_percent)], (note,))]
