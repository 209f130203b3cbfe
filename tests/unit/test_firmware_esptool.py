"""Our reading against the vendor's own tool. Each damage must be seen by both, where both check."""

import random

import pytest
from esptool.bin_image import LoadFirmwareImage
from esptool.util import FatalError

from meshward.firmware import inspect
from meshward.firmware.synthetic import synthetic_image
from tests.support import firmware_builds as build
from tests.support import firmware_samples as samples

CHIPS = (
    "ESP32",
    "ESP32-S2",
    "ESP32-S3",
    "ESP32-C3",
    "ESP32-C2",
    "ESP32-C6",
    "ESP32-C5",
    "ESP32-C61",
    "ESP32-H2",
)


def theirs(chip, data):
    return LoadFirmwareImage(chip, data)


def assert_same_reading(chip, data):
    image, other = inspect(data), theirs(chip, data)
    assert [(s.address, s.offset) for s in image.segments] == [
        (s.addr, s.file_offs + 8) for s in other.segments
    ]
    assert image.entry_point == other.entrypoint
    assert image.checksum_ok == (other.checksum == other.calculate_checksum())
    if image.hash_ok is not None:
        assert image.hash_ok == (other.stored_digest == other.calc_digest)
        assert image.chip_id == other.chip_id


@pytest.mark.parametrize("chip", CHIPS)
def test_generated_images_are_valid_to_the_vendors_tool(chip):
    data = synthetic_image(250_000, hardware=chip)
    assert_same_reading(chip, data)
    assert inspect(data).hash_ok


def test_a_real_image_is_read_alike():
    assert_same_reading("ESP32", samples.esp32().data)


def test_the_first_of_an_arduino_builds_images_is_read_alike():
    data = samples.esp8266().data
    other = theirs("ESP8266", data)
    image = inspect(data)
    ours = image.segments[: len(other.segments)]
    assert [(s.address, s.offset) for s in ours] == [(s.addr, s.file_offs + 8) for s in other.segments]
    assert other.checksum == other.calculate_checksum()
    assert image.entry_point == other.entrypoint


def test_a_version_2_image_is_read_alike():
    data = build.esp8266_v2()
    other = theirs("ESP8266", data)
    ours = inspect(data).segments
    assert [(s.address, s.offset) for s in ours] == [(s.addr, s.file_offs + 8) for s in other.segments]
    assert other.checksum == other.calculate_checksum()


def test_damage_is_seen_alike(seed):
    data = synthetic_image(100_000)
    rng = random.Random(seed)
    for _ in range(40):
        damaged = bytearray(data)
        damaged[rng.randrange(24, len(data))] ^= 1 << rng.randrange(8)
        try:
            assert_same_reading("ESP32", bytes(damaged))
        except FatalError:
            assert not inspect(bytes(damaged)).intact
