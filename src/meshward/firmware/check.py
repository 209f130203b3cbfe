"""Whether an image may be pushed to a kind of board.

Unmodified boards check next to nothing themselves, so what is refused here is what would cost a trip to the
board with a cable. `force` sets aside a refusal where Meshward cannot know better than the person who asks,
and never one where the board is sure to refuse the image, or to be left without a program.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from meshward.firmware.chips import (
    ESP32_FLASH_BYTES,
    ESP8266_SKETCH_BYTES,
    HARDWARE_ESP32,
    HARDWARE_ESP8266,
    chip_by_name,
)
from meshward.firmware.compress import ESP32_HAS_NO_GZIP
from meshward.firmware.image import FirmwareImage, Kind, Problem

_HARDWARES = (HARDWARE_ESP32, HARDWARE_ESP8266)

#: Warnings that stop a push unless it is forced, and why a person may know better.
_DOUBTS = {
    "trailing_data": "boards ignore what follows a whole image",
    "unverifiable": "the file may be whole all the same, and boot without the Arduino boot loader",
    "unknown_chip": "newer boards than this version knows exist",
    "no_wifi": "the boards may have Wi-Fi from a second chip",
    "partition_table": "the table is not sent, only the application",
}

_NOT_DAMAGED = "a damaged image leaves a board without a program"
_NOT_BOOTABLE = "a board cannot start it"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an image is not pushed."""

    #: Stable name, for programs.
    code: str
    #: What is the matter.
    message: str
    #: What to do instead.
    remedy: str
    #: Whether `--force` sets it aside.
    overridable: bool
    #: Why it can, or cannot, be set aside.
    why: str


def check_for_push(
    image: FirmwareImage,
    hardware: str,
    slot_bytes: int | None = None,
    force: bool = False,
    *,
    chip: str | None = None,
) -> list[Refusal]:
    """What speaks against pushing `image` to boards that call themselves `hardware`; empty: nothing does.

    `slot_bytes` is the room a board has for an application, where it is known; `chip` the boards' chip
    (ESP32-C3), where it is known: all chips of the ESP32 family call themselves ESP32. With `force`, only
    what cannot be set aside is returned.
    """
    refusals = [
        *_about_file(image),
        *_about_hardware(image, hardware, chip),
        *_about_size(image, slot_bytes),
    ]
    return [refusal for refusal in refusals if not (force and refusal.overridable)]


def _about_file(image: FirmwareImage) -> Iterator[Refusal]:
    for layer in image.layers():
        for problem in layer.problems:
            if problem in layer.errors:
                yield _final(problem.code, _where(image, layer, problem), problem.remedy, _NOT_DAMAGED)
            elif problem.code in _DOUBTS:
                yield _doubt(
                    problem.code, _where(image, layer, problem), problem.remedy, _DOUBTS[problem.code]
                )
        yield from _about_kind(layer)


def _about_kind(layer: FirmwareImage) -> Iterator[Refusal]:
    if layer.kind is Kind.FLASH and layer.inner is not None:
        yield _final(
            "whole_flash",
            f"the file holds {layer.what}; boards take the application alone over the air, which begins at "
            f"{layer.inner_offset:#x} of it and has {layer.inner.size_bytes} bytes",
            "add --extract to use that part, or give the application's own .bin file",
            "a board refuses it, or is left without a program",
        )
    elif layer.kind is Kind.ESP32_BOOTLOADER:
        yield _final(
            "boot_loader",
            f"the file is an {layer.what}, not the application",
            "give the application's .bin file of the same build (often named after the project)",
            "in an application slot it leaves a board without a program",
        )
    elif layer.kind is Kind.ESP8266_V2:
        yield _final(
            "version_2_image",
            "the file is an ESP8266 version 2 image, which the updater of painlessMesh boards refuses",
            "give the .bin file of the Arduino or PlatformIO build",
            "those boards take images that begin with 0xE9, or gzip",
        )


def _about_hardware(image: FirmwareImage, hardware: str, chip: str | None) -> Iterator[Refusal]:
    if image.kind is Kind.GZIP and HARDWARE_ESP32 in {image.hardware, hardware}:
        remedy = (
            "give the application as it is" if image.hardware != HARDWARE_ESP8266 else _other_hardware(image)
        )
        yield _final("gzip_for_esp32", ESP32_HAS_NO_GZIP, remedy, "the boards would refuse it")
    if hardware not in _HARDWARES:
        yield _doubt(
            "unknown_hardware",
            f"painlessMesh boards call themselves ESP32 or ESP8266, exactly so, and not {hardware}",
            f"use --hardware {image.hardware or HARDWARE_ESP32}",
            "your own node code may use another name",
        )
    elif image.hardware is not None and image.hardware != hardware:
        yield _final(
            "wrong_hardware",
            f"the image is for {image.chip or image.hardware}, and the boards asked for are {hardware}",
            _other_hardware(image),
            _NOT_BOOTABLE,
        )
        return
    yield from _about_chip(image, chip)


def _about_chip(image: FirmwareImage, chip: str | None) -> Iterator[Refusal]:
    if chip is None or image.chip is None:
        return
    wanted = chip_by_name(chip)
    if wanted is None or wanted.name != image.chip:
        yield _final(
            "wrong_chip",
            f"the image is for {image.chip}, and the boards asked for have {wanted.name if wanted else chip}",
            "give the image that was built for their chip",
            _NOT_BOOTABLE,
        )


def _other_hardware(image: FirmwareImage) -> str:
    return f"give the image built for those boards, or use --hardware {image.hardware}"


def _about_size(image: FirmwareImage, slot_bytes: int | None) -> Iterator[Refusal]:
    # The unpacked application is what has to fit the flash; the file as it is, what has to fit the slot.
    unpacked = list(image.layers())[-1]
    most = ESP8266_SKETCH_BYTES if image.hardware == HARDWARE_ESP8266 else ESP32_FLASH_BYTES
    if unpacked.size_bytes > most and image.kind is not Kind.FLASH:
        yield _final(
            "too_large",
            f"the application has {unpacked.size_bytes} bytes, and no "
            f"{image.hardware or HARDWARE_ESP32} board takes more than {most}",
            "give the application alone, without a file system or the rest of the flash",
            "it fits no board",
        )
    elif slot_bytes is not None and image.kind is not Kind.FLASH and image.size_bytes > slot_bytes:
        yield _doubt(
            "larger_than_slot",
            f"the image has {image.size_bytes} bytes, and the boards have room for {slot_bytes}",
            "make the firmware smaller, or give the boards a partition table with a larger application slot",
            "a board stops by itself when its slot is full, and goes on with what it runs",
        )


def _where(image: FirmwareImage, layer: FirmwareImage, problem: Problem) -> str:
    if layer is image:
        return problem.message
    container = "the gzip file" if image.kind is Kind.GZIP else "the whole flash"
    return f"inside {container}: {problem.message}"


def _final(code: str, message: str, remedy: str, why: str) -> Refusal:
    return Refusal(code, message, remedy, overridable=False, why=why)


def _doubt(code: str, message: str, remedy: str, why: str) -> Refusal:
    return Refusal(code, message, remedy, overridable=True, why=why)
