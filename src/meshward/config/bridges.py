"""The keys about bridges: other programs that are told of the mesh, and may command updates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from meshward.config.about import About
from meshward.config.bridge_addresses import (
    Broker,
    broker,
    check_alertmanager,
    check_image_host,
    check_influx,
    check_prefix,
    shown_alertmanager,
    shown_broker,
    shown_influx,
)
from meshward.config.checks import check_upload_size, within
from meshward.config.receivers import shown_nothing
from meshward.text import parse_size

Profile = Literal["meshward", "alteriom"]


class Mqtt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """MQTT brokers that get the status of the mesh, and may command updates."""

    brokers: Annotated[
        tuple[str, ...],
        About(
            'Brokers: "mqtt://host", or "mqtts://user@host:8883/garden?profile=alteriom" with TLS, a user, a '
            "prefix and a profile of its own.",
            "an address in quotes, or a list of them",
            broker,
            shown=shown_broker,
            commas=False,
        ),
    ] = ()
    user: Annotated[
        str | None,
        About("Who we are, where a broker's address does not say.", "a text in quotes", example='"meshward"'),
    ] = None
    password: Annotated[
        str | None,
        About(
            "Its password; or give MESHWARD_MQTT_PASSWORD, or a file.",
            "a text in quotes",
            example='"…"',
            shown=shown_nothing,
        ),
    ] = None
    password_file: Annotated[
        str | None,
        About(
            "A file with that password alone; it wins over `password`.",
            "a file name in quotes",
            example='"/etc/meshward/mqtt-password"',
            file=True,
        ),
    ] = None
    tls_ca: Annotated[
        str | None,
        About(
            "Certificates that mqtts:// brokers are checked against (PEM); the system's where not set.",
            "a file name in quotes",
            example='"/etc/meshward/broker-ca.crt"',
            file=True,
        ),
    ] = None
    tls_cert: Annotated[
        str | None,
        About(
            "Our certificate, for brokers that want one (PEM).",
            "a file name in quotes",
            example='"/etc/meshward/mqtt.crt"',
            file=True,
        ),
    ] = None
    tls_key: Annotated[
        str | None,
        About(
            "Its private key (PEM).", "a file name in quotes", example='"/etc/meshward/mqtt.key"', file=True
        ),
    ] = None
    prefix: Annotated[
        str,
        About(
            "What all topics begin with. Each mesh of a broker needs its own.",
            'a topic in quotes, as "mesh" or "home/mesh"',
            check_prefix,
        ),
    ] = "mesh"
    profile: Annotated[
        Profile,
        About(
            'How payloads look: "meshward" (compact), or "alteriom" for what reads Alteriom\'s schemas.',
            "meshward or alteriom, in quotes",
        ),
    ] = "meshward"
    qos: Annotated[
        int,
        About(
            "Quality of service: 1 until taken, 2 exactly once, 0 once and never again.",
            "0, 1 or 2",
            within(0, 2),
        ),
    ] = 1
    period_s: Annotated[
        float,
        About(
            "How often values are told that change all the time, in seconds; what matters is told at once.",
            "a number of seconds from 1 to 3600",
            within(1, 3600),
        ),
    ] = 30.0
    events_kept: Annotated[
        int,
        About(
            "Events that wait at most for a broker that is away; the oldest are left out first.",
            "a whole number from 0 to 100000",
            within(0, 100_000),
        ),
    ] = 10_000
    control: Annotated[
        bool,
        About(
            "Whether updates may be commanded over MQTT: by everybody whom the broker lets write below "
            "PREFIX/ota, or who has the key.",
            "true or false",
        ),
    ] = False
    control_key_file: Annotated[
        str | None,
        About(
            "A file with a secret: only commands signed with it are obeyed then.",
            "a file name in quotes",
            example='"/etc/meshward/mqtt-control.key"',
            file=True,
        ),
    ] = None
    image_hosts: Annotated[
        tuple[str, ...],
        About(
            'Hosts from which commands may have firmware fetched: "ci.example", or "10.0.0.5:8000".',
            "a host in quotes, or a list of them",
            check_image_host,
        ),
    ] = ()
    image_max: Annotated[
        str, About("Largest firmware file fetched.", 'a size in quotes, as "16MB"', check_upload_size)
    ] = "16MB"
    messages: Annotated[
        bool,
        About(
            "Whether texts of nodes go to the broker, and texts from there to nodes (not with control=no).",
            "true or false",
        ),
    ] = False
    commands: Annotated[
        bool,
        About(
            "Whether commands of Alteriom's (package 400) may be sent to nodes from there.", "true or false"
        ),
    ] = False

    @property
    def all_brokers(self) -> tuple[Broker, ...]:
        """The brokers."""
        return tuple(map(broker, self.brokers))

    def shows_devices(self, broker: Broker) -> bool:
        """Whether a broker can get Home Assistant's devices, where they are switched on."""
        return broker.homeassistant is not False and (broker.profile or self.profile) == "meshward"

    @property
    def image_bytes(self) -> int:
        """Largest firmware file fetched."""
        return parse_size(self.image_max)

    def __repr__(self) -> str:
        """Without secrets."""
        return f"Mqtt(brokers={tuple(map(shown_broker, self.brokers))!r})"


class HomeAssistant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Devices and entities in Home Assistant, by way of the MQTT brokers."""

    enabled: Annotated[
        bool, About("Whether every node becomes a device in Home Assistant.", "true or false")
    ] = False
    prefix: Annotated[str, About("Home Assistant's discovery prefix.", "a topic in quotes", check_prefix)] = (
        "homeassistant"
    )
    discovery: Annotated[
        Literal["device", "entities"],
        About(
            'How it is told: "device" for 2024.12 and later, "entities" for every version.',
            "device or entities, in quotes",
        ),
    ] = "device"
    install: Annotated[
        bool,
        About(
            "Whether its Install button starts the update of that node; not where commands must be signed.",
            "true or false",
        ),
    ] = True


class Prometheus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Metrics at /metrics, and alerts to Alertmanager."""

    enabled: Annotated[bool, About("Whether /metrics is served, beside the API.", "true or false")] = True
    token: Annotated[
        bool, About("Whether it needs a token, of any role; where not, anybody can read it.", "true or false")
    ] = True
    alertmanagers: Annotated[
        tuple[str, ...],
        About(
            'Alertmanagers that are told of alerts: "http://host:9093".',
            "an address in quotes, or a list of them",
            check_alertmanager,
            shown=shown_alertmanager,
            commas=False,
        ),
    ] = ()


class Influx(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Databases that take InfluxDB's line protocol."""

    urls: Annotated[
        tuple[str, ...],
        About(
            'Addresses to write to, whole: "http://host:8086/write?db=mesh" (InfluxDB 1, VictoriaMetrics), '
            '"…/api/v2/write?org=o&bucket=b" (2), "…/api/v3/write_lp?db=mesh" (3).',
            "an address in quotes, or a list of them",
            check_influx,
            shown=shown_influx,
            commas=False,
        ),
    ] = ()
    token: Annotated[
        str | None,
        About(
            "Token of InfluxDB 2 and 3; or give MESHWARD_INFLUX_TOKEN, or a file.",
            "a text in quotes",
            example='"…"',
            shown=shown_nothing,
        ),
    ] = None
    token_file: Annotated[
        str | None,
        About(
            "A file with that token alone; it wins over `token`.",
            "a file name in quotes",
            example='"/etc/meshward/influx-token"',
            file=True,
        ),
    ] = None
    period_s: Annotated[
        float,
        About(
            "How often values are written, in seconds.", "a number of seconds from 1 to 3600", within(1, 3600)
        ),
    ] = 60.0
    spool_max: Annotated[
        str,
        About(
            "What waits on the disk at most for a database that is away; the oldest is left out first.",
            'a size in quotes, as "64MB"',
            check_upload_size,
        ),
    ] = "64MB"

    @property
    def spool_bytes(self) -> int:
        """What waits on the disk at most, of each database."""
        return parse_size(self.spool_max)

    def __repr__(self) -> str:
        """Without secrets."""
        return f"Influx(urls={tuple(map(shown_influx, self.urls))!r})"


def without_effect(mqtt: Mqtt, homeassistant: HomeAssistant) -> Iterator[str]:
    """Settings that do nothing as the others are."""
    if not mqtt.brokers:
        wanted = {
            "homeassistant.enabled": homeassistant.enabled,
            "mqtt.control": mqtt.control,
            "mqtt.messages": mqtt.messages,
            "mqtt.commands": mqtt.commands,
        }
        for name, is_set in wanted.items():
            if is_set:
                yield f"{name} does nothing without a broker: set mqtt.brokers"
    elif homeassistant.enabled and not any(map(mqtt.shows_devices, mqtt.all_brokers)):
        yield (
            'homeassistant.enabled does nothing, for Home Assistant needs the profile "meshward": name the '
            "broker once more with a prefix of its own and ?profile=meshward"
        )
