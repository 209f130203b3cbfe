"""Options of the command `fleet` about boards: their firmware, and what goes wrong on them."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from meshward.cli.errors import UsageError
from meshward.text import parse_size

if TYPE_CHECKING:
    from meshward.fleet.boards import StockPlan

_BOARDS = Group("Boards and their firmware", sort_key=2)
_FAULTS = Group("What goes wrong on them; repeat for more", sort_key=2)

#: Seconds; a frame has 16 bits for them.
_TELEMETRY_S_MIN, _TELEMETRY_S_MAX = 1, 65_535
#: A day in less than 9 seconds: faster, two readings have nothing to do with each other.
_SPEED_MAX = 10_000


def _board(words: str) -> Parameter:
    return Parameter(group=_BOARDS, help=words)


def _fault(words: str, metavar: str, group: Group = _FAULTS) -> Parameter:
    return Parameter(group=group, help=words, metavar=metavar, n_tokens=1, negative="", show_default=False)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class StockOptions:
    """What the nodes are, and what goes wrong on them."""

    kind: Annotated[
        Literal["plain", "stock", "alteriom", "meshward"],
        _board(
            "plain: nodes only; stock: boards with unmodified firmware, that take updates over the air; "
            "alteriom: such that send all of Alteriom's packages; meshward: such that tell their health as "
            "telemetry."
        ),
    ] = "plain"
    kind_of: Annotated[list[str] | None, _fault("Another kind: 1003-1010:alteriom", "ID:KIND", _BOARDS)] = (
        None
    )
    role: Annotated[str, _board("Their role.")] = "sensor"
    hardware: Annotated[Literal["ESP32", "ESP8266"], _board("What they call themselves.")] = "ESP32"
    role_of: Annotated[list[str] | None, _fault("Another role: 1003:gate", "ID:ROLE", _BOARDS)] = None
    hardware_of: Annotated[
        list[str] | None, _fault("Other hardware: 1003:ESP8266", "ID:HARDWARE", _BOARDS)
    ] = None
    upstream_2019: Annotated[
        bool,
        Parameter(group=_BOARDS, negative="", show_default=False, help="With the receiver of version 1.4.2."),
    ] = False
    slot_bytes: Annotated[
        list[str] | None, _fault("Room for an image: 1003:100KB or all:1MB", "ID:BYTES", _BOARDS)
    ] = None
    downtime: Annotated[float, _board("Seconds from a restart to the first sign of life.")] = 0.5
    reports: Annotated[
        list[str] | None,
        _fault(
            "Status reports (package 604) every so many seconds: 30, or 1003:30. Boards of kind alteriom "
            "report every 30 seconds, some of their packages every 60",
            "SECONDS|ID:SECONDS",
            _BOARDS,
        ),
    ] = None
    telemetry: Annotated[float, _board("Seconds between samples of boards of kind meshward.")] = 60.0
    life_speed: Annotated[
        float, _board("How many times faster than the clock the boards' health lives: 60 to see a leak soon.")
    ] = 1.0
    report: Annotated[
        Path | None,
        Parameter(
            group=_BOARDS,
            metavar="FILE",
            help="Write what each board runs to this file, as JSON, at the end and on `report`.",
        ),
    ] = None
    lose_parts: Annotated[
        list[str] | None,
        _fault("Parts not received when they first come: 1003:17,18 or all:5%", "ID:PARTS"),
    ] = None
    reboot_at: Annotated[
        list[str] | None, _fault("Restart, once, when this part comes: 1004:50", "ID:PART")
    ] = None
    fail_flash: Annotated[
        list[str] | None, _fault("This part cannot be written; twice only: 1005:10x2", "ID:PART")
    ] = None
    image_behaviour: Annotated[
        list[str] | None,
        _fault(
            "What an image does to the boards that run it: crash-loop[:SECONDS], leak[:SECONDS], "
            "lost-radio[:SECONDS], silent, slow[:FACTOR] or fine. The image is its MD5, the first 6 digits "
            "of that or more, or its file: new.bin:crash-loop:20",
            "MD5:WHAT",
        ),
    ] = None

    story: Annotated[
        list[str] | None,
        _fault(
            "What happens to a board of its own accord: leak[:BYTES_PER_HOUR], flap[:PER_HOUR], "
            "crash[:SECONDS], weak[:DBM], busy, hot, silent[:SECONDS], move[:PER_HOUR], clock[:MS] or "
            "hostile[:PER_SECOND], with the node behind the word: leak:1005:400,flap:1010",
            "STORY:ID",
        ),
    ] = None

    def plan(self) -> "StockPlan | None":
        """What the boards are; None for plain nodes. Raises FleetError, UsageError."""
        if self.kind == "plain" and not self.kind_of:
            self._refuse_without_boards()
            return None
        from meshward.fleet import behaviours, boards, stories  # noqa: PLC0415 a help page needs no fleet

        read = boards.read_settings
        self._check_numbers()
        return boards.StockPlan(
            self.role,
            self.hardware,
            self.upstream_2019,
            int(self.downtime * 1e6),
            read("role-of", self.role_of or (), boards.read_name, "1003:gate"),
            read("hardware-of", self.hardware_of or (), boards.read_name, "1003:ESP8266"),
            read("slot-bytes", self.slot_bytes or (), parse_size, "1003:100KB"),
            read("lose-parts", self.lose_parts or (), boards.read_losses, "1003:17,18"),
            read("reboot-at", self.reboot_at or (), boards.read_number, "1004:50"),
            read("fail-flash", self.fail_flash or (), boards.read_flash_fault, "1005:10"),
            boards.read_reports(self.reports or ()),
            behaviours.read_behaviours(self.image_behaviour or ()),
            kind=self.kind,
            kind_of=read("kind-of", self.kind_of or (), boards.read_kind, "1003:alteriom"),
            telemetry_us=round(self.telemetry * 1e6),
            stories=stories.read_stories(self.story or ()),
            life_speed=self.life_speed,
        )

    def _check_numbers(self) -> None:
        if not 0 <= self.downtime < float("inf"):
            raise UsageError("--downtime must be a number of seconds, 0 or more")
        if not _TELEMETRY_S_MIN <= self.telemetry <= _TELEMETRY_S_MAX:
            raise UsageError(
                f"--telemetry must be a number of seconds from {_TELEMETRY_S_MIN} to {_TELEMETRY_S_MAX}"
            )
        if not 0 < self.life_speed <= _SPEED_MAX:
            raise UsageError(f"--life-speed must be a number above 0, {_SPEED_MAX} at most")

    def _refuse_without_boards(self) -> None:
        for option in fields(self):
            if getattr(self, option.name) != option.default:
                flag = option.name.replace("_", "-")
                raise UsageError(f"--{flag} is about boards: add --kind stock, alteriom or meshward")


PLAIN_BOARDS = StockOptions()
