"""Whether people are told of what is wrong, how soon, and how often of what is not (virtual time)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from bench.settings import Settings
from bench.table import Cell, Table
from tests.sim import health_cases as cases
from tests.sim.health_nodes import ESP32, ESP8266
from tests.sim.health_scenes import DAY, HealthScene

SUMMARY = "alerts: false ones in meshes without a fault, and how soon faults are told (virtual time)"
SEEDS = 20
WEEK_S = 7 * DAY


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and within how many seconds people are to be told of it."""

    words: str
    within_s: float
    run: Callable[[int], cases.Outcome]


FAULTS = (
    Fault("a board's power fails, mesh of 20", 90, cases.silence),
    Fault("a board's power fails, mesh of 100", 105, partial(cases.silence, n=100)),
    Fault(
        "a relay dies, 30 behind it come back in 20-60 s", 90, partial(cases.parent_dies, ways="elsewhere")
    ),
    Fault("the same, they come back in 3-15 min", 90, partial(cases.parent_dies, ways="minutes")),
    Fault("the same, they stay away", 90, partial(cases.parent_dies, ways="never")),
    Fault("a link breaks, 3 or more boards behind it", 75, cases.split),
    Fault("crash loop, from the third restart", 30, cases.crash_loop),
    Fault("weak link (-90 dBm)", 15 * 60, cases.weak_link),
    Fault("low heap", 5 * 60, cases.low_heap),
    Fault("a board keeps moving, from the fifth move", 135, cases.moving),
    Fault("half of the mesh moves, within 4 min", 8 * 60, cases.storm),
    Fault("the gateway is cut off", 75, cases.cut_off),
)

#: (hardware, bytes an hour): those that are told late live for less than 36 hours.
LEAKS = tuple((hardware, rate) for hardware in (ESP8266, ESP32) for rate in (400, 800, 2000))

#: How many meshes of how many nodes are without a fault: 200 nodes.
QUIET = ((16, 5), (3, 20), (1, 60))
QUIET_DAYS = 30.0


def measure(settings: Settings) -> list[Table]:
    """`full`: 20 seeds of each fault, 200 nodes for 30 days; else a tenth of it."""
    part = settings.scale * (1.0 if settings.full else 0.1)
    seeds = max(1, round(SEEDS * part))
    return [
        false_alarms(QUIET, max(0.5, QUIET_DAYS * part)),
        faults(FAULTS, seeds),
        leaks(LEAKS, seeds),
    ]


def false_alarms(meshes: Sequence[tuple[int, int]], days: float) -> Table:
    """What was told where nothing was wrong."""
    rows: list[Sequence[Cell]] = []
    for number, nodes in meshes:
        told: list[str] = []
        for seed in range(number):
            scene = cases.live(HealthScene(f"quiet/{seed}", nodes, weekday=seed % 7), days)
            told += [rule for one in scene.firing() for rule in one.rules[:1]]
        weeks = number * days * DAY / WEEK_S
        rules = ", ".join(sorted(set(told)))
        rows.append((number, nodes, days, weeks, len(told), len(told) / weeks, rules or "-"))
    columns = ("meshes", "nodes each", "days", "mesh-weeks", "told", "per mesh-week", "rules")
    note = (
        "Boards take another parent about once a week each and are back in 3-25 s, links fade for minutes "
        "every other day, the gateway loses its link for 10 s every third day, 1 % of frames is lost, there "
        "are days, nights and weekends, and one update restarts every board."
    )
    return Table("Alerts without a fault", columns, rows, (note,))


def faults(chosen: Sequence[Fault], seeds: int) -> Table:
    """How soon people were told, and of what besides."""
    rows: list[Sequence[Cell]] = []
    for fault in chosen:
        outcomes = [fault.run(seed) for seed in range(seeds)]
        after_s = sorted(one.after_s for one in outcomes if one.after_s is not None)
        in_time = 100 * sum(one_s <= fault.within_s for one_s in after_s) / seeds
        figures = (median(after_s), after_s[-1]) if after_s else (None, None)
        surplus = sum(one.surplus for one in outcomes)
        rows.append((fault.words, fault.within_s, seeds, in_time, *figures, surplus))
    columns = ("fault", "stated s", "seeds", "in time %", "median s", "worst s", "others told")
    note = (
        "Neighbours notice after 10-70 s that a board has no power. Others: every notification besides the "
        "one that is due, as one of boards that are merely behind."
    )
    return Table("Faults", columns, rows, (note,))


def leaks(chosen: Sequence[tuple[str, int]], seeds: int) -> Table:
    """How long before the end leaks were told."""
    rows: list[Sequence[Cell]] = []
    for hardware, rate in chosen:
        outcomes = [cases.leak(seed, hardware, rate) for seed in range(seeds)]
        early_h = sorted(one.early_h for one in outcomes)
        told = 100 * sum(one.told_h is not None for one in outcomes) / seeds
        day = 100 * sum(one_h >= 24 for one_h in early_h) / seeds
        life_h = median(one.end_h for one in outcomes)
        surplus = sum(one.surplus for one in outcomes)
        rows.append((hardware, rate, life_h, seeds, told, day, median(early_h), early_h[0], surplus))
    columns = (
        *("board", "B/h", "lives h", "seeds", "told %", "24 h before %"),
        *("h before: median", "worst", "others told"),
    )
    note = "From the boot on, until nothing can be allocated any more. Shorter lives have no such day."
    return Table("Leaks", columns, rows, (note,))
