"""The parts of commands and texts, as they are configured."""

from __future__ import annotations

from pathlib import Path

from meshward.bridges.mqtt.control.control import Control
from meshward.bridges.mqtt.control.images import Images
from meshward.bridges.mqtt.control.part import ControlPart
from meshward.bridges.mqtt.control.progress_part import ProgressPart
from meshward.bridges.mqtt.control.signing import Signatures, read_key
from meshward.bridges.mqtt.part import Part
from meshward.bridges.mqtt.profiles.profile import Profile
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.texts_part import TextsPart
from meshward.bridges.mqtt.topics import Topics
from meshward.config import Mqtt
from meshward.gateway.service import Service

TRANSACTIONS = "mqtt-transactions.json"


class ControlParts:
    """Makes them for every broker; what they share is made once."""

    def __init__(self, service: Service, mqtt: Mqtt, folder: Path) -> None:
        """`folder`: of the bridges, in the data directory. Raises SettingsError for the key's file."""
        self._service = service
        self._mqtt = mqtt
        self._signatures = (
            None
            if mqtt.control_key_file is None
            else Signatures(read_key(Path(mqtt.control_key_file)), folder / TRANSACTIONS)
        )
        self._images = Images(service, mqtt.image_hosts, mqtt.image_bytes, folder)
        self._control = Control(service, self._images)

    def of(self, topics: Topics, profile: Profile, shelf: Retained, *, control: bool) -> list[Part]:
        """Of one broker; `control`: whether updates may be commanded from there."""
        images = self._images if control else None
        parts: list[Part] = [ProgressPart(self._service, topics, profile, shelf, images)]
        if control:
            parts.append(ControlPart(self._control, topics, profile, shelf, self._signatures))
        if self._mqtt.messages or self._mqtt.commands:
            parts.append(
                TextsPart(
                    self._service,
                    topics,
                    profile,
                    messages=self._mqtt.messages,
                    commands=self._mqtt.commands,
                    signatures=self._signatures,
                )
            )
        return parts
