"""How a broker is connected to."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from dataclasses import dataclass, field

from meshward.bridges.secret_files import read_secret
from meshward.config.bridge_addresses import Broker
from meshward.config.bridges import Mqtt

KEEPALIVE_S = 20
"""A broker that does not answer is noticed after two of these; ours is told offline after one and a half."""
ANSWER_S = 15.0
"""A broker far away that is busy takes seconds, a frozen one for ever."""
_ID = "meshward"
_ID_CHARACTERS = 23  # a broker of MQTT 3.1.1 need not take longer ones, nor other characters than a-z, 0-9


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a connection with TLS."""

    ca: str | None = None
    """Who is trusted; whom the system trusts where not set."""
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Connection:
    """A broker, and who we are there."""

    host: str
    port: int
    client_id: str
    """Of its own: a broker ends the connection of another client with the same."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: TlsFiles | None = None
    keepalive_s: int = KEEPALIVE_S
    answer_s: float = ANSWER_S

    @property
    def address(self) -> str:
        """As people write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def client_id(*origin: object) -> str:
    """The same for the same origin: the gateway's own node id, its data directory, the broker's name."""
    told = "\n".join(map(str, origin)).encode("utf-8", "surrogateescape")
    digest = b32encode(hashlib.sha256(told).digest()).decode().lower()
    return _ID + digest[: _ID_CHARACTERS - len(_ID)]


def connection(mqtt: Mqtt, broker: Broker, identity: str) -> Connection:
    """As it is configured. `identity` as made by `client_id`. Raises SettingsError for a password file."""
    files = TlsFiles(mqtt.tls_ca, mqtt.tls_cert, mqtt.tls_key) if broker.tls else None
    user = mqtt.user if broker.user is None else broker.user
    password = broker.password
    if password is None and user is not None:
        password = (
            mqtt.password
            if mqtt.password_file is None
            else read_secret("mqtt.password_file", mqtt.password_file)
        )
    return Connection(broker.host, broker.port, identity, user, password, files)
