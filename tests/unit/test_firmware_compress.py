import gzip
import hashlib
import zlib
from dataclasses import replace
from random import Random

import pytest

from meshward.errors import FirmwareError
from meshward.firmware import choose_compression, compress_gzip, inspect, synthetic
from meshward.firmware.synthetic import synthetic_flash, synthetic_image
from tests.support import firmware_builds as build
from tests.support import firmware_samples as samples


def chosen(data, mode="auto"):
    return choose_compression(data, inspect(data), mode)


def test_compressed_bytes_unpack_to_the_same_and_carry_no_time():
    data = samples.esp8266().data
    packed = compress_gzip(data)
    assert gzip.decompress(packed) == data
    assert packed == compress_gzip(data)
    assert packed[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    # The boot loader takes the unpacked length from the last four bytes.
    assert int.from_bytes(packed[-4:], "little") == len(data)


def test_a_window_of_32_kb_suffices():
    packed = compress_gzip(samples.esp8266().data)
    assert zlib.decompressobj(-15).decompress(packed[10:]) == samples.esp8266().data


def test_esp8266_boards_get_gzip_and_its_md5():
    data = samples.esp8266().data
    payload = chosen(data)
    assert payload.compression == "gzip"
    assert payload.size_bytes < 0.75 * len(data)
    assert payload.md5 == hashlib.md5(payload.data).hexdigest() != inspect(data).md5
    assert "core 2.7.0" in payload.reason


def test_esp32_boards_do_not():
    data = synthetic_image(100_000)
    payload = chosen(data)
    assert (payload.data, payload.compression, payload.md5) == (data, None, inspect(data).md5)
    assert "first byte is 0xE9" in payload.reason
    with pytest.raises(FirmwareError, match=r"nothing to unpack gzip with.*leave out --compress gzip"):
        chosen(data, "gzip")


def test_never():
    data = samples.esp8266().data
    assert chosen(data, "never").data == data
    assert chosen(compress_gzip(data), "never").data == data


def test_a_file_that_is_compressed_goes_as_it_is():
    data = compress_gzip(samples.esp8266().data)
    for mode in ("auto", "gzip"):
        payload = chosen(data, mode)
        assert (payload.data, payload.compression, payload.md5) == (data, "gzip", inspect(data).md5)


def test_a_compressed_file_for_esp32_only_unpacked():
    app = synthetic_image(100_000)
    with pytest.raises(FirmwareError, match="--compress never"):
        chosen(gzip.compress(app))
    assert chosen(gzip.compress(app), "never").data == app


def test_a_flash_mode_that_boards_may_lack_is_not_compressed_unasked():
    data = samples.esp8266().data
    image = inspect(data)
    qio = replace(image, flash=replace(image.flash, mode="QIO"))
    payload = choose_compression(data, qio)
    assert payload.compression is None
    assert "flash mode QIO" in payload.reason
    assert choose_compression(data, qio, "gzip").compression == "gzip"


def test_a_build_before_core_27_hints_at_boards_that_cannot_unpack():
    payload = chosen(build.esp8266_before_core_27())
    assert payload.compression is None
    assert "before 2.7.0" in payload.reason


def test_what_hardly_shrinks_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(synthetic, "_code", lambda size_bytes, *_: Random(1).randbytes(size_bytes))
    payload = chosen(synthetic_image(200_000, hardware="ESP8266"))
    assert payload.compression is None
    assert "would save only" in payload.reason


def test_other_esp8266_images_stay_as_they_are():
    assert chosen(build.esp8266_plain()).compression is None


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", synthetic_flash(synthetic_image(50_000)), gzip.compress(b"hello")],
    ids=["empty", "text", "flash", "text in gzip"],
)
def test_only_an_application_can_be_sent(data):
    for mode in ("auto", "never", "gzip"):
        with pytest.raises(FirmwareError, match="only an application can be sent"):
            chosen(data, mode)
