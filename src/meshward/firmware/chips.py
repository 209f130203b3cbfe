"""The chips whose images are known: how each numbers itself, maps its flash, and starts.

The numbers are those of ESP-IDF (`esp_chip_id_t`, the linker maps, the second-stage boot loader's offset),
and of the ESP8266 boot ROM. A chip that is missing here is still read; it only has no name.
"""

from dataclasses import dataclass

#: What painlessMesh boards call themselves in `hardware`. Every chip of the ESP32 family says the same.
HARDWARE_ESP32 = "ESP32"
HARDWARE_ESP8266 = "ESP8266"

#: Largest flash of an ESP32 board that an application can lie in, in bytes.
ESP32_FLASH_BYTES = 16 * 1024 * 1024
#: Application slot of arduino-esp32's default partition table for 4 MB boards, in bytes.
ESP32_DEFAULT_SLOT_BYTES = 0x140000
#: Largest sketch the ESP8266 Arduino core links, in bytes: 1 MB is mapped at once, less the boot loader's
#: sector, the 4 KB below the file system, and the header.
ESP8266_SKETCH_BYTES = 1_044_464

_FLASH_SIZES_ESP32 = ("1MB", "2MB", "4MB", "8MB", "16MB", "32MB", "64MB", "128MB")
_FLASH_SIZES_ESP8266 = ("512KB", "256KB", "1MB", "2MB", "4MB", "2MB-c1", "4MB-c1", "", "8MB", "16MB")
_FREQUENCIES_MHZ = {0: 40, 1: 26, 2: 20, 15: 80}
_FLASH_MODES = ("QIO", "QOUT", "DIO", "DOUT")


@dataclass(frozen=True, slots=True)
class Chip:
    """One kind of chip."""

    #: As Espressif writes it: ESP32-C3.
    name: str
    #: Number in the image header; None for the ESP8266, whose header has no such field.
    chip_id: int | None
    #: What its boards call themselves in painlessMesh.
    hardware: str
    #: Where in flash the boot loader lies, in bytes.
    bootloader_offset: int
    #: Addresses, [start, end), at which flash appears to the CPU: code and constants run from there.
    flash_windows: tuple[tuple[int, int], ...]
    #: Whether it has Wi-Fi, without which it cannot be in a painlessMesh network.
    wifi: bool = True
    #: Flash clock in MHz by the header's number.
    frequencies_mhz: tuple[tuple[int, int], ...] = tuple(_FREQUENCIES_MHZ.items())

    def maps_flash(self, address: int) -> bool:
        """Whether the CPU sees flash at `address`."""
        return any(start <= address < end for start, end in self.flash_windows)


def _esp32(
    name: str,
    chip_id: int,
    bootloader_offset: int,
    *flash_windows: tuple[int, int],
    wifi: bool = True,
    frequencies_mhz: dict[int, int] | None = None,
) -> Chip:
    frequencies = tuple((frequencies_mhz or _FREQUENCIES_MHZ).items())
    return Chip(name, chip_id, HARDWARE_ESP32, bootloader_offset, flash_windows, wifi, frequencies)


_C5_MHZ = {0: 40, 2: 20, 15: 80}
_H2_MHZ = {0: 24, 1: 16, 2: 12, 15: 48}

ESP8266 = Chip("ESP8266", None, HARDWARE_ESP8266, 0, ((0x40200000, 0x40300000),))
ESP32 = _esp32("ESP32", 0, 0x1000, (0x3F400000, 0x3F800000), (0x400D0000, 0x40400000))

CHIPS = (
    ESP8266,
    ESP32,
    _esp32("ESP32-S2", 2, 0x1000, (0x3F000000, 0x3FF80000), (0x40080000, 0x40800000)),
    _esp32("ESP32-C3", 5, 0, (0x3C000000, 0x3C800000), (0x42000000, 0x42800000)),
    _esp32("ESP32-S3", 9, 0, (0x3C000000, 0x3D000000), (0x42000000, 0x44000000)),
    _esp32(
        *("ESP32-C2", 12, 0),
        *((0x3C000000, 0x3C400000), (0x42000000, 0x42400000)),
        frequencies_mhz={0: 30, 1: 20, 2: 15, 15: 60},
    ),
    # 0 means 80 MHz here: the ROM's divider is off by two.
    _esp32("ESP32-C6", 13, 0, (0x42000000, 0x43000000), frequencies_mhz={0: 80, 2: 20}),
    _esp32("ESP32-H2", 16, 0, (0x42000000, 0x43000000), wifi=False, frequencies_mhz=_H2_MHZ),
    _esp32("ESP32-P4", 18, 0x2000, (0x40000000, 0x4C000000), wifi=False),
    _esp32("ESP32-C61", 20, 0, (0x42000000, 0x44000000), frequencies_mhz=_C5_MHZ),
    _esp32("ESP32-C5", 23, 0x2000, (0x42000000, 0x44000000), frequencies_mhz=_C5_MHZ),
    _esp32("ESP32-H21", 25, 0, (0x42000000, 0x43000000), wifi=False, frequencies_mhz=_H2_MHZ),
    _esp32("ESP32-H4", 28, 0x2000, (0x42000000, 0x44000000), wifi=False, frequencies_mhz=_H2_MHZ),
)

_BY_ID = {chip.chip_id: chip for chip in CHIPS if chip.chip_id is not None}
_BY_NAME = {chip.name.replace("-", "").lower(): chip for chip in CHIPS}

#: Where boot loaders of the ESP32 family lie, in bytes.
BOOTLOADER_OFFSETS = tuple(sorted({chip.bootloader_offset for chip in _BY_ID.values()}))


def chip_by_id(chip_id: int) -> Chip | None:
    """The chip of the ESP32 family with this number in its image headers."""
    return _BY_ID.get(chip_id)


def chip_by_name(name: str) -> Chip | None:
    """The chip people mean: case, hyphens and underscores do not matter."""
    return _BY_NAME.get(name.lower().replace("-", "").replace("_", ""))


def flash_mode(number: int) -> str | None:
    """Byte 2 of an image header: how many lines the flash is read over."""
    return _FLASH_MODES[number] if number < len(_FLASH_MODES) else None


def flash_size(hardware: str, number: int) -> str | None:
    """High half of byte 3 of an image header."""
    sizes = _FLASH_SIZES_ESP8266 if hardware == HARDWARE_ESP8266 else _FLASH_SIZES_ESP32
    return (sizes[number] or None) if number < len(sizes) else None


def flash_frequency_mhz(chip: Chip | None, number: int) -> int | None:
    """Low half of byte 3 of an image header."""
    return dict(chip.frequencies_mhz).get(number) if chip else _FREQUENCIES_MHZ.get(number)
