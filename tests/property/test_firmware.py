"""Any bytes are answered, and no damage goes unseen."""

import gzip
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshward.errors import FirmwareError
from meshward.firmware import (
    FirmwareImage,
    Kind,
    check_for_push,
    choose_compression,
    compress_gzip,
    describe,
    extract_application,
    inspect,
    summary_lines,
)
from meshward.firmware.synthetic import synthetic_flash, synthetic_image
from tests.support import firmware_builds as build

ESP32 = synthetic_image(20_000)
ESP8266 = synthetic_image(20_000, hardware="ESP8266")
WHOLE = {
    "esp32": ESP32,
    "esp32-c3": synthetic_image(20_000, hardware="ESP32-C3"),
    "esp32 without hash": build.esp32_without_hash(),
    "esp8266": ESP8266,
    "esp8266 before core 2.7": build.esp8266_before_core_27(),
    "esp8266 v2": build.esp8266_v2(),
    "gzip": compress_gzip(ESP8266),
}
#: What a flip of a bit cannot hide from: a hash over every byte.
HASHED = ("esp32", "esp32-c3", "esp8266", "esp8266 v2")
STARTS = (
    b"",
    b"\xe9",
    b"\xe9\x03",
    b"\xea\x04",
    b"\x1f\x8b\x08",
    b"\xff" * 0x1000 + b"\xe9\x02",
    b"\xaa\x50",
    b":1",
)


def look(data):
    """Everything that can be asked of a file; nothing but FirmwareError may come of it."""
    image = inspect(data)
    assert isinstance(image, FirmwareImage)
    assert image.size_bytes == len(data)
    assert describe(image)["md5"] == image.md5
    assert all(line.isprintable() for line in summary_lines(image))
    for hardware in ("ESP32", "ESP8266", "\x00"):
        refusals = check_for_push(image, hardware, 1000)
        forced = check_for_push(image, hardware, 1000, force=True)
        assert forced == [refusal for refusal in refusals if not refusal.overridable]
    extract_or_none(data, image)
    with suppress(FirmwareError):
        choose_compression(data, image)
    return image


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=3000))
def test_any_bytes_are_answered(start, rest):
    image = look(start + rest)
    # Nothing that was not built is taken for a program.
    assert not image.intact


@given(data=st.binary(max_size=2000))
def test_any_bytes_in_gzip_are_answered(data):
    image = look(compress_gzip(data))
    assert image.kind is Kind.GZIP
    assert extract_or_none(compress_gzip(data), image) in (None, data)


def extract_or_none(data, image):
    try:
        return extract_application(data, image)
    except FirmwareError:
        return None


@given(name=st.sampled_from(sorted(WHOLE)), position=st.integers(0), bit=st.integers(0, 7), data=st.data())
def test_a_changed_bit_raises_nothing_and_is_seen(name, position, bit, data):
    whole = WHOLE[name]
    changed = bytearray(whole)
    changed[position % len(whole)] ^= 1 << bit
    image = look(bytes(changed))
    if name in HASHED:
        assert image.problems
        assert check_for_push(image, inspect(whole).hardware)


@given(name=st.sampled_from(sorted(WHOLE)), length=st.integers(0))
def test_a_file_cut_off_anywhere_is_seen(name, length):
    whole = WHOLE[name]
    image = look(whole[: length % len(whole)])
    assert not image.intact
    assert check_for_push(image, inspect(whole).hardware, force=True)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_the_last_bytes_are_not_spare(name):
    whole = WHOLE[name]
    for missing in range(1, 80):
        assert not inspect(whole[:-missing]).intact


@given(
    name=st.sampled_from(sorted(WHOLE)),
    edits=st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=8)), max_size=8),
    header_only=st.booleans(),
)
def test_scribbled_files_raise_nothing(name, edits, header_only):
    changed = bytearray(WHOLE[name])
    for position, scribble in edits:
        at = position % (48 if header_only else len(changed))
        changed[at : at + len(scribble)] = scribble
    look(bytes(changed))


@given(edits=st.lists(st.tuples(st.integers(0, 0x400), st.integers(0, 255)), max_size=12), cut=st.integers(0))
def test_scribbled_partition_tables_raise_nothing(edits, cut):
    flash = bytearray(synthetic_flash(ESP32))
    for position, value in edits:
        flash[0x8000 + position] = value
    look(bytes(flash))
    look(bytes(flash[: cut % len(flash)]))


@given(
    size=st.integers(1024, 40_000),
    chip=st.sampled_from(("ESP32", "ESP32-S3", "ESP32-C6", "ESP8266")),
    seed=st.integers(),
)
def test_every_generated_image_is_whole(size, chip, seed):
    if chip == "ESP8266":
        size += 8192
    data = synthetic_image(size, hardware=chip, seed=seed)
    image = look(data)
    assert image.intact
    assert image.problems == ()
    assert 0 <= len(data) - size < 16


@given(data=st.binary(max_size=5000))
def test_gzip_round_trip(data):
    assert gzip.decompress(compress_gzip(data)) == data
