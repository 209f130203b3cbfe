"""Which entities Home Assistant is told of, for nodes and for the gateway."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Platform = Literal["sensor", "binary_sensor", "update"]


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity of a device."""

    key: str
    """Of its unique id: never changed, or everybody's entity becomes another one."""
    platform: Platform
    name: str
    what: str
    """Last part of the topic it is read from; see `Topics.node` and `Topics.bridge`."""
    template: str
    """What it makes of the payload there."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """More of its configuration, in Home Assistant's own words."""
    attributes: str = ""
    """Template for its attributes, from the same payload."""
    offline: bool = False
    """Whether it tells something while its device is offline as well; others are unavailable then."""
    metric: str = ""
    """For one that only nodes have which report this metric."""

    @property
    def id(self) -> str:
        """Unique within the device."""
        return f"{self.platform}.{self.key}"


DIAGNOSTIC = {"entity_category": "diagnostic"}
_MEASURED = {"state_class": "measurement"}
_COUNTED = {"state_class": "total_increasing"}
_HIDDEN = {"enabled_by_default": False}


def _one_of(values: str, name: str, otherwise: str = "none") -> str:
    return "{{ (value_json." + values + f" | default({{}})).get('{name}', {otherwise})" + " }}"


def _attributes(*names: str, otherwise: str = "[]") -> str:
    # An empty payload comes where a node is forgotten: it is no JSON, and of that Home Assistant would warn.
    values = ", ".join(f"'{name}': value_json.{name} | default({otherwise})" for name in names)
    return "{{ ({" + values + "} if value_json is defined else {}) | tojson }}"


def _metric(name: str, metric: str, unit: str = "", **options: Any) -> Entity:
    # A value that is too old is left out of the payload: the entity is unknown then. `expire_after` would
    # say the same once more, and make values unknown that just did not change.
    unit_option = {"unit_of_measurement": unit} if unit else {}
    return Entity(
        key=metric,
        platform="sensor",
        name=name,
        what="health",
        template=_one_of("metrics", metric),
        options={**unit_option, **_MEASURED, **options},
        metric=metric,
    )


def _heap(name: str, metric: str, **options: Any) -> Entity:
    return _metric(
        name,
        metric,
        "B",
        device_class="data_size",
        suggested_display_precision=0,
        **DIAGNOSTIC,
        **options,
    )


def _ms(name: str, metric: str, **options: Any) -> Entity:
    return _metric(
        name, metric, "ms", device_class="duration", suggested_display_precision=1, **DIAGNOSTIC, **options
    )


def _signal(name: str, metric: str) -> Entity:
    return _metric(
        name,
        metric,
        "dBm",
        device_class="signal_strength",
        suggested_display_precision=0,
        **DIAGNOSTIC,
    )


def _share(name: str, metric: str, **options: Any) -> Entity:
    return _metric(name, metric, "%", suggested_display_precision=0, **{**DIAGNOSTIC, **options})


def _count(name: str, metric: str, unit: str = "", **options: Any) -> Entity:
    return _metric(
        name, metric, unit, suggested_display_precision=0, **DIAGNOSTIC, **_COUNTED, **_HIDDEN, **options
    )


_OF_METRICS: tuple[Entity, ...] = (
    _metric("Temperature", "ambient_temperature_c", "°C", device_class="temperature"),
    _metric("Humidity", "humidity_percent", "%", device_class="humidity"),
    _metric("Air pressure", "pressure_hpa", "hPa", device_class="atmospheric_pressure"),
    _share("Battery", "battery_percent", device_class="battery"),
    _heap("Free heap", "heap_free_bytes"),
    _heap("Lowest free heap", "heap_min_bytes", **_HIDDEN),
    _heap("Largest free block", "heap_block_bytes", **_HIDDEN),
    _share("Heap fragmentation", "heap_fragmentation_percent", **_HIDDEN),
    _signal("Signal", "rssi_dbm"),
    _signal("Router signal", "router_rssi_dbm"),
    _ms("Jitter", "jitter_ms", **_HIDDEN),
    _share("Processor load", "cpu_percent", **_HIDDEN),
    _ms("Longest loop pass", "loop_max_ms", **_HIDDEN),
    _metric("Chip temperature", "temperature_c", "°C", device_class="temperature", **DIAGNOSTIC),
    _count("Messages received", "messages_received"),
    _count("Messages sent", "messages_sent"),
    _count("Messages dropped", "messages_dropped"),
    _count("Data received", "bytes_received", "B", device_class="data_size"),
    _count("Data sent", "bytes_sent", "B", device_class="data_size"),
    _count("Reconnects", "reconnects"),
    _count("Crashes", "crashes"),
)

_BOOT = Entity(
    key="last_boot",
    platform="sensor",
    name="Last boot",
    what="health",
    template="{{ value_json.boot_at | default(none) }}",
    options={"device_class": "timestamp", **DIAGNOSTIC},
    metric="boot_at",
)
"""A time that stays as it is for as long as the node runs; an uptime would be another one at every look."""

_OF_EVERY_NODE: tuple[Entity, ...] = (
    Entity(
        key="health",
        platform="sensor",
        name="Health",
        what="health",
        template="{{ value_json.health }}",
        options={"unit_of_measurement": "%", "icon": "mdi:heart-pulse", **_MEASURED},
        offline=True,
    ),
    Entity(
        key="problem",
        platform="binary_sensor",
        name="Problem",
        what="health",
        template="{{ 'ON' if value_json.problem | default(false) else 'OFF' }}",
        options={"device_class": "problem"},
        attributes=_attributes("alerts", "reasons"),
        offline=True,
    ),
    Entity(
        key="connectivity",
        platform="binary_sensor",
        name="Connection",
        what="availability",
        template="{{ 'ON' if value_json.state == 'online' else 'OFF' }}",
        options={"device_class": "connectivity", **DIAGNOSTIC},
        offline=True,
    ),
    Entity(
        key="parent",
        platform="sensor",
        name="Parent",
        what="",
        template=(
            "{{ value_json.parent | default('gateway' if value_json.depth | default(0) == 1 else none) }}"
        ),
        options={"icon": "mdi:file-tree", **DIAGNOSTIC},
    ),
    Entity(
        key="depth",
        platform="sensor",
        name="Hops to the gateway",
        what="",
        template="{{ value_json.depth | default(none) }}",
        options={"icon": "mdi:family-tree", **_MEASURED, **DIAGNOSTIC},
    ),
    Entity(
        key="restarts",
        platform="sensor",
        name="Restarts in 24 h",
        what="health",
        template="{{ value_json.restarts | default(0) }}",
        options={"icon": "mdi:restart", **_MEASURED, **DIAGNOSTIC},
        offline=True,
    ),
    # Every board answers our probes.
    _ms("Delay", "delay_ms"),
    _share("Packet loss", "probe_loss_percent"),
    Entity(
        key="update_state",
        platform="sensor",
        name="Update state",
        what="update",
        template="{{ value_json.state | default(none) }}",
        options={"icon": "mdi:progress-download", **DIAGNOSTIC},
    ),
)

_INSTALLED_AND_LATEST = (
    # Two builds may have one version; Home Assistant would take them to be the same.
    "{% set same = value_json.available | default(false)"
    " and value_json.installed | default('') == value_json.latest | default('') %}"
    "{% set versions = dict([('installed_version', value_json.installed | default('')),"
    " ('latest_version', value_json.latest | default('') ~ (' (another build)' if same else ''))]"
    " | selectattr(1)) %}"
)
_SUMMARY = (
    # Home Assistant takes no more than 255 characters.
    "{% set refusal = value_json.refusal | default('') %}"
    "{% set summary = [('Cannot be updated now: ' ~ refusal) if refusal else '',"
    " value_json.notes | default('')]"
    " | select | join('\\n') | truncate(255, true, '…', 0) %}"
)
_NEWS = "title=value_json.title | default(''), release_summary=summary"
_PROGRESS = (
    ", in_progress=value_json.in_progress | default(false)"
    ", update_percentage=value_json.percent | default(none)"
)


def update_entity(*, progress: bool) -> Entity:
    """The firmware of a node. What is not among eight names is refused by Home Assistant, all with it;
    `progress`: whether it knows those two that it has known since 2024.12.
    """
    told = _NEWS + (_PROGRESS if progress else "")
    return Entity(
        key="firmware",
        platform="update",
        name="Firmware",
        what="update",
        template=_INSTALLED_AND_LATEST + _SUMMARY + "{{ dict(versions, " + told + ") | tojson }}",
        options={"device_class": "firmware", "entity_category": "config"},
    )


UPDATE_PROGRESS = Entity(
    key="update_progress",
    platform="sensor",
    name="Update progress",
    what="update",
    template="{{ value_json.percent | default(none) }}",
    options={"unit_of_measurement": "%", "icon": "mdi:progress-download", **_MEASURED, **DIAGNOSTIC},
)
"""For Home Assistants whose update entities show no progress."""


def node_entities(reported: Collection[str], *, progress: bool) -> list[Entity]:
    """Those of a node that reports these metrics, "boot_at" among them where it tells when it started.

    An unmodified board tells little; entities that stay unknown for ever would only be in the way.
    """
    entities = [update_entity(progress=progress), *_OF_EVERY_NODE]
    if not progress:
        entities.append(UPDATE_PROGRESS)
    return entities + [entity for entity in (_BOOT, *_OF_METRICS) if entity.metric in reported]


METRIC_OF_ID: Mapping[str, str] = {entity.id: entity.metric for entity in (_BOOT, *_OF_METRICS)}
"""Which metric an entity is there for."""


def _alerts(severity: str) -> Entity:
    return Entity(
        key=f"alerts_{severity}",
        platform="sensor",
        name=f"{severity.capitalize()} alerts",
        what="metrics",
        template=_one_of("alerts", severity, "0"),
        options={"icon": "mdi:alert", **_MEASURED},
    )


def _gateway_number(
    key: str, name: str, what: str, template: str, attributes: str = "", **options: Any
) -> Entity:
    return Entity(
        key=key,
        platform="sensor",
        name=name,
        what=what,
        template=template,
        options={**_MEASURED, **options},
        attributes=attributes,
    )


OF_GATEWAY: tuple[Entity, ...] = (
    Entity(
        key="connectivity",
        platform="binary_sensor",
        name="Gateway",
        what="state",
        template="{{ 'ON' if value_json.state == 'online' else 'OFF' }}",
        options={"device_class": "connectivity", **DIAGNOSTIC},
        offline=True,
    ),
    Entity(
        key="mesh_connected",
        platform="binary_sensor",
        name="Connection",
        what="health",
        template="{{ 'ON' if value_json.mesh_connected else 'OFF' }}",
        options={"device_class": "connectivity", **DIAGNOSTIC},
    ),
    Entity(
        key="problem",
        platform="binary_sensor",
        name="Problem",
        what="health",
        template="{{ 'ON' if value_json.alarms | default([]) else 'OFF' }}",
        options={"device_class": "problem", **DIAGNOSTIC},
        attributes=_attributes("alarms"),
    ),
    _gateway_number(
        "mesh_health",
        "Health",
        "metrics",
        "{{ value_json.health }}",
        _attributes("summary", "coverage", otherwise="''"),
        unit_of_measurement="%",
        icon="mdi:heart-pulse",
    ),
    _gateway_number(
        "nodes_online", "Nodes online", "metrics", "{{ value_json.online }}", icon="mdi:access-point"
    ),
    _gateway_number(
        "nodes_known",
        "Nodes known",
        "metrics",
        "{{ value_json.nodes }}",
        icon="mdi:access-point",
        **DIAGNOSTIC,
    ),
    _gateway_number(
        "nodes_updating",
        "Nodes being updated",
        "metrics",
        "{{ value_json.updating | default(0) }}",
        icon="mdi:progress-download",
        **DIAGNOSTIC,
    ),
    _alerts("critical"),
    _alerts("warning"),
    _alerts("info"),
    Entity(
        key="version",
        platform="sensor",
        name="Meshward version",
        what="info",
        template="{{ value_json.version }}",
        options=dict(DIAGNOSTIC),
    ),
)
