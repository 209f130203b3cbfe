"""Tables with a line for each node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from meshward.bridges.grafana.measures import PLAIN, Measure, Step, Unit
from meshward.bridges.grafana.panels import Json, Panel, mappings, override, thresholds
from meshward.bridges.grafana.queries import KINDS, NOW, Asked, Kind, Query, node_series, points, select

_WHO = ("node", "name", "hardware", "role", "version")


@dataclass(frozen=True, slots=True)
class Column:
    """A value of each node."""

    title: str
    series: str
    """In Prometheus, without `painlessmesh_node_`, "" where it does not have it."""
    field: str
    """In InfluxDB, "" where it does not have it."""
    unit: Unit = PLAIN
    steps: tuple[Step, ...] = ()
    words: tuple[tuple[int, str, str], ...] = ()
    bar: bool = False
    decimals: int = 0
    within: str = NOW
    """Older ones are left out, in InfluxDB."""

    def of(self, kind: Kind) -> str:
        """What it is called in a kind of datasource."""
        return self.series if kind == "prometheus" else self.field

    def override(self, kind: Kind) -> Json:
        """How it is shown."""
        properties: dict[str, Any] = {"unit": self.unit.of(kind), "decimals": self.decimals}
        if self.words:
            properties["mappings"] = mappings(self.words)
        if self.steps:
            properties["thresholds"] = thresholds(self.steps, self.unit, kind)
        if self.bar:
            properties["custom_cellOptions"] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
            properties |= {"min": 0, "max": self.unit.scaled(100, kind)}
        elif self.steps or self.words:
            properties["custom_cellOptions"] = {"type": "color-text"}
        return override(self.title, **properties)


def metric(title: str, measure: Measure, decimals: int = 0) -> Column:
    """A column of a metric."""
    return Column(
        title,
        measure.series,
        measure.metric,
        measure.unit,
        measure.steps,
        decimals=decimals,
        within=measure.within,
    )


def node_table(
    title: str,
    hint: str,
    columns: tuple[Column, ...],
    *,
    link: str = "",
    sort: str = "Name",
) -> Panel:
    """Who each node is, and these values of it. `link`: where its name leads, by kind as "{kind}"."""
    made = {kind: tuple(column for column in columns if column.of(kind)) for kind in KINDS}
    return Panel(
        title=title,
        type="table",
        hint=hint,
        asked=Asked(_prometheus(made["prometheus"]), (_influx(made["influxdb"]),)),
        options={
            "cellHeight": "sm",
            "footer": {"countRows": False, "fields": "", "reducer": ["sum"], "show": False},
            "showHeader": True,
            "sortBy": [{"desc": False, "displayName": sort}],
        },
        custom={"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False},
        overrides={
            kind: [*_who(kind, link), *[each.override(kind) for each in made[kind]]] for kind in KINDS
        },
        changes={
            "prometheus": [{"id": "merge", "options": {}}, _organized(made["prometheus"])],
            "influxdb": [_without_silent(), _organized(())],
        },
    )


def _prometheus(columns: tuple[Column, ...]) -> tuple[Query, ...]:
    who = f"max by ({', '.join(_WHO)}) ({node_series('info')})"
    values = [f"max by (node) ({node_series(column.series)})" for column in columns]
    return tuple(Query(text, form="table") for text in (who, *values))


def _influx(columns: tuple[Column, ...]) -> Query:
    """Its own words are older than what the gateway says of a node: each kind is asked for by itself."""
    fields = {name.title(): (name, NOW) for name in _WHO[1:]}
    fields |= {column.title: (column.field, column.within) for column in columns}
    each = [
        points(
            ", ".join(
                f'last("{field}") AS "{title}"' for title, (field, age) in fields.items() if age == within
            ),
            by='GROUP BY "node"',
            within=within,
        )
        for within in dict.fromkeys(age for _, age in fields.values())
    ]
    all_of_them = ", ".join(f'last("{title}") AS "{title}"' for title in fields)
    return Query(select(all_of_them, ", ".join(f"({one})" for one in each), 'GROUP BY "node"'), form="table")


def _without_silent() -> Json:
    """Whom the gateway says nothing of any more is left out, though it said something within the hour."""
    silent = {"fieldName": "State", "config": {"id": "isNull", "options": {}}}
    return {"id": "filterByValue", "options": {"type": "exclude", "match": "all", "filters": [silent]}}


def _organized(columns: tuple[Column, ...]) -> Json:
    """Columns in their order under their titles. Prometheus' values are `Value #B` and on."""
    values = {f"Value #{chr(ord('B') + at)}": column.title for at, column in enumerate(columns)}
    names = {name: name.title() for name in _WHO}
    return {
        "id": "organize",
        "options": {
            "excludeByName": {"Time": True, "time": True, "Value #A": True},
            "indexByName": {name: at for at, name in enumerate((*_WHO, *values))},
            "renameByName": names | values,
        },
    }


def _who(kind: Kind, link: str) -> list[Json]:
    if not link:
        return []
    chosen = "${datasource:queryparam}&${mesh:queryparam}&var-node=${__data.fields.Node}"
    url = f"/d/{link.format(kind=kind)}?{chosen}"
    return [override("Node", links=[{"title": "Open this node", "url": url}])]
