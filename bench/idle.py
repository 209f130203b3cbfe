"""What a fleet costs that has nothing to do."""

import time

from bench.fleets import fleet_process
from bench.settings import Settings
from bench.table import Table

SUMMARY = "CPU share of 100 idle nodes, percent of one core"
NODES = 100
AIM_PERCENT = 2
#: Convergence itself is over by then.
_REST_S = 1
#: Each link syncs once in 60 s: less would measure the silence between, or the rush.
_MEASURE_S = 60


def measure(settings: Settings, nodes: int = NODES) -> list[Table]:
    seconds = settings.seconds(_MEASURE_S)
    with fleet_process(nodes) as fleet:
        time.sleep(settings.seconds(_REST_S))
        before, started = fleet.cpu_s(), time.monotonic()
        time.sleep(seconds)
        percent = 100 * (fleet.cpu_s() - before) / (time.monotonic() - started)
    note = f"CPU time of the fleet's process over {seconds:g} s; aim: under {AIM_PERCENT} % per 100 nodes."
    return [Table("Idle fleet", ("nodes", "% of one core"), [(nodes, percent)], (note,))]
