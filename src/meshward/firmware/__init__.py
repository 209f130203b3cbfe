"""Firmware files: what they are, whether they are whole, what may be pushed where, and how it is compressed.

Bytes in, values out: nothing here opens a file, a socket or looks at a clock.
"""

from meshward.errors import FirmwareError
from meshward.firmware.check import Refusal, check_for_push
from meshward.firmware.chips import HARDWARE_ESP32, HARDWARE_ESP8266
from meshward.firmware.compress import CompressionMode, Payload, choose_compression, compress_gzip
from meshward.firmware.describe import describe, summary_lines
from meshward.firmware.image import (
    AppDescription,
    FirmwareImage,
    FlashSettings,
    Kind,
    Partition,
    Problem,
    Segment,
    Severity,
)
from meshward.firmware.inspection import UNPACKED_BYTES_MAX, extract_application, inspect

__all__ = [
    "HARDWARE_ESP32",
    "HARDWARE_ESP8266",
    "UNPACKED_BYTES_MAX",
    "AppDescription",
    "CompressionMode",
    "FirmwareError",
    "FirmwareImage",
    "FlashSettings",
    "Kind",
    "Partition",
    "Payload",
    "Problem",
    "Refusal",
    "Segment",
    "Severity",
    "check_for_push",
    "choose_compression",
    "compress_gzip",
    "describe",
    "extract_application",
    "inspect",
    "summary_lines",
]
