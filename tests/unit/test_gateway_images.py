"""Firmware of the library, made ready to be sent, once."""

import hashlib

import pytest

from meshward.errors import StoreError, UpdateRefusedError
from meshward.firmware.synthetic import synthetic_image
from meshward.gateway import images
from meshward.gateway.images import LibraryImages
from meshward.rollout.spec import Transfer
from meshward.store.library import Library

PLAIN = Transfer()
APP = synthetic_image(50_000, hardware="ESP32")
APP_8266 = synthetic_image(50_000, hardware="ESP8266")


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "firmware")
    library.open()
    return library


def put(library, content):
    sha256 = hashlib.sha256(content).hexdigest()
    with library.incoming() as incoming:
        incoming.write(content)
        library.keep(incoming, sha256)
    return sha256


def test_an_image_is_cut_and_offered(library):
    payload = LibraryImages(library).payload(put(library, APP), "ESP32", "sensor", PLAIN)
    assert payload.parts.data == APP
    assert (payload.offer.md5, payload.offer.hardware, payload.offer.role) == (
        hashlib.md5(APP).hexdigest(),
        "ESP32",
        "sensor",
    )


def test_roles_share_the_bytes_and_nothing_is_prepared_twice(library, monkeypatch):
    calls = []
    prepare = images.prepare
    monkeypatch.setattr(images, "prepare", lambda *a, **k: calls.append(a) or prepare(*a, **k))
    ready = LibraryImages(library)
    image = put(library, APP_8266)
    one = ready.payload(image, "ESP8266", "sensor", PLAIN)
    other = ready.payload(image, "ESP8266", "gate", PLAIN)
    assert one.parts is other.parts
    assert len(one.parts.data) < len(APP_8266)  # compressed
    assert (one.offer.role, other.offer.role) == ("sensor", "gate")
    assert one.offer.md5 == other.offer.md5
    assert len(calls) == 1
    assert ready.payload(image, "ESP8266", "gate", Transfer(compress="never")).parts.data == APP_8266
    assert ready.payload(image, "ESP8266", "gate", Transfer(part_bytes=512)).parts.part_bytes == 512
    assert len(calls) == 3


def test_memory_is_bounded_and_the_latest_image_stays(library, monkeypatch):
    monkeypatch.setattr(images, "CACHED_BYTES_MAX", 120_000)
    ready = LibraryImages(library)
    hashes = [put(library, synthetic_image(50_000, hardware="ESP32", seed=seed)) for seed in range(4)]
    first = ready.payload(hashes[0], "ESP32", "sensor", PLAIN)
    for image in hashes[1:]:
        ready.payload(image, "ESP32", "sensor", PLAIN)
    assert len(ready._cache) == 2
    assert ready.payload(hashes[0], "ESP32", "sensor", PLAIN).parts is not first.parts
    monkeypatch.setattr(images, "CACHED_BYTES_MAX", 1)
    latest = ready.payload(hashes[1], "ESP32", "sensor", PLAIN)
    assert ready.payload(hashes[1], "ESP32", "sensor", PLAIN).parts is latest.parts


def test_a_missing_or_damaged_file_is_told(library):
    image = put(library, APP)
    path = library.path(image)
    path.write_bytes(APP[:-1] + bytes([APP[-1] ^ 1]))
    with pytest.raises(StoreError, match="is damaged: remove it"):
        LibraryImages(library).payload(image, "ESP32", "sensor", PLAIN)
    path.unlink()
    with pytest.raises(StoreError, match="is missing: add it again"):
        LibraryImages(library).payload(image, "ESP32", "sensor", PLAIN)
    put(library, APP)
    assert LibraryImages(library).payload(image, "ESP32", "sensor", PLAIN).parts.data == APP


def test_a_refusal_names_the_firmware_and_not_where_it_lies(library):
    image = put(library, APP)
    with pytest.raises(UpdateRefusedError) as refused:
        LibraryImages(library).payload(image, "ESP8266", "sensor", PLAIN)
    assert str(refused.value).startswith(f"firmware {image[:12]} is not pushed")
    assert str(library.directory) not in str(refused.value)
