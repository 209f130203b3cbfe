import gzip

import pytest

from meshward.errors import FirmwareError
from meshward.firmware import Kind, extract_application, inspect
from meshward.firmware.chips import chip_by_name
from meshward.firmware.synthetic import APP_OFFSET, TABLE_OFFSET, synthetic_flash, synthetic_image
from tests.support import firmware_builds as build
from tests.support import firmware_samples as samples


def codes(image):
    return [problem.code for problem in image.problems]


def test_the_application_in_a_whole_flash_is_found():
    data = samples.esp32_flash().data
    image = inspect(data)
    assert image.inner.intact
    assert (image.chip, image.app) == (image.inner.chip, image.inner.app)
    assert [part.label for part in image.partitions][:4] == ["nvs", "otadata", "app0", "app1"]
    assert extract_application(data, image) == samples.esp32().data


@pytest.mark.parametrize(
    "name", ["ESP32", "ESP32-S2", "ESP32-S3", "ESP32-C3", "ESP32-C6", "ESP32-C5", "ESP32-P4"]
)
def test_boot_loaders_lie_in_different_places(name):
    app = synthetic_image(50_000, hardware=name)
    data = synthetic_flash(app, hardware=name)
    assert data[chip_by_name(name).bootloader_offset] == 0xE9
    image = inspect(data)
    assert (image.kind, image.chip, image.inner_offset) == (Kind.FLASH, name, APP_OFFSET)
    assert extract_application(data, image) == app


def test_what_follows_the_application_in_flash_is_left_out():
    app = synthetic_image(50_000)
    data = synthetic_flash(app).ljust(0x400000, b"\xff")
    assert extract_application(data, inspect(data)) == app


def test_a_signed_application_keeps_its_signature():
    signed = synthetic_image(20_480 + 4000).ljust(24_576, b"\xff") + b"\xe7\x02" + b"\x11" * 4094
    data = synthetic_flash(signed).ljust(0x100000, b"\xff")
    image = inspect(data)
    assert extract_application(data, image) == signed
    assert codes(image.inner) == ["signature"]


@pytest.mark.parametrize(
    ("sequences", "chosen"), [((), 0), ((1,), 0), ((2,), 1), ((1, 2), 1), ((3, 2), 0), ((0xFFFFFFFF, 0), 0)]
)
def test_of_two_applications_the_one_a_board_would_start(sequences, chosen):
    apps = [synthetic_image(40_000, version="1.0"), synthetic_image(44_000, version="2.0")]
    data = build.two_slots(*apps, sequences)
    image = inspect(data)
    assert extract_application(data, image) == apps[chosen]
    assert codes(image) == ["several_applications"]


def test_an_otadata_entry_with_a_wrong_crc_does_not_count():
    apps = [synthetic_image(40_000, version="1.0"), synthetic_image(44_000, version="2.0")]
    data = bytearray(build.two_slots(*apps, (2,)))
    data[0xE000 + 30] ^= 1
    assert extract_application(bytes(data), inspect(bytes(data))) == apps[0]


def test_a_damaged_application_in_a_flash_is_told():
    data = bytearray(synthetic_flash(synthetic_image(50_000)))
    data[APP_OFFSET + 30_000] ^= 1
    image = inspect(bytes(data))
    assert (image.intact, codes(image.inner)) == (False, ["hash"])


def test_a_flash_cut_off_within_the_application():
    image = inspect(synthetic_flash(synthetic_image(50_000))[:-10_000])
    assert (image.kind, image.intact, codes(image.inner)) == (Kind.FLASH, False, ["truncated"])


@pytest.mark.parametrize("end", [0x7000, 0x8800, APP_OFFSET])
def test_a_flash_without_an_application(end):
    data = synthetic_flash(b"")[:end]
    image = inspect(data)
    assert (image.kind, codes(image)) == (Kind.FLASH, ["no_application"])
    with pytest.raises(FirmwareError, match="no application"):
        extract_application(data, image)


def test_a_partition_table_that_was_changed():
    data = bytearray(synthetic_flash(synthetic_image(50_000)))
    data[TABLE_OFFSET + 12] ^= 1  # a letter of a label
    assert codes(inspect(bytes(data))) == ["partition_table"]


def test_a_table_elsewhere_is_found():
    plain = synthetic_flash(synthetic_image(50_000))
    data = bytearray(plain)
    data[0x9000:0xA000], data[0x8000:0x9000] = plain[0x8000:0x9000], b"\xff" * 0x1000
    assert inspect(bytes(data)).inner_offset == APP_OFFSET


def test_a_table_among_an_applications_constants_is_not_one():
    app = bytearray(synthetic_image(200_000)[:-32])
    app[TABLE_OFFSET : TABLE_OFFSET + 0xC00] = synthetic_flash(b"")[TABLE_OFFSET : TABLE_OFFSET + 0xC00]
    assert inspect(bytes(app)).kind is Kind.ESP32_APP


def test_a_compressed_whole_flash():
    app = synthetic_image(50_000)
    data = gzip.compress(synthetic_flash(app))
    image = inspect(data)
    assert [layer.kind for layer in image.layers()] == [Kind.GZIP, Kind.FLASH, Kind.ESP32_APP]
    assert extract_application(data, image) == app


def test_an_application_is_extracted_as_it_is():
    app = synthetic_image(50_000)
    assert extract_application(app, inspect(app)) is app
    with pytest.raises(FirmwareError, match="a text file"):
        extract_application(b"hello", inspect(b"hello"))
