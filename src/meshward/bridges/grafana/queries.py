"""What panels ask, in the language of each kind of datasource."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["prometheus", "influxdb"]
KINDS: tuple[Kind, ...] = ("prometheus", "influxdb")

MINE = 'instance=~"$instance"'
"""Series of the gateway of the mesh that is chosen."""
OF_MESH = '"mesh" =~ /^$mesh$/ AND $timeFilter'
"""The same of points."""
COUNTED = "2m"
"""Boards tell their counters about once a minute: rates over less would be steps and zeros."""
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


def titled(expr: str) -> str:
    """Series of nodes with a label `title`: the node's name, where it has one, and its id."""
    joined = f'label_join({node_series("info")}, "title", " ", "name", "node")'
    title = f'label_replace({joined}, "title", "$1", "title", " *(.+)")'
    return f"({expr}) * on (instance, node) group_left (title) {title}"


def select(fields: str, source: str, *more: str) -> str:
    """InfluxQL: fields of a measurement, or of what another such question gives."""
    return " ".join(("SELECT", fields, "FROM", source, *filter(None, more)))


def points(fields: str, *, measurement: str = "node", where: str = "", by: str = BY_TIME) -> str:
    """Fields of points of the mesh."""
    condition = f"{OF_MESH} AND {where}" if where else OF_MESH
    return select(fields, f'"painlessmesh_{measurement}"', f"WHERE {condition}", by)


def summed(field: str, inner: str, *, how: str = "sum") -> str:
    """A figure of the mesh out of one of every node: `how` is sum, min, max, mean or median."""
    nodes = points(f'{inner} AS "{field}"', by=f'{BY_TIME}, "node" fill(none)')
    return select(f'{how}("{field}")', f"({nodes})", f"WHERE $timeFilter {BY_TIME} fill(none)")


def extremes(fields: str, count: int, *, lowest: bool) -> str:
    """The nodes with the lowest, or highest, value of `fields`, as a table."""
    pick = "bottom" if lowest else "top"
    each = points(f'{fields} AS "value"', by='GROUP BY "node"')
    return select(f'{pick}("value", "node", {count}) AS "value", "node"', f"({each})")
