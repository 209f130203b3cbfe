"""Which boards a virtual fleet is made of, and what goes wrong on them."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, Literal, TypeVar, get_args

from meshward.errors import FleetError
from meshward.sim.behaviour import Behaviours
from meshward.sim.board import DOWNTIME_US, ESP8266, TELEMETRY_US, Board
from meshward.sim.faults import UpdateFaults
from meshward.sim.flash import ESP32_SLOT_BYTES, Flash
from meshward.sim.life import Life
from meshward.sim.stories import Story

T = TypeVar("T")

Kind = Literal["plain", "stock", "alteriom", "meshward"]
"""What a node is: no board but a node alone, or a board with firmware of this kind (`meshward.sim.board`)."""
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Seconds between reports: more often no board finds the time, and less often it is as good as never.
REPORTS_S_MIN, REPORTS_S_MAX = 0.1, 1e6


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value for the nodes `first` to `last`, both included; for every node where they are None."""

    value: T
    first: int | None = None
    last: int | None = None

    def covers(self, node_id: int) -> bool:
        """Whether it is for this node."""
        return self.first is None or self.last is None or self.first <= node_id <= self.last


@dataclass(frozen=True, slots=True)
class Losses:
    """Frames that are lost, once each: these parts, and each other part with this probability."""

    parts: tuple[int, ...] = ()
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class FlashFault:
    """A part that cannot be written, so many times, None for ever; no part: all can."""

    part: int | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class StockPlan:
    """What the boards are. Of the settings that cover a node the last counts; of losses and stories, all."""

    role: str = "sensor"
    hardware: str = "ESP32"
    upstream_2019: bool = False
    #: From a restart to the first sign of life.
    downtime_us: int = DOWNTIME_US
    role_of: Sequence[Setting[str]] = ()
    hardware_of: Sequence[Setting[str]] = ()
    slot_bytes: Sequence[Setting[int]] = ()
    lose_parts: Sequence[Setting[Losses]] = ()
    reboot_at: Sequence[Setting[int]] = ()
    fail_flash: Sequence[Setting[FlashFault]] = ()
    #: Microseconds from one status report of a board to the next; boards without a setting send none.
    reports_us: Sequence[Setting[int]] = ()
    #: What the images do, whichever board runs them. Looked up at each start, so it may change meanwhile.
    behaviours: Behaviours = field(default_factory=Behaviours)
    kind: Kind = "stock"
    kind_of: Sequence[Setting[Kind]] = ()
    #: Microseconds from one sample of a meshward board to the next.
    telemetry_us: int = TELEMETRY_US
    stories: Sequence[Setting[Story]] = ()
    #: How many times faster than the clock the boards' health lives.
    life_speed: float = 1.0

    def check(self, node_ids: range) -> None:
        """Raise FleetError for a setting of a node that the fleet does not have, or that is no board."""
        groups: tuple[Iterable[Setting[Any]], ...] = (
            *(self.role_of, self.hardware_of, self.slot_bytes),
            *(self.lose_parts, self.reboot_at, self.fail_flash, self.reports_us),
            *(self.kind_of, self.stories),
        )
        for setting in chain(*groups):
            for node_id in (setting.first, setting.last):
                if node_id is not None and node_id not in node_ids:
                    raise FleetError(
                        f"no node {node_id} in this fleet; it has {node_ids[0]} to {node_ids[-1]}"
                    )

        for story in self.stories:
            for node_id in node_ids:
                if story.covers(node_id) and story.first is not None and self.kind_at(node_id) == "plain":
                    raise FleetError(
                        f"node {node_id} is no board, so there is no story of it: "
                        f"give it firmware with --kind-of {node_id}:meshward"
                    )

    def kind_at(self, node_id: int) -> Kind:
        """What a node is."""
        return _last(self.kind_of, node_id, self.kind)

    def board(self, node_id: int, seed: int) -> Board | None:
        """One board, as delivered; None for a plain node. What happens at random follows from `seed`."""
        kind = self.kind_at(node_id)
        if kind == "plain":
            return None
        stories = [setting.value for setting in self.stories if setting.covers(node_id)]
        hardware = _last(self.hardware_of, node_id, self.hardware)
        losses = [setting.value for setting in self.lose_parts if setting.covers(node_id)]
        reboots = [setting.value for setting in self.reboot_at if setting.covers(node_id)]
        failure = _last(self.fail_flash, node_id, FlashFault())
        return Board(
            _last(self.role_of, node_id, self.role),
            hardware,
            flash=Flash(
                slot_bytes=_last(self.slot_bytes, node_id, ESP32_SLOT_BYTES), gzip=hardware == ESP8266
            ),
            faults=UpdateFaults(
                lose_parts=[part for loss in losses for part in loss.parts],
                lose_share=max((loss.share for loss in losses), default=0.0),
                rng=random.Random(f"{seed}/{node_id}/faults"),  # noqa: S311 to be repeatable is the point
                reboot_at_part=reboots[-1] if reboots else None,
                fail_write_at_part=failure.part,
                fail_writes=failure.times,
            ),
            upstream_2019=self.upstream_2019,
            behaviours=self.behaviours,
            reports_us=_last_or_none(self.reports_us, node_id),
            rng=random.Random(f"{seed}/{node_id}/firmware"),  # noqa: S311 as above
            firmware=kind,
            telemetry_us=self.telemetry_us,
            stories=stories,
            life=Life(node_id, hardware, seed=seed, stories=stories, speed=self.life_speed),
        )


def read_settings(
    flag: str, texts: Sequence[str], read: Callable[[str], T], example: str
) -> list[Setting[T]]:
    """Flags like `1003:VALUE`, `1003-1007:VALUE` or `all:VALUE`. Raises FleetError with the example."""
    settings = []
    for text in texts:
        nodes, _, value = text.partition(":")
        try:
            settings.append(Setting(read(value), *read_nodes(nodes)))
        except ValueError:
            raise FleetError(
                f"--{flag} {text}: write it as --{flag} {example}, "
                "for nodes 1003-1007 or all instead of one as well"
            ) from None
    return settings


def read_nodes(text: str) -> tuple[int | None, int | None]:
    """The first and the last of `1003`, `1003-1007` or `all`. Raises ValueError."""
    if text == "all":
        return None, None
    first, dash, last = text.partition("-")
    return read_number(first), read_number(last if dash else first)


def read_name(text: str) -> str:
    """A role or hardware: any text but none."""
    if not text:
        raise ValueError(text)
    return text


def read_kind(text: str) -> Kind:
    """One of `KINDS`."""
    if text not in KINDS:
        raise ValueError(text)
    return text


def read_losses(text: str) -> Losses:
    """`17,18` (17,17 for twice) or `5%`."""
    if text.endswith("%"):
        share = float(text[:-1]) / 100
        if not 0 <= share <= 1:
            raise ValueError(text)
        return Losses(share=share)
    return Losses(tuple(read_number(part) for part in text.split(",")))


def read_flash_fault(text: str) -> FlashFault:
    """`10` for always, `10x2` for twice."""
    part, twice, times = text.partition("x")
    return FlashFault(read_number(part), read_number(times) if twice else None)


def read_reports(texts: Sequence[str]) -> list[Setting[int]]:
    """Flags like `30`, for all nodes, or `1003:30`, in seconds. Raises FleetError."""
    settings: list[Setting[int]] = []
    for text in texts:
        if ":" in text:
            settings += read_settings("reports", [text], _read_interval_us, "1003:30")
            continue
        try:
            settings.append(Setting(_read_interval_us(text)))
        except ValueError:
            raise FleetError(
                f"--reports {text}: write it as --reports 30, or --reports 1003:30; 0.1 seconds at least"
            ) from None
    return settings


def _read_interval_us(text: str) -> int:
    seconds = float(text)
    if not REPORTS_S_MIN <= seconds <= REPORTS_S_MAX:
        raise ValueError(text)
    return round(seconds * 1e6)


def _last_or_none(settings: Sequence[Setting[T]], node_id: int) -> T | None:
    return next((setting.value for setting in reversed(settings) if setting.covers(node_id)), None)


def _last(settings: Sequence[Setting[T]], node_id: int, default: T) -> T:
    for setting in settings:
        if setting.covers(node_id):
            default = setting.value
    return default


def read_number(text: str) -> int:
    """A number of a node or a part."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)
