import gzip
import json

from meshward.firmware import describe, inspect, summary_lines
from meshward.firmware.synthetic import synthetic_flash, synthetic_image
from tests.support import firmware_samples as samples


def lines(data):
    return "\n".join(summary_lines(inspect(data)))


def test_json_has_everything_and_every_key_always():
    keys = set(describe(inspect(b"")))
    for make in samples.SAMPLES:
        described = describe(inspect(make().data))
        assert json.loads(json.dumps(described)) == described
        assert set(described) == keys
    app = describe(inspect(synthetic_image(20_000, project="gate", version="2.1")))
    assert app["kind"] == "esp32-app"
    assert app["app"]["project"] == "gate"
    assert app["segments"][0] == {"address": 0x3F400020, "size_bytes": 17416, "offset": 32}
    assert app["problems"] == []
    assert app["intact"] is True


def test_json_tells_what_is_inside():
    app = synthetic_image(20_000)
    described = describe(inspect(gzip.compress(synthetic_flash(app))))
    inner = described["inner"]["inner"]
    assert (described["kind"], described["compression"]) == ("gzip", "gzip")
    assert described["inner"]["inner_offset"] == 0x10000
    assert [part["label"] for part in described["inner"]["partitions"]] == ["nvs", "otadata", "app0", "app1"]
    assert inner["md5"] == inspect(app).md5


def test_an_application_for_people():
    image = inspect(synthetic_image(20_000, project="gate", version="2.1"))
    assert summary_lines(image) == [
        "file        ESP32 application, 20000 bytes",
        "hardware    ESP32, as painlessMesh boards call themselves",
        "project     gate 2.1",
        "built       Jan  1 2026 12:00:00, ESP-IDF v5.4.1",
        "segments    3, entry point 0x40080004",
        "flash       DIO, 4MB, 40 MHz",
        "integrity   checksum valid, SHA-256 valid",
        f"md5         {image.md5}",
        f"sha256      {image.sha256}",
    ]


def test_a_whole_flash_for_people():
    told = lines(synthetic_flash(synthetic_image(20_000)))
    assert told.startswith("file        contents of a whole flash, with an ESP32 application")
    assert "\ninside, at 0x10000:\n  file        ESP32 application, 20000 bytes\n" in told


def test_damage_for_people():
    damaged = bytearray(synthetic_image(20_000, hardware="ESP8266"))
    damaged[9000] ^= 1
    told = lines(bytes(damaged))
    assert "integrity   checksum WRONG, CRC-32 WRONG" in told
    assert told.splitlines()[-1].startswith("error: the CRC-32 does not match")
    assert lines(b"<html>").splitlines()[-1].startswith("error: this is a web page: the download failed")


def test_arduinos_own_description_is_not_sold_as_the_sketchs():
    told = lines(synthetic_image(20_000, project="arduino-lib-builder", version="bb76cb1"))
    assert "project     arduino-lib-builder bb76cb1 (the Arduino core's own, not the sketch's)" in told
