import zlib

import pytest

from meshward.errors import FirmwareError
from meshward.firmware import inspect
from meshward.firmware.synthetic import synthetic_image

HARDWARE = ("ESP32", "ESP32-S2", "ESP32-S3", "ESP32-C3", "ESP32-C6", "ESP8266")


def share_left(data, window_bits=15):
    packer = zlib.compressobj(9, zlib.DEFLATED, -window_bits)
    return len(packer.compress(data) + packer.flush()) / len(data)


@pytest.mark.parametrize("hardware", HARDWARE)
@pytest.mark.parametrize("size_bytes", [8192, 8208, 131_072, 131_088, 204_800, 777_776])
def test_any_size_and_nothing_wrong_with_it(hardware, size_bytes):
    data = synthetic_image(size_bytes, hardware=hardware)
    image = inspect(data)
    assert len(data) == size_bytes
    assert (image.intact, image.checksum_ok, image.hash_ok, image.problems) == (True, True, True, ())


def test_sizes_are_rounded_up():
    assert len(synthetic_image(20_001)) == 20_016
    assert len(synthetic_image(20_001, hardware="ESP8266")) == 20_016
    assert inspect(synthetic_image(1024)).problems == ()


def test_what_is_mapped_lies_at_the_same_place_of_its_page():
    for hardware in HARDWARE[:-1]:
        image = inspect(synthetic_image(400_000, hardware=hardware))
        for segment in image.segments[:2]:
            assert segment.address % 0x10000 == segment.offset % 0x10000


@pytest.mark.parametrize("hardware", ["ESP32", "ESP8266"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_shrinks_like_real_firmware(hardware, seed):
    data = synthetic_image(204_800, hardware=hardware, seed=seed)
    assert 0.65 <= share_left(data) <= 0.75
    assert 0.65 <= share_left(data, 12) <= 0.78
    parts = [data[at : at + 1024] for at in range(0, len(data), 1024)]
    assert 0.72 <= sum(len(zlib.compress(part, 9)) for part in parts) / len(data) <= 0.88


def test_the_same_arguments_give_the_same_bytes():
    assert synthetic_image(50_000, seed=7) == synthetic_image(50_000, seed=7)
    # Figures and golden tests rest on these bytes.
    assert inspect(synthetic_image(20_000)).md5 == "a0d8c17390d1c4b216cb083516673037"
    assert inspect(synthetic_image(20_000, hardware="ESP8266")).md5 == "555a9e995fcf6797f654ad7256306acf"


def test_versions_of_one_seed_resemble_each_other():
    for hardware in ("ESP32", "ESP8266"):
        one, two = (
            synthetic_image(204_800, hardware=hardware, version=version) for version in ("1.0", "1.1")
        )
        other = synthetic_image(204_800, hardware=hardware, seed=2)
        assert one != two
        assert 0.9 < alike(one, two) < 0.999
        assert alike(one, other) < 0.5


def alike(one, two):
    return sum(a == b for a, b in zip(one, two, strict=True)) / len(one)


def test_what_cannot_be_made_is_told():
    with pytest.raises(FirmwareError, match="no chip is called ESP64; try ESP32"):
        synthetic_image(50_000, hardware="ESP64")
    with pytest.raises(FirmwareError, match="1024 at least"):
        synthetic_image(100)
    with pytest.raises(FirmwareError, match="8192 at least"):
        synthetic_image(100, hardware="ESP8266")
