"""What a rollout is to do: the values a user gives, with defaults that suit most.

All are checked by `validate.check_spec`; unknown keys are refused when decoded.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from meshward.rollout.states import ErrorClass

Amount = str
"""A number of nodes, "3", or a share of them, "10%"; see `amounts`."""


class Wave(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nodes that are updated together, and what must hold before the next ones are."""

    name: str
    size: Amount = "100%"
    """Of all targets; at least one node. The last wave takes all that are left."""
    nodes: tuple[int, ...] = ()
    """These nodes instead of `size` chosen ones."""
    soak_s: float = 300.0
    """How long the wave runs the image before it is judged; time in which nobody watches does not count."""
    success_min: Amount = "90%"
    """Success gate: nodes of the wave that must run the image, of those that were reached."""
    errors_max: Amount = "10%"
    """Error gate: more errors than this among the nodes of the wave stop the rollout at once."""
    errors_sample_min: int = 1
    """The error gate is not looked at before so many nodes of the wave have ended."""
    error_classes: tuple[ErrorClass, ...] = tuple(ErrorClass)
    """What counts as an error."""
    go_ahead: Literal["auto", "manual"] = "auto"
    """Whether the wave starts by itself once the one before it passed."""
    batch: int = 0
    """Nodes updated at once to begin with, 0 for the whole wave; later batches grow by `batch_growth`."""
    batch_growth: float = 2.0


CANARY_SOAK_S = 600.0
DEFAULT_WAVES = (
    Wave(name="canary", size="5%", soak_s=CANARY_SOAK_S, success_min="100%", errors_max="0"),
    Wave(name="early adopters", size="25%", soak_s=300.0),
    Wave(name="everyone", size="100%", soak_s=300.0),
)


class Health(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a node that runs the new image must be like. What a board does not report is not judged."""

    restarts_max: int = 1
    """Restarts, or falls out of the mesh of its own, forgiven; one more for each 12 hours watched."""
    absence_max_s: float = 60.0
    """How long a node may be out of the mesh during the soak."""
    delay_factor_max: float = 3.0
    """Its delay against its own before the update, and against not yet updated peers of its hardware."""
    heap_ratio_min: float = 0.7
    """Its free heap against its own before the update, and against such peers, where it is reported."""


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When nodes may be updated. Where `end` is not after `start`, it ends on the next day."""

    start: str = "00:00"
    end: str = "00:00"
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        "mon", "tue", "wed", "thu", "fri", "sat", "sun",
    )  # fmt: skip
    """Days on which it begins."""
    zone: str = "UTC"
    """Time zone by its name, as "Europe/Berlin"."""


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which nodes are meant: all that meet every condition given, and are not excluded from updates."""

    roles: tuple[str, ...]
    """As boards give them to `initOTAReceive`; stock boards answer to nothing else."""
    nodes: tuple[int, ...] = ()
    """Only these, where any are given."""
    exclude: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    """Only nodes with all of these tags."""
    versions: tuple[str, ...] = ()
    """Only nodes known to run one of these versions."""


class Transfer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the bytes get there; the defaults are those of `meshward push`."""

    strategy: Literal["auto", "broadcast", "sequential", "stock"] = "auto"
    compress: Literal["auto", "never", "gzip"] = "auto"
    part_bytes: int | None = None
    window: int | None = None
    concurrency: int | None = None
    backlog_bytes: int | None = None
    force: bool = False
    """Set aside what may be set aside of a refusal."""
    chip: str | None = None
    """The boards' chip: refuses images for another one."""


class RolloutSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rollout, as asked for."""

    name: str
    images: tuple[str, ...]
    """Firmware of the library by its SHA-256; at most one for each kind of hardware."""
    target: Target
    waves: tuple[Wave, ...] = DEFAULT_WAVES
    failure_budget: Amount = "10%"
    """More errors than this among all targets stop the rollout, whatever the waves allow."""
    health: Health = Health()
    on_failure: Literal["rollback", "pause"] = "rollback"
    rollback_to: tuple[str, ...] = ()
    """The last good firmware, one for each kind of hardware; else what a node was last proven to run."""
    approval: bool = False
    """Whether it waits for somebody's approval before it starts."""
    start_at: str | None = None
    """ISO 8601 with an offset; at once where not given."""
    windows: tuple[Window, ...] = ()
    """Maintenance windows; at any time where none is given."""
    late_joiners: bool = True
    """Whether nodes that join while it runs are updated too, in the last wave."""
    absent_wait_s: float = 0.0
    """How long to wait, after the last wave, for nodes that were not seen ("when next seen")."""
    transfer: Transfer = Transfer()
    notes: str = ""
    job: str = ""
    """Of the program that asked for it: no two rollouts have the same one, so asking twice does no harm."""


def push_spec(name: str, image: str, target: Target, transfer: Transfer) -> RolloutSpec:
    """A plain update: one wave of everybody, without soak and gates."""
    wave = Wave(name="everyone", soak_s=0.0, success_min="0", errors_max="100%")
    return RolloutSpec(
        name=name,
        images=(image,),
        target=target,
        waves=(wave,),
        failure_budget="100%",
        on_failure="pause",
        late_joiners=False,
        transfer=transfer,
    )
