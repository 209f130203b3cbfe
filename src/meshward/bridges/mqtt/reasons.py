"""In words why a broker is not connected, and what to do. No password is in any of them."""

from __future__ import annotations

import errno
import socket
import ssl

from meshward.bridges.mqtt.client import OverlongError
from meshward.bridges.mqtt.options import Connection
from meshward.bridges.mqtt.tls import NO_TLS, tls_failure

# Reason codes of MQTT 5; paho-mqtt gives the same for the return codes of 3.1.1.
OTHER_VERSION = 0x84
BAD_IDENTIFIER, BAD_LOGIN, NOT_AUTHORIZED = 0x85, 0x86, 0x87
_UNAVAILABLE, _BUSY, _BANNED, _SHUTTING_DOWN = 0x88, 0x89, 0x8A, 0x8B
KEEPALIVE, _TAKEN_OVER = 0x8D, 0x8E
TOPIC_INVALID = 0x90
TOO_LARGE, _QUOTA, _ADMINISTRATIVE = 0x95, 0x97, 0x98
_NO_RETAIN, _NO_QOS = 0x9A, 0x9B
FAILED = 0x80
"""From here on a reason code is a refusal."""
_OF_THE_BROKER = 0x83
_FOR_A_WHILE = {FAILED, _OF_THE_BROKER, _QUOTA}

_GONE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}

_CONNECT = {
    BAD_IDENTIFIER: "the broker refuses our client id: it must allow ids that begin with meshward",
    _UNAVAILABLE: "the broker says that it is not available now",
    _BUSY: "the broker says that it is too busy",
    _BANNED: "the broker has banned us: see its log",
    TOO_LARGE: "the broker takes no message as large as our last will: raise its largest packet size",
    _QUOTA: "the broker has no room for one more client: raise its limit",
    _NO_RETAIN: "the broker keeps no retained messages, which the bridge is made of: allow them there",
    _NO_QOS: "the broker takes no last will of QoS 1: allow that QoS there",
}
_ENDED = {
    NOT_AUTHORIZED: "the broker ended the connection: we are not allowed to do what we did; see its log",
    _BUSY: "the broker ended the connection: it is too busy",
    _SHUTTING_DOWN: "the broker is shutting down",
    KEEPALIVE: "the broker ended the connection: it did not hear of us in time",
    _TAKEN_OVER: (
        "another client took over our client id: does a second gateway run with a copy of this data "
        "directory?"
    ),
    TOO_LARGE: (
        "the broker ended the connection: a message was too large for it; raise its largest packet size"
    ),
    _QUOTA: "the broker ended the connection: we are over its limits",
    _ADMINISTRATIVE: "the broker's administrator ended the connection",
}
_REFUSED = {
    NOT_AUTHORIZED: "the broker forbids it: allow our user there",
    TOPIC_INVALID: "the broker takes no such topic",
    TOO_LARGE: "it is larger than the broker takes: raise its largest packet size",
    _QUOTA: "it is over the broker's limits",
}


def unreachable(error: OSError, connection: Connection) -> str:
    """Why no connection came to be."""
    address = connection.address
    if isinstance(error, ssl.SSLError):
        return tls_failure(error, connection.host)
    if isinstance(error, socket.gaierror):
        return f"the name {connection.host} is not found: check it in mqtt.brokers, and the name server"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing takes connections at {address}: does the broker run, and is the port right?"
    if isinstance(error, ConnectionError) and connection.tls is not None:
        return NO_TLS
    if isinstance(error, TimeoutError):
        return f"{address} cannot be reached: is it on, and no firewall between?"
    if error.errno in _GONE:
        return f"there is no way to {address}: is the network up?"
    return f"{address} cannot be reached ({error.strerror or type(error).__name__})"


def refused(code: int, connection: Connection) -> str:
    """Why the broker does not let us in."""
    if code in {BAD_LOGIN, NOT_AUTHORIZED}:
        if connection.user is None:
            return "the broker wants a user and a password: set mqtt.user, and mqtt.password or its file"
        return "the broker refuses our user or password: check mqtt.user, and mqtt.password or its file"
    return _CONNECT.get(code, f"the broker refuses us (reason code 0x{code:02X} of MQTT)")


def not_mqtt(connection: Connection) -> str:
    """It closes before it says a word of MQTT."""
    port = "" if connection.tls else ", or does it want TLS (mqtts://)?"
    return (
        f"what takes connections at {connection.address} ends them at once: is it an MQTT broker{port or '?'}"
    )


def silent(connection: Connection) -> str:
    """It takes connections, and says nothing."""
    return (
        f"{connection.address} takes connections, but does not answer within {connection.answer_s:g} s: "
        "is the broker frozen, or something else at this port?"
    )


def frozen(after_s: float) -> str:
    """It answered once."""
    return f"the broker has not answered for {after_s:g} s: is it frozen, or the network gone?"


def ended(code: int | None) -> str:
    """The broker ended a connection, with a reason code where it told one."""
    if code in _ENDED:
        return _ENDED[code]
    return "the broker ended the connection" + (f" (reason code 0x{code:02X} of MQTT)" if code else "")


def broken(error: OSError | None) -> str:
    """It ended without a word."""
    if isinstance(error, ssl.SSLError):
        return "the connection to the broker broke inside TLS; see the broker's log"
    if isinstance(error, OverlongError):
        return (
            "the broker was cut off: it sends a message of more than any of ours may have; see who publishes "
            "that below our topics, and clear it where it is retained"
        )
    if error is not None:
        return f"the connection to the broker broke ({error.strerror or type(error).__name__})"
    return (
        "the connection ended without a word: see the broker's log; this is also what happens where a second "
        "gateway runs with a copy of this data directory"
    )


def is_passing(code: int) -> bool:
    """Whether a refusal says nothing about the message: later it may be taken."""
    return code in _FOR_A_WHILE


def not_taken(code: int) -> str:
    """Why the broker does not take a message, or a subscription."""
    return _REFUSED.get(code, f"the broker refuses it (reason code 0x{code:02X} of MQTT)")
