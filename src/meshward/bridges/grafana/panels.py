"""Panels of dashboards: what each kind of panel needs said, and nothing of what is always the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshward.bridges.grafana.measures import PLAIN, Step, Unit
from meshward.bridges.grafana.queries import Asked, Kind, datasource

PLUGIN_VERSION = "11.0.0"
"""Grafana whose panels' options these are; later ones move them on by themselves."""
Json = dict[str, Any]

UP = ((0, "offline", "red"), (1, "online", "green"))
YES = ((0, "no", "text"), (1, "yes", "blue"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel before it has a place."""

    title: str
    type: str
    asked: Asked
    hint: str
    """What it shows, and what to do about it."""
    weight: int = 1
    """Its share of the width of its line."""
    unit: Unit = PLAIN
    steps: tuple[Step, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    """In the catalogue's unit, as the steps."""
    decimals: int | None = None
    words: tuple[tuple[int, str, str], ...] = ()
    """Values with a text and a colour."""
    options: Json = field(default_factory=dict)
    custom: Json = field(default_factory=dict)
    overrides: Mapping[Kind, Sequence[Json]] = field(default_factory=dict)
    changes: Mapping[Kind, Sequence[Json]] = field(default_factory=dict)
    """Transformations of what was answered."""
    color: str = "thresholds"
    interval: str = ""
    """The shortest step, where values come seldom."""

    def json(self, kind: Kind, number: int, place: Json) -> Json:
        """As a dashboard holds it."""
        made: Json = {
            "id": number,
            "type": self.type,
            "title": self.title,
            "description": self.hint,
            "pluginVersion": PLUGIN_VERSION,
            "datasource": datasource(kind),
            "gridPos": place,
            "targets": [query.target(kind, at) for at, query in enumerate(self.asked.of(kind))],
            "fieldConfig": {
                "defaults": self._defaults(kind),
                "overrides": list(self.overrides.get(kind, ())),
            },
            "options": self.options,
        }
        if self.interval:
            made["interval"] = self.interval
        if changes := self.changes.get(kind):
            made["transformations"] = list(changes)
        return made

    def _defaults(self, kind: Kind) -> Json:
        made: Json = {
            "color": {"mode": self.color},
            "custom": self.custom,
            "mappings": mappings(self.words),
            "thresholds": thresholds(self.steps or ((None, "text"),), self.unit, kind),
            "unit": self.unit.of(kind),
        }
        bounds = {"min": self.lowest, "max": self.highest}
        made |= {name: self.unit.scaled(value, kind) for name, value in bounds.items() if value is not None}
        if self.decimals is not None:
            made["decimals"] = self.decimals
        return made


def thresholds(steps: Sequence[Step], unit: Unit, kind: Kind) -> Json:
    """Colours by value."""
    scaled = [
        {"color": color, "value": None if value is None else unit.scaled(value, kind)}
        for value, color in steps
    ]
    return {"mode": "absolute", "steps": scaled}


def mappings(words: Sequence[tuple[int, str, str]]) -> list[Json]:
    """Texts in place of values."""
    if not words:
        return []
    options = {
        str(value): {"index": at, "text": text, "color": color}
        for at, (value, text, color) in enumerate(words)
    }
    return [{"type": "value", "options": options}]


def override(name: str, **properties: Any) -> Json:
    """Other properties for one column; `custom_x` for custom.x."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [
            {"id": key.replace("custom_", "custom."), "value": value} for key, value in properties.items()
        ],
    }


def _latest(**more: Any) -> Json:
    return {"calcs": ["lastNotNull"], "fields": "", "values": False, **more}


def stat(title: str, asked: Asked, hint: str, *, text: str = "", **more: Any) -> Panel:
    """A number of now. `text`: the column of a table that holds a text instead."""
    fields = {"fields": f"/^{text}$/"} if text else {}
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": _latest(**fields),
        "showPercentChange": False,
        "textMode": "value" if text else "auto",
        "wideLayout": True,
    }
    return Panel(title=title, type="stat", asked=asked.now(), hint=hint, options=options, **more)


def gauge(title: str, asked: Asked, hint: str, **more: Any) -> Panel:
    """A number of now between its bounds."""
    options = {
        "orientation": "auto",
        "reduceOptions": _latest(),
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
    }
    return Panel(title=title, type="gauge", asked=asked.now(), hint=hint, options=options, **more)


def bars(title: str, asked: Asked, hint: str, *, rows: bool = False, **more: Any) -> Panel:
    """A bar each. `rows`: InfluxDB answers with a table, one bar for each row."""
    options = {
        "displayMode": "basic",
        "namePlacement": "auto",
        "orientation": "horizontal",
        "reduceOptions": _latest(values=rows),
        "showUnfilled": True,
        "valueMode": "color",
    }
    return Panel(title=title, type="bargauge", asked=asked, hint=hint, options=options, **more)


def graph(
    title: str,
    asked: Asked,
    hint: str,
    *,
    stacked: bool = False,
    side: bool = False,
    calcs: Sequence[str] = ("mean", "max", "lastNotNull"),
    line: bool = False,
    **more: Any,
) -> Panel:
    """Lines over time. `side`: the legend as a table beside them; `line`: draw the thresholds."""
    custom = {
        "drawStyle": "line",
        "fillOpacity": 40 if stacked else 8,
        "lineInterpolation": "stepAfter" if stacked else "linear",
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if line else "off"},
    }
    legend = {
        "calcs": list(calcs),
        "displayMode": "table",
        "placement": "right" if side else "bottom",
        "showLegend": True,
    }
    options = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    more.setdefault("color", "palette-classic")
    return Panel(
        title=title, type="timeseries", asked=asked, hint=hint, custom=custom, options=options, **more
    )


def timeline(title: str, asked: Asked, hint: str, **more: Any) -> Panel:
    """Which state when."""
    options = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    custom = {"fillOpacity": 70, "lineWidth": 0}
    return Panel(
        title=title, type="state-timeline", asked=asked, hint=hint, custom=custom, options=options, **more
    )


def heatmap(title: str, asked: Asked, hint: str, *, unit: Unit, **more: Any) -> Panel:
    """How many nodes have which value when."""
    options = {
        "calculate": True,
        "calculation": {
            "xBuckets": {"mode": "size"},
            "yBuckets": {"mode": "size", "scale": {"log": 2, "type": "log"}},
        },
        "cellGap": 1,
        "color": {"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "scheme": "Oranges", "steps": 64},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
    }
    return Panel(title=title, type="heatmap", asked=asked, hint=hint, options=options, unit=unit, **more)
