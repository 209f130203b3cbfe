"""The parts of commands and texts, as they are configured."""

from __future__ import annotations

from pathlib import Path

from meshward.bridges.mqtt.control.allowance import Allowance
from meshward.bridges.mqtt.control.control import Control
from meshward.bridges.mqtt.control.images import Images, allowed_places
from meshward.bridges.mqtt.control.part import ControlPart
from meshward.bridges.mqtt.control.progress_part import ProgressPart
from meshward.bridges.mqtt.control.signing import Signatures, read_key
from meshward.bridges.mqtt.part import Part
from meshward.bridges.mqtt.profiles.profile import Profile
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.texts_part import SENDING_BURST, SENDING_RATE_PER_S, TextsPart
from meshward.bridges.mqtt.topics import Topics
from meshward.config import Mqtt
from meshward.errors import SettingsError
from meshward.gateway.service import Service

TRANSACTIONS = "mqtt-transactions.json"


class ControlParts:
    """Makes them for every broker; what they share is made once."""

    def __init__(self, service: Service, mqtt: Mqtt, folder: Path) -> None:
        """`folder`: of the bridges, in the data directory. Raises SettingsError for the key's file and for
        hosts that are none.
        """
        self._service = service
        self._mqtt = mqtt
        key = _key(mqtt)
        self._signatures = None if key is None else Signatures(key, folder / TRANSACTIONS)
        self._sending = Allowance(SENDING_RATE_PER_S, SENDING_BURST)
        self._images = Images(service, mqtt.image_hosts, mqtt.image_bytes, folder)
        self._control = Control(service, self._images)

    def of(
        self, topics: Topics, profile: Profile, shelf: Retained, *, control: bool, sending: bool
    ) -> list[Part]:
        """Of one broker.

        `control`: whether updates may be commanded from there; `sending`: whether texts and commands for
        nodes are taken from there, as far as they are switched on.
        """
        images = self._images if control else None
        parts: list[Part] = [ProgressPart(self._service, topics, profile, shelf, images)]
        if control:
            parts.append(ControlPart(self._control, topics, profile, shelf, self._signatures))
        if self._mqtt.messages or (self._mqtt.commands and sending):
            parts.append(
                TextsPart(
                    self._service,
                    topics,
                    profile,
                    from_nodes=self._mqtt.messages,
                    to_nodes=self._mqtt.messages and sending,
                    commands=self._mqtt.commands and sending,
                    signatures=self._signatures,
                    sending=self._sending,
                )
            )
        return parts


def check_control(mqtt: Mqtt) -> None:
    """Raises SettingsError for what `ControlParts` could not use, files included; changes nothing."""
    _key(mqtt)
    allowed_places(mqtt.image_hosts)


def _key(mqtt: Mqtt) -> bytes | None:
    if mqtt.control_key_file is None:
        return None
    try:
        return read_key(Path(mqtt.control_key_file))
    except SettingsError as error:
        raise SettingsError(f"mqtt.control_key_file: {error}") from error
