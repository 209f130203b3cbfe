"""The bridges to all brokers, as they are configured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import cast

import msgspec

from meshward.bridges.base import Pauses, Record
from meshward.bridges.homeassistant.part import HomeAssistantPart
from meshward.bridges.mqtt.bridge import MqttBridge
from meshward.bridges.mqtt.control.make import ControlParts, check_control
from meshward.bridges.mqtt.events_part import EventsPart
from meshward.bridges.mqtt.options import client_id, connection
from meshward.bridges.mqtt.part import Part
from meshward.bridges.mqtt.profiles.choice import make_profile
from meshward.bridges.mqtt.profiles.profile import Told
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.status_part import StatusPart
from meshward.bridges.mqtt.tls import make_context
from meshward.bridges.mqtt.topics import Topics
from meshward.config import Broker, Config
from meshward.config.bridges import Profile
from meshward.errors import SettingsError
from meshward.gateway.service import Service
from meshward.identity import default_node_id

RETRY_S = 30.0
"""Brokers are mostly near, and restarted by people who then look whether everything is back."""


def mqtt_bridges(service: Service, config: Config, data: Path, folder: Path, rng: Random) -> list[MqttBridge]:
    """One for each broker. `data`: stands for this gateway, whatever its node id; `folder`: for files.

    Raises SettingsError for files that cannot be read, and for settings that do not go together.
    """
    brokers = config.mqtt.all_brokers
    if not brokers:
        return []
    check_brokers(config)
    control = ControlParts(service, config.mqtt, folder)
    return [_bridge(service, config, broker, control, data, folder, rng) for broker in brokers]


def check_brokers(config: Config) -> None:
    """Raises SettingsError for what `mqtt_bridges` could not use, files included; changes nothing."""
    mqtt, brokers = config.mqtt, config.mqtt.all_brokers
    _check_apart(config, brokers)
    for broker in brokers:
        _shows_devices(config, broker, cast(Profile, broker.profile or mqtt.profile))
        files = connection(mqtt, broker, "").tls
        if files is not None:
            make_context(files)
    if brokers:
        check_control(mqtt)


def _bridge(
    service: Service,
    config: Config,
    broker: Broker,
    control: ControlParts,
    data: Path,
    folder: Path,
    rng: Random,
) -> MqttBridge:
    mqtt = config.mqtt
    name = cast(Profile, broker.profile or mqtt.profile)
    commands = mqtt.control if broker.control is None else broker.control
    obeyed = broker.control is not False  # in anything at all
    devices = _shows_devices(config, broker, name)
    topics, retained = Topics(_prefix(config, broker)), Retained(mqtt.qos)
    place = client_id(data.resolve(), broker.name, topics.prefix)  # names files, whatever our node id
    identity = client_id(config.node_id or default_node_id(), place)  # not the same on two machines
    record = Record(
        broker.name, "mqtt", list(_extras(config, obeyed=obeyed, commands=commands, devices=devices))
    )
    profile = make_profile(name, config.name, config.node_id)
    told = Told(config.name, name, mqtt.period_s, commands, mqtt.control_key_file is not None)
    cursor = folder / f"{place}-events.json"
    parts: list[Part] = []
    if devices:  # its bridge must be the first that Home Assistant hears of
        entities = folder / f"{place}-entities.json"
        settings = config.homeassistant
        if not obeyed or mqtt.control_key_file is not None:  # its button cannot sign
            settings = msgspec.structs.replace(settings, install=False)
        parts.append(HomeAssistantPart(service, topics, retained, settings, entities, rng, mesh=config.name))
    parts += [
        StatusPart(service, profile, topics, retained, record, told),
        EventsPart(service, profile, topics, record, cursor, kept=mqtt.events_kept, qos=mqtt.qos),
        *control.of(topics, profile, retained, control=commands, sending=obeyed),
    ]
    return MqttBridge(
        connection(mqtt, broker, identity),
        topics,
        profile,
        parts,
        retained,
        record,
        Pauses(rng, most_s=RETRY_S),
    )


def _check_apart(config: Config, brokers: Sequence[Broker]) -> None:
    """Two bridges that write to the same topics would take each other's away."""
    seen: set[tuple[str, int, str]] = set()
    for broker in brokers:
        place = (broker.host, broker.port, _prefix(config, broker))
        if place in seen:
            raise SettingsError(
                f"mqtt.brokers: {broker.host}:{broker.port} is named twice with the prefix {place[2]!r}: "
                f"give one of them a prefix of its own, as mqtt://{broker.host}/{place[2]}-2"
            )
        seen.add(place)


def _prefix(config: Config, broker: Broker) -> str:
    return broker.prefix or config.mqtt.prefix


def _shows_devices(config: Config, broker: Broker, profile: Profile) -> bool:
    if broker.homeassistant and profile != "meshward":
        raise SettingsError(
            f"mqtt.brokers: {broker.name} cannot show devices in Home Assistant with profile={profile}: name "
            "the broker twice, once with a prefix of its own and profile=meshward"
        )
    if broker.homeassistant is not None:
        return broker.homeassistant
    return config.homeassistant.enabled and profile == "meshward"


def _extras(config: Config, *, obeyed: bool, commands: bool, devices: bool) -> Iterator[str]:
    if devices:
        yield "home assistant"
    if commands:
        yield "signed control" if config.mqtt.control_key_file is not None else "control"
    if config.mqtt.messages:
        yield "messages"
    if config.mqtt.commands and obeyed:
        yield "commands"
