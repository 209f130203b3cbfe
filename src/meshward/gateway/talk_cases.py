"""Use cases: texts and commands through the mesh."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from meshnode.wire import BROADCAST, COMMAND, ROUTE_BROADCAST, ROUTE_SINGLE, SINGLE
from meshward.errors import (
    CongestedError,
    InvalidError,
    NotConnectedError,
    NotPossibleError,
    PackageError,
    UnknownNodeError,
)
from meshward.gateway.desk import Desk
from meshward.gateway.service import Caller
from meshward.mesh import TEXT_BYTES
from meshward.records import Message
from meshward.store import audit
from meshward.streams import Stream
from meshward.text import printable

TEXT_AUDITED = 200
"""Characters of a text that the audit log keeps: enough to tell which one it was."""
COMMAND_MAX = 0xFF
_COMMAND_IDS = 0x7FFF_FFFF


class Talker(Protocol):
    """The node that we are in the mesh."""

    def messages(self) -> Stream[Message]:
        """Texts from nodes, from now on."""

    async def send_package(self, package: Mapping[str, Any]) -> None:
        """Queue a package."""


class TalkCases(Desk):
    """See `service.Service`."""

    talker: Talker | None = None
    """The conductor's to set."""
    _command_ids = itertools.count(secrets.randbelow(_COMMAND_IDS))
    """Boards name the command that they answer by it; another start goes on elsewhere."""

    def messages(self) -> Stream[Message]:
        """Texts from nodes, from now on; none ever comes without a mesh."""
        return Stream() if self.talker is None else self.talker.messages()

    async def send_message(self, node_id: int | None, text: str, caller: Caller) -> None:
        """A text to one node, or to all. Raises UnknownItemError, NotPossibleError, InvalidError."""
        _check_size("a text", text.encode(errors="surrogatepass"))
        package: dict[str, Any] = {"type": BROADCAST, "dest": 0, "msg": text}
        if node_id is not None:
            package.update(type=SINGLE, dest=node_id)
        await self._send(package, node_id, caller, "message.send", {"text": _cut(text)})

    async def send_command(
        self, node_id: int | None, command: int, parameters: dict[str, Any], caller: Caller
    ) -> None:
        """A command of Alteriom's, to one node or to all. Raises as `send_message`."""
        if not 0 <= command <= COMMAND_MAX:
            raise InvalidError(f"a command is a number from 0 to {COMMAND_MAX}, not {command}")
        try:
            told = msgspec.json.encode(parameters) if parameters else b""
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidError(f"these parameters cannot be written as JSON: {error}") from None
        _check_size("the parameters of a command, as JSON,", told)
        params = told.decode()
        package = {
            "type": COMMAND,
            "routing": ROUTE_BROADCAST if node_id is None else ROUTE_SINGLE,
            "dest": node_id or 0,
            "cmd": command,
            "target": node_id or 0,
            "params": params,
            "cid": next(self._command_ids) % _COMMAND_IDS + 1,
        }
        detail = {"command": command, "parameters": _cut(params)}
        await self._send(package, node_id, caller, "command.send", detail)

    async def _send(
        self,
        package: dict[str, Any],
        node_id: int | None,
        caller: Caller,
        action: str,
        detail: dict[str, Any],
    ) -> None:
        if node_id is not None and not self.known_node(node_id).online:
            raise NotPossibleError(f"node {node_id} is not in the mesh: send it again once it is back")
        if self.talker is None:
            raise NotPossibleError("no gateway runs that could send it: start it with `meshward run`")
        if not self.mesh_connected:
            raise NotPossibleError("the gateway is not in the mesh at the moment: send it again once it is")
        subject = "all" if node_id is None else str(node_id)
        # Before it is sent: what goes out is in the log, whatever comes after.
        await self.database.write(audit.append, self.now_s(), caller.name, action, subject, detail)
        try:
            await self.talker.send_package(package)
        except (NotConnectedError, UnknownNodeError, CongestedError) as error:
            raise NotPossibleError(str(error)) from error
        except PackageError as error:
            raise InvalidError(str(error)) from error


def _check_size(what: str, content: bytes) -> None:
    if len(content) > TEXT_BYTES:
        raise InvalidError(
            f"{what} of {len(content)} bytes is too long: boards drop all above {TEXT_BYTES} bytes"
        )


def _cut(text: str) -> str:
    return printable(text, TEXT_AUDITED)
