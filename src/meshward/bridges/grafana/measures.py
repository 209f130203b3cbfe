"""Metrics of nodes as dashboards show them: names and units in each kind of datasource."""

from __future__ import annotations

from dataclasses import dataclass

from meshward.bridges.grafana.queries import (
    BY_TIME,
    MEASURED,
    TOLD,
    Asked,
    Kind,
    Query,
    extremes,
    latest_of_all,
    node_series,
    points,
    summed,
    titled,
)
from meshward.bridges.prometheus.table import EXPORTED

Step = tuple[float | None, str]
"""From which value on which colour; None for the lowest."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit by Grafana's name for it. Prometheus has base units, InfluxDB those of the metric catalogue."""

    influxdb: str = "short"
    prometheus: str = ""
    """Where it is another."""
    factor: float = 1.0
    """From the catalogue's unit to the base unit."""

    def of(self, kind: Kind) -> str:
        """For this kind."""
        return self.prometheus or self.influxdb if kind == "prometheus" else self.influxdb

    def scaled(self, value: float, kind: Kind) -> float:
        """A value of the catalogue's unit."""
        return round(value * self.factor, 9) if kind == "prometheus" else value


PLAIN = Unit()
BYTES = Unit("bytes")
DBM = Unit("dBm")
CELSIUS = Unit("celsius")
MILLISECONDS = Unit("ms", "s", 0.001)
PERCENT = Unit("percent", "percentunit", 0.01)
_UNITS = {"_bytes": BYTES, "_dbm": DBM, "_c": CELSIUS, "_ms": MILLISECONDS, "_percent": PERCENT}


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric of nodes."""

    metric: str
    """By its name in the catalogue."""
    steps: tuple[Step, ...] = ()
    """Colours by value, in the catalogue's unit."""
    within: str = TOLD
    """Older ones say nothing of now, in InfluxDB."""

    @property
    def unit(self) -> Unit:
        """What it is measured in."""
        return next((unit for end, unit in _UNITS.items() if self.metric.endswith(end)), PLAIN)

    @property
    def series(self) -> str:
        """Its name in Prometheus, without `painlessmesh_node_`."""
        exported = EXPORTED[self.metric]
        return exported.name + ("_total" if exported.counter else "")

    def each(self) -> Asked:
        """Of every node, over time."""
        return Asked(
            (Query(titled(node_series(self.series)), "{{title}}"),),
            (Query(points(f'mean("{self.metric}")', by=f'{BY_TIME}, "node" fill(none)'), "$tag_node"),),
        )

    def over_all(self, how: str, legend: str) -> Asked:
        """Of all nodes as one: `how` is min, max or median."""
        prometheus = "quantile(0.5, {})" if how == "median" else f"{how}({{}})"
        return Asked(
            (Query(prometheus.format(node_series(self.series)), legend),),
            (Query(summed(self.metric, f'last("{self.metric}")', how=how), legend),),
        )

    def now_over_all(self, how: str, legend: str) -> Asked:
        """The same of now."""
        text = latest_of_all(self.metric, how=how, within=self.within)
        return Asked(self.over_all(how, legend).prometheus, (Query(text, legend),))

    def worst(self, count: int, *, lowest: bool) -> Asked:
        """The latest values of the nodes that do worst."""
        pick = "bottomk" if lowest else "topk"
        prometheus = titled(f"{pick}({count}, {node_series(self.series)})")
        text = extremes(f'last("{self.metric}")', count, lowest=lowest, within=self.within)
        return Asked((Query(prometheus, "{{title}}", "latest"),), (Query(text, form="table"),))

    def of_one(self, legend: str, *, how: str = "mean") -> Asked:
        """Of the node that is chosen, over time."""
        return Asked(
            (Query(node_series(self.series, NODE), legend),),
            (Query(points(f'{how}("{self.metric}")', where=THE_NODE, by=f"{BY_TIME} fill(none)"), legend),),
        )

    def now_of_one(self, legend: str) -> Asked:
        """Of the node that is chosen, now."""
        text = points(f'last("{self.metric}")', where=THE_NODE, by="", within=self.within)
        return Asked((Query(node_series(self.series, NODE), legend),), (Query(text, legend),))

    def rate_of_one(self, legend: str) -> Asked:
        """How fast a counter of the node that is chosen grows, per second."""
        fields = f'non_negative_derivative(max("{self.metric}"), 1s)'
        return Asked(
            (Query(f"rate({node_series(self.series, NODE)}[$__rate_interval])", legend),),
            (Query(points(fields, where=THE_NODE, by=f"{BY_TIME} fill(none)"), legend),),
        )

    def rate_of_all(self, legend: str) -> Asked:
        """How fast the counters of all nodes grow together, per second."""
        fields = f'non_negative_derivative(max("{self.metric}"), 1s)'
        return Asked(
            (Query(f"sum(rate({node_series(self.series)}[$__rate_interval]))", legend),),
            (Query(summed(self.metric, fields), legend),),
        )


NODE = 'node="$node"'
"""The series of the node that is chosen."""
THE_NODE = '"node" =~ /^$node$/'
"""The same of points."""

HEAP = Measure("heap_free_bytes", ((None, "red"), (10_000, "orange"), (20_000, "green")))
HEAP_BLOCK = Measure("heap_block_bytes")
HEAP_MIN = Measure("heap_min_bytes")
RSSI = Measure("rssi_dbm", ((None, "red"), (-85, "orange"), (-75, "green")))
DELAY = Measure("delay_ms", ((None, "green"), (250, "orange"), (1000, "red")), MEASURED)
JITTER = Measure("jitter_ms", within=MEASURED)
LOSS = Measure("probe_loss_percent", ((None, "green"), (5, "orange"), (20, "red")), MEASURED)
LOOP = Measure("loop_max_ms", ((None, "green"), (200, "orange"), (1000, "red")))
CPU = Measure("cpu_percent", ((None, "green"), (80, "orange"), (95, "red")))
TEMPERATURE = Measure("temperature_c", ((None, "green"), (70, "orange"), (85, "red")))
BATTERY = Measure("battery_percent", ((None, "red"), (15, "orange"), (30, "green")))
MOVES = Measure("moves_per_h", within=MEASURED)
REJOINS = Measure("rejoins_per_h", within=MEASURED)
RECEIVED = Measure("messages_received")
SENT = Measure("messages_sent")
DROPPED = Measure("messages_dropped")
BYTES_RECEIVED = Measure("bytes_received")
BYTES_SENT = Measure("bytes_sent")
