"""From a file to what is sent: looked at, refused or compressed, and cut into parts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshward.errors import FirmwareError, UpdateRefusedError
from meshward.firmware import (
    HARDWARE_ESP32,
    CompressionMode,
    FirmwareImage,
    check_for_push,
    choose_compression,
    describe,
    extract_application,
    inspect,
)
from meshward.ota.frames import Offer
from meshward.ota.parts import Parts

FILE_BYTES_MAX = 64 * 1024 * 1024
"""Larger files are not even read: no board has so much flash."""

PART_BYTES = {"ESP8266": 2048}
PART_BYTES_DEFAULT = 3072
"""Larger parts cost fewer bytes and passes; boards were seen to take 16 KB, but a relay must hold
whole frames in its heap, and above 4400 bytes of payload corruption was reported."""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """What is offered to the nodes."""

    file: str
    image: FirmwareImage
    offer: Offer
    parts: Parts
    compression: str
    compression_reason: str

    def summary(self) -> dict[str, Any]:
        """What is pushed, for reports."""
        return {
            "file": self.file,
            "size_bytes": self.image.size_bytes,
            "sent_bytes": len(self.parts.data),
            "compression": self.compression,
            "md5": self.offer.md5,
            "sha256": self.image.sha256,
            "hardware": self.offer.hardware,
            "role": self.offer.role,
            "chip": describe(self.image).get("chip"),
        }


def read_file(path: Path) -> bytes:
    """The bytes of a firmware file. Raises UpdateRefusedError with what to do instead."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise UpdateRefusedError(f"{path} is a directory; give the .bin file of the build")
        if size > FILE_BYTES_MAX:
            raise UpdateRefusedError(
                f"{path} has {size} bytes, more than any board's flash; give the application's .bin file"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise UpdateRefusedError(f"there is no file {path}; give the .bin file of the build") from None
    except OSError as error:
        raise UpdateRefusedError(f"cannot read {path}: {error.strerror}") from None


def prepare(
    path: Path,
    *,
    role: str,
    hardware: str | None,
    chip: str | None = None,
    compress: CompressionMode = "auto",
    part_bytes: int | None = None,
    extract: bool = False,
    force: bool = False,
) -> PreparedImage:
    """Look at a file and make of it what is sent.

    `hardware` None takes it from the image. Raises UpdateRefusedError with every reason and what
    to do instead, a file that cannot be read included.
    """
    data = read_file(path)
    image = inspect(data)
    if extract and image.inner is not None:
        data = extract_application(data, image)
        image = inspect(data)
    hardware = hardware or image.hardware or HARDWARE_ESP32
    refusals = check_for_push(image, hardware, force=force, chip=chip)
    if refusals:
        hint = " (--force sets this aside)" if all(refusal.overridable for refusal in refusals) else ""
        reasons = "; ".join(f"{refusal.message}: {refusal.remedy}" for refusal in refusals)
        raise UpdateRefusedError(f"{path.name} is not pushed: {reasons}{hint}")
    try:
        payload = choose_compression(data, image, compress)
    except FirmwareError as error:
        raise UpdateRefusedError(f"{path.name} is not pushed: {error}") from None
    size = part_bytes or PART_BYTES.get(hardware, PART_BYTES_DEFAULT)
    size = min(size, max(1, (len(payload.data) + 1) // 2))  # two parts at least: see ota.check
    offer = Offer(payload.md5, hardware, role)
    return PreparedImage(
        str(path), image, offer, Parts(payload.data, size), payload.compression or "none", payload.reason
    )
