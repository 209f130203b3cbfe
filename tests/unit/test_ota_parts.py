"""Cutting an image into parts."""

import base64

import pytest

from meshnode.wire import encode
from meshward.ota.frames import Offer, part_for
from meshward.ota.parts import PART_BYTES_MAX, Parts

IMAGE = bytes(range(256)) * 40


@pytest.mark.parametrize("part_bytes", [1, 511, 1024, 3072, PART_BYTES_MAX])
def test_the_parts_are_the_image(part_bytes):
    parts = Parts(IMAGE, part_bytes)
    assert b"".join(map(parts.payload, range(len(parts)))) == IMAGE
    assert len(parts) == -(-len(IMAGE) // part_bytes)
    assert base64.b64decode(parts.text(0), validate=True) == IMAGE[:part_bytes]


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_parts_resized_in_the_middle_are_still_the_image(at):
    parts = Parts(IMAGE, 3072).resized(at, 1024)
    assert b"".join(map(parts.payload, range(len(parts)))) == IMAGE
    assert [len(parts.payload(part)) for part in range(at)] == [3072] * at
    assert all(len(parts.payload(part)) <= 1024 for part in range(at, len(parts)))


def test_nothing_is_left_to_resize_behind_the_end():
    parts = Parts(IMAGE, 3072)
    assert parts.resized(len(parts), 1024) is parts


@pytest.mark.parametrize(("data", "part_bytes"), [(b"", 1024), (b"x", 0), (b"x", PART_BYTES_MAX + 1)])
def test_what_cannot_be_cut(data, part_bytes):
    with pytest.raises(ValueError, match=r"without bytes|a part has"):
        Parts(data, part_bytes)


@pytest.mark.parametrize("part_bytes", [1024, 3072])
def test_a_frame_is_about_as_large_as_it_is_said_to_be(part_bytes):
    parts = Parts(IMAGE, part_bytes)
    package = part_for(Offer("0" * 32, "ESP32", "sensor"), 3_000_000_000, 1, len(parts), parts.text(1))
    assert len(encode(package | {"from": 3_000_000_001})) == pytest.approx(parts.frame_bytes(1), abs=40)
