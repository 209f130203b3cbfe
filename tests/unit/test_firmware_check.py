import gzip

import pytest

from meshward.firmware import check_for_push, inspect
from meshward.firmware.synthetic import synthetic_flash, synthetic_image
from tests.support import firmware_samples as samples


def codes(refusals):
    return [refusal.code for refusal in refusals]


@pytest.fixture(scope="module")
def app():
    return inspect(synthetic_image(100_000))


def test_samples_may_be_pushed_to_their_boards():
    for make in (samples.esp32, samples.esp8266, samples.esp8266_older):
        image = inspect(make().data)
        assert check_for_push(image, image.hardware) == []


def test_a_compressed_esp8266_image_may_be_pushed():
    assert check_for_push(inspect(gzip.compress(samples.esp8266().data)), "ESP8266") == []


def test_every_chip_of_the_family_calls_itself_esp32():
    image = inspect(synthetic_image(50_000, hardware="ESP32-C3"))
    assert check_for_push(image, "ESP32") == []
    assert check_for_push(image, "ESP32", chip="esp32c3") == []
    (refusal,) = check_for_push(image, "ESP32", chip="ESP32-S3")
    assert (refusal.code, refusal.overridable) == ("wrong_chip", False)
    assert "for ESP32-C3, and the boards asked for have ESP32-S3" in refusal.message


def test_a_chip_nobody_knows_is_not_the_images(app):
    assert codes(check_for_push(app, "ESP32", chip="ESP64")) == ["wrong_chip"]


def test_the_wrong_hardware_cannot_be_forced(app):
    assert codes(check_for_push(app, "ESP8266", force=True)) == ["wrong_hardware"]


def test_a_hardware_no_painlessmesh_board_has_can_be_forced(app):
    (refusal,) = check_for_push(app, "esp32")
    assert (refusal.code, refusal.overridable) == ("unknown_hardware", True)
    assert refusal.remedy == "use --hardware ESP32"
    assert check_for_push(app, "esp32", force=True) == []


def test_the_slot_is_the_limit_unless_forced(app):
    assert check_for_push(app, "ESP32", 100_000) == []
    (refusal,) = check_for_push(app, "ESP32", 99_999)
    assert (refusal.code, refusal.overridable) == ("larger_than_slot", True)
    assert "100000 bytes" in refusal.message
    assert check_for_push(app, "ESP32", 99_999, force=True) == []


def test_a_compressed_image_has_to_fit_the_slot_as_it_is_sent():
    packed = inspect(gzip.compress(synthetic_image(100_000, hardware="ESP8266")))
    assert packed.size_bytes < 90_000
    assert check_for_push(packed, "ESP8266", 90_000) == []


def test_what_fits_only_while_compressed_is_too_large():
    packed = inspect(gzip.compress(synthetic_image(1_044_480, hardware="ESP8266")))
    assert codes(check_for_push(packed, "ESP8266")) == ["too_large"]


def test_a_whole_flash_is_not_measured_but_refused():
    flash = inspect(synthetic_flash(synthetic_image(100_000)))
    assert codes(check_for_push(flash, "ESP32", 1000)) == ["whole_flash"]


def test_all_refusals_are_told_at_once():
    data = synthetic_image(1_044_480, hardware="ESP8266") + b"tail"
    found = codes(check_for_push(inspect(data), "ESP32", 1000))
    assert found == ["trailing_data", "wrong_hardware", "too_large"]


def test_padding_and_age_are_no_reason_to_refuse(app):
    data = synthetic_image(100_000) + b"\xff" * 32
    assert check_for_push(inspect(data), "ESP32") == []
    large = inspect(synthetic_image(1_500_000))
    assert [problem.code for problem in large.problems] == ["large"]
    assert check_for_push(large, "ESP32") == []
