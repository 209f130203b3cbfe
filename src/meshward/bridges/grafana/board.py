"""A dashboard out of lines of panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meshward.bridges.grafana.panels import Json, Panel
from meshward.bridges.grafana.queries import Kind, datasource

SCHEMA_VERSION = 39
"""Of the classic form: every Grafana from 10.3 on reads it."""
WIDTH = 24
_NAMES: dict[Kind, str] = {"prometheus": "Prometheus", "influxdb": "InfluxDB"}


@dataclass(frozen=True, slots=True)
class Line:
    """Panels beside each other, over the whole width."""

    height: int
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a heading. One that is folded asks nothing until it is opened."""

    title: str
    lines: tuple[Line, ...]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice above the dashboard."""

    name: str
    label: str
    queries: dict[Kind, str]
    """Of a kind that is not in it, there is no such choice."""
    regex: str = ""
    """What of an answer is its text, and what its value."""
    all_of_them: bool = False
    """Hidden: always all that there are."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened, as lines through all graphs."""

    name: str
    color: str
    queries: dict[Kind, str]
    text: str
    """With {{label}} of Prometheus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard for each kind of datasource."""

    name: str
    title: str
    hint: str
    variables: tuple[Variable, ...]
    notes: tuple[Note, ...]
    sections: tuple[Section, ...]
    span: str = "now-6h"

    def json(self, kind: Kind) -> Json:
        """As Grafana imports it."""
        return {
            "annotations": {
                "list": [_own_notes(), *(_note(n, kind) for n in self.notes if kind in n.queries)]
            },
            "description": self.hint,
            "editable": True,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "id": None,
            "links": [_link()],
            "panels": _placed(self.sections, kind),
            "refresh": "30s",
            "schemaVersion": SCHEMA_VERSION,
            "tags": ["meshward", "painlessmesh"],
            "templating": {
                "list": [_source(kind), *(_variable(v, kind) for v in self.variables if kind in v.queries)]
            },
            "time": {"from": self.span, "to": "now"},
            "timepicker": {},
            "timezone": "browser",
            "title": f"{self.title} ({_NAMES[kind]})",
            "uid": uid(self.name, kind),
            "version": 1,
            "weekStart": "",
        }


def uid(name: str, kind: Kind | str) -> str:
    """What links name a dashboard by: the same in every Grafana."""
    return f"meshward-{name}-{kind}"


def _placed(sections: Sequence[Section], kind: Kind) -> list[Json]:
    placed: list[Json] = []
    number, top = 1, 0
    for section in sections:
        lines = [
            (line.height, [panel for panel in line.panels if panel.asked.of(kind)]) for line in section.lines
        ]
        lines = [line for line in lines if line[1]]
        if not lines:
            continue
        row = _row(section, number, top)
        placed.append(row)
        number, top = number + 1, top + 1
        inside = row["panels"] if section.folded else placed
        for height, panels in lines:
            for panel, (left, width) in zip(panels, _widths(panels), strict=True):
                inside.append(panel.json(kind, number, {"h": height, "w": width, "x": left, "y": top}))
                number += 1
            top += height
    return placed


def _widths(panels: Sequence[Panel]) -> list[tuple[int, int]]:
    """Where each begins and how wide it is: by their weights, and the whole width in all."""
    whole = sum(panel.weight for panel in panels)
    made, seen = [], 0
    for panel in panels:
        left = WIDTH * seen // whole
        seen += panel.weight
        made.append((left, WIDTH * seen // whole - left))
    return made


def _row(section: Section, number: int, top: int) -> Json:
    place = {"h": 1, "w": WIDTH, "x": 0, "y": top}
    return {
        "id": number,
        "type": "row",
        "title": section.title,
        "collapsed": section.folded,
        "gridPos": place,
        "panels": [],
    }


def _source(kind: Kind) -> Json:
    return {
        "name": "datasource",
        "label": "Datasource",
        "type": "datasource",
        "query": kind,
        "regex": "",
        "refresh": 1,
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "options": [],
        "current": {},
    }


def _variable(variable: Variable, kind: Kind) -> Json:
    text = variable.queries[kind]
    query: Any = {"query": text, "refId": "variable"} if kind == "prometheus" else text
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": datasource(kind),
        "definition": text,
        "query": query,
        "regex": variable.regex if kind == "prometheus" else "",
        "refresh": 2,  # as the time shown changes
        "sort": 1,
        "hide": 2 if variable.all_of_them else 0,
        "multi": variable.all_of_them,
        "includeAll": variable.all_of_them,
        "options": [],
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]} if variable.all_of_them else {},
    }


def _own_notes() -> Json:
    """What people note themselves in Grafana."""
    return {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _note(note: Note, kind: Kind) -> Json:
    common = {"name": note.name, "datasource": datasource(kind), "enable": True, "iconColor": note.color}
    text = note.queries[kind]
    if kind == "prometheus":
        return {**common, "expr": text, "step": "60s", "titleFormat": note.name, "textFormat": note.text}
    target = {
        "fromAnnotations": True,
        "query": text,
        "queryType": "tags",
        "rawQuery": True,
        "refId": "Anno",
        "textColumn": "text",
    }
    return {**common, "target": target}


def _link() -> Json:
    """To the others, with the same mesh and time."""
    return {
        "asDropdown": True,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "tags": ["meshward"],
        "targetBlank": False,
        "title": "Meshward",
        "tooltip": "",
        "type": "dashboards",
        "url": "",
    }
