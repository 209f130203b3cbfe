import dataclasses

import pytest

from meshward.firmware import Kind, Severity, inspect
from meshward.firmware.chips import CHIPS, chip_by_id, chip_by_name
from meshward.firmware.segments import eboot_crc, xor_of
from meshward.firmware.synthetic import synthetic_bootloader, synthetic_image
from tests.support import firmware_builds as build
from tests.support import firmware_samples as samples


def codes(image):
    return [problem.code for problem in image.problems]


@pytest.fixture(params=samples.SAMPLES, ids=lambda make: make.__name__)
def sample(request):
    return request.param()


def test_what_a_sample_is(sample):
    image = inspect(sample.data)
    assert {name: getattr(image, name) for name in sample.facts} == sample.facts


def test_an_esp32_application_describes_itself():
    sample = samples.esp32()
    image = inspect(sample.data)
    assert image.flash == dataclasses.replace(image.flash, mode="DIO", size="4MB", frequency_mhz=40)
    if sample.real:
        assert (len(image.segments), image.app.project) == (6, "arduino-lib-builder")
        assert image.app.idf_version.startswith("v5.4.1")
        assert (image.app.build_date, image.app.build_time) == ("Mar 28 2025", "06:14:09")
        assert image.app.elf_sha256.startswith("e3d0834a23d9f23e")
        assert image.segments[3].address == 0x400D0020
    else:
        assert (image.app.project, image.app.version) == ("sensor", "1.0.0")


def test_an_arduino_build_is_two_images():
    image = inspect(samples.esp8266().data)
    assert image.segments[0].address == 0x4010F000
    assert [s.address for s in image.segments if s.offset == 0x1010] == [0x40201010]


@pytest.mark.parametrize(
    "chip", [chip for chip in CHIPS if chip.chip_id is not None], ids=lambda chip: chip.name
)
def test_each_chip_of_the_family_is_told_by_its_number(chip):
    image = inspect(synthetic_image(30_000, hardware=chip.name))
    assert (image.kind, image.chip, image.chip_id) == (Kind.ESP32_APP, chip.name, chip.chip_id)
    assert image.hardware == "ESP32"
    assert codes(image) == ([] if chip.wifi else ["no_wifi"])


def test_chips_are_found_by_number_and_by_any_spelling():
    assert chip_by_id(9).name == chip_by_name("esp32s3").name == chip_by_name("ESP32_S3").name == "ESP32-S3"
    assert chip_by_name("8266") is None
    assert chip_by_id(99) is None


def test_an_unknown_chip_is_read_all_the_same():
    image = inspect(build.esp32_with(synthetic_image(30_000), build.CHIP_ID, 99))
    assert (image.kind, image.chip, image.chip_id, image.hash_ok) == (Kind.ESP32_APP, None, 99, True)
    assert codes(image) == ["unknown_chip"]


def test_an_image_without_a_hash_is_only_weakly_checked():
    image = inspect(build.esp32_without_hash())
    assert (image.checksum_ok, image.hash_ok, image.intact) == (True, None, True)
    assert codes(image) == ["no_hash"]


def test_a_boot_loader_is_not_taken_for_an_application():
    for name in ("ESP32", "ESP32-S3", "ESP32-C6", "ESP32-P4"):
        image = inspect(synthetic_bootloader(chip_by_name(name)))
        assert (image.kind, image.chip) == (Kind.ESP32_BOOTLOADER, name)


def test_texts_in_an_image_are_safe_to_print():
    image = inspect(synthetic_image(20_000, project="\x1b[2Jwipe\u202e", version="é" * 40))
    assert image.app.project.isprintable()
    assert "wipe" in image.app.project
    assert image.app.version == "é" * 15


def test_the_flash_is_read_as_each_chip_means_it():
    assert inspect(synthetic_image(30_000, hardware="ESP32-H2")).flash.frequency_mhz == 24
    assert inspect(synthetic_image(30_000, hardware="ESP8266")).flash.size == "4MB"
    odd = inspect(build.esp32_with(build.esp32_with(synthetic_image(30_000), 2, 0x7F), 3, 0xFE))
    assert (odd.flash.mode, odd.flash.size, odd.flash.frequency_mhz) == (None, None, None)
    assert odd.intact


@pytest.mark.parametrize(
    ("tail", "code", "severity"),
    [
        (b"\xff" * 100, "padding", Severity.NOTE),
        (bytes(100), "padding", Severity.NOTE),
        (bytes(68), "padding", Severity.NOTE),
        (bytes(4) + b"\x55" * 64, "signature", Severity.NOTE),
        (b"<html>", "trailing_data", Severity.WARNING),
    ],
)
def test_what_follows_an_esp32_image_is_told(tail, code, severity):
    image = inspect(synthetic_image(20_000) + tail)
    assert [(problem.code, problem.severity) for problem in image.problems] == [(code, severity)]
    assert image.intact
    assert image.hash_ok


def test_a_secure_boot_signature_is_known():
    app = synthetic_image(20_480 + 4000)
    signed = app.ljust(24_576, b"\xff") + b"\xe7\x02" + b"\x11" * 4094
    assert codes(inspect(signed)) == ["signature"]


def test_an_esp8266_build_before_core_27_has_no_crc():
    image = inspect(build.esp8266_before_core_27())
    assert (image.kind, image.checksum_ok, image.hash_ok) == (Kind.ESP8266_ARDUINO, True, None)
    assert codes(image) == ["no_hash"]


def test_a_signed_esp8266_build():
    signature = b"\x33" * 256
    signed = synthetic_image(60_000, hardware="ESP8266") + signature + (256).to_bytes(4, "little")
    assert codes(inspect(signed)) == ["signature"]


def test_an_esp8266_build_with_a_file_system_behind_it():
    image = inspect(synthetic_image(60_000, hardware="ESP8266") + b"\x01littlefs\x00" * 100)
    assert codes(image) == ["trailing_data"]
    assert image.hash_ok


def test_other_esp8266_images_can_be_checked_in_part_only():
    image = inspect(build.esp8266_plain())
    assert (image.kind, image.chip, image.checksum_ok, image.hash_ok) == (
        Kind.ESP8266_PLAIN,
        "ESP8266",
        True,
        None,
    )
    assert codes(image) == ["unverifiable"]


def test_an_esp8266_version_2_image():
    image = inspect(build.esp8266_v2())
    assert (image.kind, image.checksum_ok, image.hash_ok) == (Kind.ESP8266_V2, True, True)
    assert image.problems == ()
    assert len(image.segments) == 2


@pytest.mark.parametrize("position", [0, 8, 40_010, 40_030, 44_000, -20, -1])
def test_a_damaged_version_2_image(position):
    data = bytearray(build.esp8266_v2())
    data[position] ^= 0x10
    assert not inspect(bytes(data)).intact


def test_the_boot_loaders_crc():
    # The catalogue's check value of CRC-32/MPEG-2.
    assert eboot_crc(b"123456789") == 0x0376E6E7


def test_xor_by_folding():
    for size in (0, 1, 2, 3, 5, 255, 256, 1000):
        data = bytes((7 * index + index // 3) % 256 for index in range(size))
        expected = 0
        for byte in data:
            expected ^= byte
        assert xor_of(data) == expected


def test_looking_changes_nothing_and_keeps_no_bytes():
    image = inspect(samples.esp32().data)
    assert image == inspect(samples.esp32().data)
    with pytest.raises(dataclasses.FrozenInstanceError):
        image.kind = Kind.OTHER
    assert len(repr(image)) < 4000
