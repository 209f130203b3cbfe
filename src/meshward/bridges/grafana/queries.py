"""What panels ask, in the language of each kind of datasource."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from meshward.bridges.values import MEASURED_FRESH_S, TOLD_FRESH_S

Kind = Literal["prometheus", "influxdb"]
KINDS: tuple[Kind, ...] = ("prometheus", "influxdb")

MINE = 'instance=~"$instance"'
"""Series of the gateway of the mesh that is chosen."""
OF_MESH = '"mesh" =~ /^$mesh$/'
"""The same of points."""
NOW = "5m"
"""In InfluxDB, what the gateway writes every period says nothing of now after this; Prometheus has the same
limit by itself."""
TOLD = f"{TOLD_FRESH_S / 60:.0f}m"
MEASURED = f"{MEASURED_FRESH_S / 60:.0f}m"
"""The same of what boards tell, and of what the gateway measures of each in its turn."""
COUNTED = "10m"
"""Boards send what they counted every five minutes: rates, and sums over all nodes, over less would be steps
and zeros."""
BY_TIME = "GROUP BY time($__interval)"


def datasource(kind: Kind) -> dict[str, str]:
    """The one that is chosen above a dashboard."""
    return {"type": kind, "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Query:
    """One question."""

    text: str
    """PromQL, or InfluxQL."""
    legend: str = ""
    """With {{label}}, or $tag_name."""
    form: Literal["series", "latest", "table"] = "series"
    """Over time; the latest values alone; or these with all labels, as rows."""

    def target(self, kind: Kind, number: int) -> dict[str, Any]:
        """As a panel holds it."""
        common = {"datasource": datasource(kind), "refId": chr(ord("A") + number)}
        if kind == "influxdb":
            form = "table" if self.form == "table" else "time_series"
            alias = {"alias": self.legend} if self.legend else {}
            return {**common, "query": self.text, "rawQuery": True, "resultFormat": form, **alias}
        return {
            **common,
            "editorMode": "code",
            "expr": self.text,
            "format": "table" if self.form == "table" else "time_series",
            "instant": self.form != "series",
            "legendFormat": self.legend or "__auto",
            "range": self.form == "series",
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """What a panel shows, asked of each kind of datasource; of none where that does not have it."""

    prometheus: tuple[Query, ...] = ()
    influxdb: tuple[Query, ...] = ()

    def of(self, kind: Kind) -> tuple[Query, ...]:
        """For this kind."""
        return self.prometheus if kind == "prometheus" else self.influxdb

    def now(self) -> Asked:
        """Of now, and nothing where that is not known: of Prometheus the latest values alone."""
        latest = (replace(one, form="latest") if one.form == "series" else one for one in self.prometheus)
        return Asked(tuple(latest), self.influxdb)

    def __add__(self, other: Asked) -> Asked:
        """Both in one panel."""
        return Asked(self.prometheus + other.prometheus, self.influxdb + other.influxdb)


def node_series(name: str, more: str = "") -> str:
    """Series of nodes: `name` without its prefix, `more` matchers besides."""
    return f"painlessmesh_node_{name}{{{MINE}{', ' + more if more else ''}}}"


def series(name: str, more: str = "") -> str:
    """Series of the mesh, of updates or of the gateway."""
    return f"painlessmesh_{name}{{{MINE}{', ' + more if more else ''}}}"


def of(function: str, expr: str) -> str:
    """A function of it."""
    return f"{function}({expr})"


def or_zero(expr: str, there: str) -> str:
    """0 where there is no such series, as long as there is the other one."""
    return f"{expr} or 0 * max({there})"


def titled(expr: str) -> str:
    """Series of nodes with a label `title`: the node's name, where it has one, and its id."""
    joined = f'label_join({node_series("info")}, "title", " ", "name", "node")'
    title = f'label_replace({joined}, "title", "$1", "title", " *(.+)")'
    return f"({expr}) * on (instance, node) group_left (title) {title}"


def select(fields: str, source: str, *more: str) -> str:
    """InfluxQL: fields of a measurement, or of what another such question gives."""
    return " ".join(("SELECT", fields, "FROM", source, *filter(None, more)))


def points(
    fields: str, *, measurement: str = "node", where: str = "", by: str = BY_TIME, within: str = ""
) -> str:
    """Fields of points of the mesh, in the time shown, or `within` the last "5m"."""
    time = f"time > now() - {within}" if within else "$timeFilter"
    condition = " AND ".join(filter(None, (OF_MESH, time, where)))
    return select(fields, f'"painlessmesh_{measurement}"', f"WHERE {condition}", by)


def summed(field: str, inner: str, *, how: str = "sum") -> str:
    """A figure of the mesh out of one of every node: `how` is sum, min, max, mean or median."""
    nodes = points(f'{inner} AS "{field}"', by=f'{BY_TIME}, "node" fill(none)')
    return select(f'{how}("{field}")', f"({nodes})", f"WHERE $timeFilter {BY_TIME} fill(none)")


def latest_of_all(field: str, *, how: str, within: str) -> str:
    """One figure out of the latest of every node."""
    nodes = points(f'last("{field}") AS "{field}"', by='GROUP BY "node"', within=within)
    return select(f'{how}("{field}")', f"({nodes})")


def extremes(fields: str, count: int, *, lowest: bool, within: str = "") -> str:
    """The nodes with the lowest, or highest, value of `fields`, as a table."""
    pick = "bottom" if lowest else "top"
    each = points(f'{fields} AS "value"', by='GROUP BY "node"', within=within)
    return select(f'{pick}("value", "node", {count}) AS "value", "node"', f"({each})")
