"""The form of commands and status that the ecosystem proposed: one topic for each.

`PREFIX/ota/command` takes {"command": "start_ota", "role", "hardware", "md5", "url", "options"}, and
"cancel_ota", "query_status" and "rollback"; `PREFIX/ota/status` tells of one update at a time. A `job`,
`sha256`, `rollout` and `transaction` may be given besides, as in our own requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from meshward.bridges.mqtt.control.answers import RequestRefusedError
from meshward.bridges.mqtt.control.control import CALLER, Control, Do
from meshward.bridges.mqtt.control.images import Wanted
from meshward.bridges.mqtt.control.jobs import spec_of
from meshward.bridges.mqtt.control.progress import RolloutProgress, seconds_left
from meshward.bridges.mqtt.control.requests import ActRequest, Request, StartRequest, StatusRequest, decoded
from meshward.errors import NotPossibleError
from meshward.gateway.views import RolloutView
from meshward.rollout.spec import RolloutSpec, Transfer
from meshward.rollout.states import Action

_WORDS = {
    "awaiting_approval": "pending",
    "scheduled": "pending",
    "paused": "paused",
    "completed": "completed",
    "aborted": "cancelled",
    "failed": "failed",
    "rolled_back": "rolled_back",
}
"""What is not here is in_progress."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it gets there."""

    broadcast: bool = True
    """Whether parts go to all boards at once, as far as the boards can; else to one after another."""
    compressed: bool = True
    """Whether it is sent as gzip, where the boards can unpack that."""
    progressive: bool = False
    """Whether it goes in waves."""


class ProposedCommand(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command in the proposal's form."""

    command: Literal["start_ota", "cancel_ota", "query_status", "rollback"]
    """What to do."""
    role: Annotated[str, msgspec.Meta(max_length=64)] = ""
    """As boards give it to `initOTAReceive`; `start_ota` needs it."""
    hardware: Annotated[str, msgspec.Meta(max_length=32)] = ""
    """As ESP32; the firmware must be for it."""
    md5: Annotated[str, msgspec.Meta(pattern="^[0-9A-Fa-f]{32}$")] | None = None
    """Of the file; `start_ota` needs it, or `sha256`."""
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9A-Fa-f]{64}$")] | None = None
    """Of the file; another file is not taken."""
    url: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    """http or https, with a host of `mqtt.image_hosts`; `start_ota` needs it."""
    options: Options = Options()
    """How the file gets to the boards."""
    job: Annotated[str, msgspec.Meta(max_length=100)] = ""
    """Where it is not given, the same command is not obeyed again while its update is under way."""
    rollout: str = ""
    """Which one is cancelled or rolled back, where several are under way."""


class ProposedStatus(msgspec.Struct, kw_only=True, omit_defaults=True):
    """`PREFIX/ota/status`: the update that was asked for last, and all there are."""

    status: str
    """idle, pending, in_progress, paused, completed, failed, cancelled or rolled_back."""
    progress: int
    """Percent."""
    timestamp: int
    """Unix seconds, of the latest change."""
    updated_nodes: int
    """Those that run the image."""
    total_nodes: int
    """Those that are meant, as far as is known."""
    estimated_completion: int | None = None
    """Seconds, were the rest to go as what is done went."""
    rollout: str = ""
    """Id of the update that this is about."""
    rollouts: list[dict[str, Any]] = []
    """All that are under way or lately ended: rollout, job, name, state, percent."""
    fetching: list[dict[str, Any]] = []
    """Files on their way to the gateway: job, host, received_bytes, size_bytes, percent."""


class Proposal:
    """Does what is commanded in the proposal's form."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def work(self, text: bytes) -> tuple[ProposedCommand, Do]:
        """See `Control.work`."""
        command = decoded(text, ProposedCommand)
        match command.command:
            case "start_ota":
                return command, lambda: self._start(command)
            case "cancel_ota":
                return command, lambda: self._act(Action.ABORT, command)
            case "rollback":
                return command, lambda: self._act(Action.ROLLBACK, command)
            case _:
                return command, lambda: self._status(command)

    async def _start(self, command: ProposedCommand) -> dict[str, Any]:
        wanted = _wanted(command)
        with self._control.alone(command.job or f"{wanted.md5} {wanted.sha256} {command.role}"):
            found = await self._control.images.have(wanted, CALLER, command.job)
            if command.hardware and command.hardware.upper() != (found.hardware or "").upper():
                raise RequestRefusedError(
                    "refused",
                    f"this firmware is for {found.hardware}, not {command.hardware}",
                )
            spec = _spec(command, found.sha256)
            return await self._control.begin(spec, await self._earlier(spec))

    async def _earlier(self, spec: RolloutSpec) -> RolloutView | None:
        """The rollout of its job; where it has none, the same one if that is under way."""
        service = self._control.service
        if spec.job:
            return await service.rollout_of_job(spec.job)
        for summary in await self._control.under_way():
            if summary.name == spec.name and (view := await service.rollout(summary.id)).spec == spec:
                return view
        return None

    async def _act(self, action: Action, command: ProposedCommand) -> dict[str, Any]:
        rollout = command.rollout
        if not rollout and not command.job:
            rollout = await self._meant(action)
        return await self._control.act(action, ActRequest(rollout=rollout, job=command.job))

    async def _meant(self, action: Action) -> str:
        """The rollout that is meant where none is named."""
        under_way = await self._control.under_way()
        if len(under_way) > 1:
            ids = ", ".join(each.id for each in under_way[:20])
            raise RequestRefusedError("invalid", f"{ids} are under way: say which one with `rollout`")
        newest = next(iter(under_way), None)
        if newest is None and action is Action.ROLLBACK:
            newest = await self._control.newest()
        if newest is None:
            raise NotPossibleError("no update is under way")
        return newest.id

    async def _status(self, command: ProposedCommand) -> dict[str, Any]:
        return await self._control.status(StatusRequest(rollout=command.rollout, job=command.job))


def _wanted(command: ProposedCommand) -> Wanted:
    missing = [name for name in ("url", "role") if not getattr(command, name)]
    if not command.md5 and not command.sha256:
        missing.append("md5")
    if missing:
        raise RequestRefusedError("invalid", f"start_ota needs {', '.join(missing)}")
    return Wanted(command.url, sha256=(command.sha256 or "").lower(), md5=(command.md5 or "").lower())


def _spec(command: ProposedCommand, image: str) -> RolloutSpec:
    options = command.options
    transfer = Transfer(
        strategy="auto" if options.broadcast else "sequential",
        compress="auto" if options.compressed else "never",
    )
    request = StartRequest(
        job=command.job, role=command.role, image=image, waves="staged" if options.progressive else "plain"
    )
    return msgspec.structs.replace(spec_of(request, image), transfer=transfer)


def status_of(
    progresses: Sequence[RolloutProgress], fetching: list[dict[str, Any]], now_s: float
) -> ProposedStatus:
    """`progresses`: newest first."""
    shown = next((each for each in progresses if not each.over), None)
    if shown is None and not fetching:  # what ended is no news any more once a file is on its way
        shown = next(iter(progresses), None)
    rollouts = [
        {
            "rollout": each.rollout,
            **({"job": each.job} if each.job else {}),
            "name": each.name,
            "state": each.state,
            "percent": each.percent,
        }
        for each in progresses
    ]
    if shown is None:
        return ProposedStatus(
            status="in_progress" if fetching else "idle",
            progress=0,
            timestamp=int(now_s),
            updated_nodes=0,
            total_nodes=0,
            rollouts=rollouts,
            fetching=fetching,
        )
    return ProposedStatus(
        status=_WORDS.get(shown.state, "in_progress"),
        progress=shown.percent,
        timestamp=int(now_s),
        updated_nodes=shown.updated,
        total_nodes=shown.total,
        estimated_completion=seconds_left(shown, now_s),
        rollout=shown.rollout,
        rollouts=rollouts,
        fetching=fetching,
    )
