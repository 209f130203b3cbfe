"""Grafana dashboards, as Grafana will read them."""

import json
import re

import pytest

from meshward.bridges.grafana.board import WIDTH
from meshward.bridges.grafana.dashboards import BOARDS, files
from meshward.bridges.grafana.measures import HEAP, LOSS, RECEIVED, Unit
from meshward.bridges.grafana.panels import thresholds
from meshward.bridges.grafana.queries import KINDS
from meshward.bridges.grafana.rollout import STATES
from meshward.bridges.influx.points import NODE_STATES
from meshward.bridges.prometheus.table import EXPORTED
from meshward.ota.states import NodeState
from tests.support.dashboards import panels
from tests.support.programs import ROOT

DASHBOARDS = {name: json.loads(text) for name, text in files().items()}
FIGURES = {"stat", "gauge", "bargauge", "timeseries", "heatmap"}
BUILT_IN = {"timeseries", "stat", "gauge", "bargauge", "table", "heatmap", "state-timeline", "row"}
"""Kinds of panels that every Grafana has."""


@pytest.fixture(params=DASHBOARDS)
def dashboard(request):
    return DASHBOARDS[request.param]


def test_the_files_that_are_shipped_are_these():
    folder = ROOT / "examples" / "grafana"
    shipped = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    assert shipped == files(), "run scripts/write-examples"


def test_there_is_one_of_each_for_each_kind_of_datasource():
    assert len(DASHBOARDS) == len(BOARDS) * len(KINDS) == 6
    assert len({found["uid"] for found in DASHBOARDS.values()}) == 6
    assert all(len(found["uid"]) <= 40 for found in DASHBOARDS.values())  # Grafana takes no longer ones


def test_every_panel_has_a_place_of_its_own(dashboard):
    taken = {}
    for panel in [*panels(dashboard), *(row for row in dashboard["panels"] if row["type"] == "row")]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]
    height = 1 + max(y for _, y in taken)
    assert len(taken) == WIDTH * height, "there are holes"


def test_panels_have_numbers_of_their_own(dashboard):
    numbers = [panel["id"] for panel in panels(dashboard)]
    numbers += [row["id"] for row in dashboard["panels"] if row["type"] == "row"]
    assert len(set(numbers)) == len(numbers)


def test_panels_need_no_plugin_and_say_what_to_do(dashboard):
    for panel in panels(dashboard):
        assert panel["type"] in BUILT_IN
        assert len(panel["description"]) > 3, panel["title"]
        assert panel["targets"], panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters))


def test_everything_is_asked_of_the_datasource_that_is_chosen(dashboard):
    kind = dashboard["templating"]["list"][0]["query"]
    for panel in panels(dashboard):
        for asked in (panel, *panel["targets"]):
            assert asked["datasource"] == {"type": kind, "uid": "${datasource}"}
    for variable in dashboard["templating"]["list"][1:]:
        assert variable["datasource"]["uid"] == "${datasource}"


def test_every_choice_that_is_used_is_there(dashboard):
    text = json.dumps([list(panels(dashboard)), dashboard["annotations"]])
    used = set(re.findall(r"\$(mesh|instance|node|rollout)\b", text))
    there = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert used <= there
    assert {"datasource", "mesh"} <= there


def test_links_lead_to_dashboards_that_are_there(dashboard):
    for link in re.findall(r'"/d/([^?"]+)', json.dumps(dashboard)):
        assert link in {found["uid"] for found in DASHBOARDS.values()}


def test_figures_have_units():
    for name, found in DASHBOARDS.items():
        for panel in panels(found):
            if panel["type"] in FIGURES:
                assert panel["fieldConfig"]["defaults"]["unit"], f"{name}: {panel['title']}"


def test_prometheus_is_asked_in_base_units():
    assert LOSS.unit.of("prometheus") == "percentunit"
    assert LOSS.unit.of("influxdb") == "percent"
    steps = ((None, "green"), (5, "orange"))
    assert thresholds(steps, LOSS.unit, "prometheus")["steps"][1] == {"color": "orange", "value": 0.05}
    assert thresholds(steps, LOSS.unit, "influxdb")["steps"][1] == {"color": "orange", "value": 5}


def test_units_are_those_of_what_is_exported():
    for metric in (HEAP, LOSS, RECEIVED):
        exported = EXPORTED[metric.metric]
        assert metric.unit.scaled(1, "prometheus") == exported.factor
        assert metric.series.endswith("_total") == exported.counter


def test_a_unit_of_both_kinds_is_one():
    assert Unit("bytes").of("prometheus") == Unit("bytes").of("influxdb") == "bytes"


def test_every_state_of_nodes_is_counted_once():
    assert (
        sorted([*STATES, "not_targeted"]) == sorted(NODE_STATES) == sorted(state.value for state in NodeState)
    )


def test_tiles_are_of_now(dashboard):
    for panel in panels(dashboard):
        if panel["type"] not in {"stat", "gauge"}:
            continue
        for target in panel["targets"]:
            if "expr" in target:
                assert (target["instant"], target["range"]) == (True, False), panel["title"]
            elif (
                "painlessmesh_rollout" not in target["query"]
            ):  # one that is over is written once, at its end
                assert "time > now() - " in target["query"], panel["title"]
                assert "$timeFilter" not in target["query"], panel["title"]


def test_nothing_is_zero_only_because_nobody_tells(dashboard):
    assert "vector(0)" not in json.dumps(dashboard)
