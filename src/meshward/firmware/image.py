"""What is known of a firmware file, as frozen values."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a file is, as far as an update cares."""

    #: Application of a chip of the ESP32 family: what a board takes over the air.
    ESP32_APP = "esp32-app"
    #: Second-stage boot loader of the ESP32 family: over the air it would leave the board without a program.
    ESP32_BOOTLOADER = "esp32-bootloader"
    #: ESP8266 Arduino build: boot loader (eboot), then the sketch at 0x1000. What such a board takes.
    ESP8266_ARDUINO = "esp8266-arduino"
    #: ESP8266 image of another toolkit, or the first of several files: RAM sections, then raw flash.
    ESP8266_PLAIN = "esp8266-plain"
    #: ESP8266 image for the vendor's or rBoot's boot loader (magic 0xEA).
    ESP8266_V2 = "esp8266-v2"
    #: Contents of a whole flash: boot loader, partition table, application.
    FLASH = "flash"
    #: Any of these, compressed.
    GZIP = "gzip"
    #: Not firmware, or not in a form that boards take.
    OTHER = "other"


class Severity(StrEnum):
    """How much a problem matters."""

    #: The file is damaged or of no use for an update.
    ERROR = "error"
    #: Probably not what was meant.
    WARNING = "warning"
    #: Worth knowing.
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a file that is not as it should be."""

    severity: Severity
    #: Stable name, for programs: `checksum`, `truncated`, `elf`.
    code: str
    #: What is the matter, for people.
    message: str
    #: What to do instead; empty where there is nothing to do.
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the image that is loaded, or mapped, in one piece."""

    #: Address it appears at.
    address: int
    size_bytes: int
    #: Where its data begins in the file, in bytes.
    offset: int


@dataclass(frozen=True, slots=True)
class FlashSettings:
    """How the header asks for the flash to be read. None where the number has no known meaning."""

    #: QIO, QOUT, DIO or DOUT.
    mode: str | None
    #: As tools write it: 4MB.
    size: str | None
    frequency_mhz: int | None


@dataclass(frozen=True, slots=True)
class AppDescription:
    """`esp_app_desc_t`, which ESP-IDF embeds; texts are made safe to print.

    In Arduino builds it is the one of the precompiled core, not of the sketch.
    """

    project: str
    version: str
    idf_version: str
    #: Compiler's date and time, as it wrote them: `Mar 28 2025`, `06:14:09`. No time zone.
    build_date: str
    build_time: str
    #: Anti-rollback counter.
    secure_version: int
    #: SHA-256 of the ELF file the image was made of, lower-case hexadecimal.
    elf_sha256: str


@dataclass(frozen=True, slots=True)
class Partition:
    """One entry of a partition table."""

    label: str
    type: int
    subtype: int
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """All that is known of a file. `inspect` makes it; the file's bytes are not kept."""

    kind: Kind
    #: What the file is, in a few words: "ESP32-C3 application".
    what: str
    size_bytes: int
    #: Of the whole file, lower-case hexadecimal. painlessMesh announces this one.
    md5: str
    sha256: str
    #: Chip's name; None when unknown. Of a container (`gzip`, `flash`), what is inside.
    chip: str | None = None
    #: The header's number for it; None for the ESP8266, which has none.
    chip_id: int | None = None
    #: What boards with this chip call themselves in painlessMesh: ESP32 or ESP8266.
    hardware: str | None = None
    flash: FlashSettings | None = None
    #: Address of the first instruction.
    entry_point: int | None = None
    segments: tuple[Segment, ...] = ()
    #: Whether the XOR checksum over the segments holds; None when there is none to check.
    checksum_ok: bool | None = None
    #: Whether the hash over the image holds (ESP32 family: SHA-256; ESP8266: CRC-32); None: it has none.
    hash_ok: bool | None = None
    app: AppDescription | None = None
    #: `gzip`, or None.
    compression: str | None = None
    partitions: tuple[Partition, ...] = ()
    #: What a container holds.
    inner: "FirmwareImage | None" = None
    #: Where in the file the inner image begins, in bytes; None when it has to be unpacked.
    inner_offset: int | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that make the file unfit."""
        return tuple(problem for problem in self.problems if problem.severity is Severity.ERROR)

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong with the file, nor with what it holds."""
        return not self.errors and (self.inner is None or self.inner.intact)

    def layers(self) -> Iterator["FirmwareImage"]:
        """The image itself, what it holds, and so on."""
        layer: FirmwareImage | None = self
        while layer is not None:
            yield layer
            layer = layer.inner


def error(code: str, message: str, remedy: str = "") -> Problem:
    """A problem that makes the file unfit."""
    return Problem(Severity.ERROR, code, message, remedy)


def warning(code: str, message: str, remedy: str = "") -> Problem:
    """A problem that probably means a mistake."""
    return Problem(Severity.WARNING, code, message, remedy)


def note(code: str, message: str, remedy: str = "") -> Problem:
    """Something worth knowing."""
    return Problem(Severity.NOTE, code, message, remedy)
