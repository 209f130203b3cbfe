"""Which image for which boards: the options that `push` and `verify` share."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from meshward.cli.errors import UsageError
from meshward.cli.options import parse_node_id

if TYPE_CHECKING:
    from meshward.push import Options, PreparedImage

WHAT = Group("What and to whom", sort_key=1)
HOW = Group("How", sort_key=2)


def _node_ids(words: str) -> Parameter:
    return Parameter(
        group=WHAT,
        converter=lambda _type, tokens: tuple(
            parse_node_id(text) for token in tokens for text in token.value.split(",")
        ),
        n_tokens=1,
        accepts_keys=False,
        negative="",
        metavar="IDS",
        show_default=False,
        help=words,
    )


File = Annotated[Path, Parameter(help="The firmware: the .bin file of the build.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """Which image, for which boards."""

    role: Annotated[
        str,
        Parameter(
            group=WHAT,
            help="The boards' role, as given to initOTAReceive() in their sketch. Others are left alone.",
        ),
    ]
    hardware: Annotated[
        Literal["ESP32", "ESP8266"] | None,
        Parameter(group=WHAT, help="What the boards call themselves; as the image says where not given."),
    ] = None
    chip: Annotated[
        str | None,
        Parameter(group=WHAT, help="The boards' chip, such as ESP32-C3: refuses images for another one."),
    ] = None
    nodes: Annotated[tuple[int, ...], _node_ids("Only these nodes; apart by commas, or repeat it.")] = ()
    exclude: Annotated[tuple[int, ...], _node_ids("Not these nodes; apart by commas, or repeat it.")] = ()
    compress: Annotated[
        Literal["auto", "never", "gzip"],
        Parameter(group=HOW, help="gzip for ESP8266 boards (Arduino core 2.7.0 and later unpack it)."),
    ] = "auto"
    extract: Annotated[
        bool,
        Parameter(
            group=HOW,
            negative="",
            show_default=False,
            help="Use the application inside a whole-flash image.",
        ),
    ] = False
    force: Annotated[
        bool,
        Parameter(
            group=HOW, negative="", show_default=False, help="Set aside what may be set aside of a refusal."
        ),
    ] = False
    part_size: Annotated[
        int | None,
        Parameter(group=HOW, metavar="BYTES", help="Bytes a part; 3072 for ESP32, 2048 for ESP8266."),
    ] = None

    def prepared(self, file: Path) -> "PreparedImage":
        """The file, looked at. Raises UsageError, UpdateRefusedError."""
        from meshward.push import PART_BYTES_MAX, prepare  # noqa: PLC0415 a help page needs none of it

        if self.part_size is not None and not 64 <= self.part_size <= PART_BYTES_MAX:
            raise UsageError(f"--part-size must be 64 to {PART_BYTES_MAX} bytes, not {self.part_size}")
        return prepare(
            file,
            role=self.role,
            hardware=self.hardware,
            chip=self.chip,
            compress=self.compress,
            part_bytes=self.part_size,
            extract=self.extract,
            force=self.force,
        )

    def core_options(self) -> "Options":
        """What the update core is told of this."""
        from meshward.push import Options  # noqa: PLC0415

        return Options(only=frozenset(self.nodes) or None, exclude=frozenset(self.exclude))
