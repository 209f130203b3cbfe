"""The stock receiver and odd input: sizes, counts, md5, encodings, forced announces (measured)."""

import base64

import pytest

from meshward.sim.flash import Flash, Image
from meshward.sim.stock_wire import decode_base64
from tests.support.ota import NODE, Firmware, Table, brief, text

FIRMWARE = Firmware(10)
OTHER = Firmware(10, seed=2)


def updated(**options):
    """A node that took its last part just now."""
    table = Table(**options)
    table.tell(FIRMWARE.announce())
    table.push(FIRMWARE)
    return table


def push_chunks(table, firmware, chunks, **keys):
    table.tell(firmware.announce(noPart=len(chunks)))
    for part, chunk in enumerate(chunks):
        table.tell(firmware.data(part, noPart=len(chunks), data=text(chunk), **keys))


# MD5.


@pytest.mark.parametrize(
    "md5", [OTHER.md5, FIRMWARE.md5.upper(), "0" * 32], ids=["wrong", "upper case", "zeros"]
)
def test_with_a_wrong_md5_all_parts_are_taken_but_it_does_not_reboot(md5):
    table = Table()
    table.tell(FIRMWARE.announce(md5=md5))
    assert len(table.push(FIRMWARE, md5=md5)) == 9
    assert table.idle
    assert table.wait(1000) == []
    assert table.reboots == []


def test_an_empty_md5_is_flashed_without_announce_and_without_check():
    table = Table()
    assert table.push(FIRMWARE, md5="") == []
    assert table.runs(FIRMWARE)
    assert table.flash.md5_file == ""


def test_a_missing_md5_reads_as_null_and_matches_nothing_idle():
    part = FIRMWARE.data(0)
    del part["md5"]
    table = Table()
    table.tell(part)
    assert table.idle


# Sizes and counts.


@pytest.mark.parametrize("part_bytes", [1, 512, 1000, 2048, 4096, 16384])
def test_part_sizes_are_free(part_bytes):
    data = FIRMWARE.bytes[: min(len(FIRMWARE.bytes), 300 * part_bytes)]
    firmware = Firmware(data=data, part_bytes=part_bytes)
    table = Table()
    table.tell(firmware.announce())
    table.push(firmware)
    assert table.runs(firmware)


@pytest.mark.parametrize(
    "cuts",
    [
        [1024, 1024, 100],
        [1024, 100, 1024],
        [0, 1024, 1124],
        [1024, 0, 1124],
        [1024, 1124, 0],
        [0, 0, 2148, 0, 0],
    ],
    ids=["short last", "short middle", "empty first", "empty middle", "empty last", "many empty"],
)
def test_parts_are_just_concatenated(cuts):
    firmware = Firmware(data=Firmware(3).bytes[: sum(cuts)])
    chunks, at = [], 0
    for size in cuts:
        chunks.append(firmware.bytes[at : at + size])
        at += size
    table = Table()
    push_chunks(table, firmware, chunks)
    assert table.runs(firmware)


def test_the_number_of_parts_is_taken_from_each_data_frame():
    table = Table()
    table.tell(FIRMWARE.announce(noPart=3))
    assert len(table.push(FIRMWARE)) == 9
    assert table.runs(FIRMWARE)


def test_too_few_parts_mean_an_early_md5_failure():
    table = Table()
    table.tell(FIRMWARE.announce())
    table.push(FIRMWARE, 0, 1, 2, noPart=3)
    assert table.idle
    assert table.reboots == []


@pytest.mark.parametrize("parts", [11, 99, 0, None])
def test_too_many_parts_are_waited_for_and_an_empty_last_one_completes(parts):
    table = Table()
    table.tell(FIRMWARE.announce())
    assert brief(table.push(FIRMWARE, noPart=parts))[-1] == (NODE, 10)
    table.wait(60)
    assert table.reboots == []
    assert table.tell(FIRMWARE.data(10, noPart=11, data="")) == []
    assert table.runs(FIRMWARE)


# Two senders.


def test_of_two_senders_of_one_image_the_first_is_asked():
    table = Table()
    assert [r["dest"] for r in table.tell(FIRMWARE.announce(sender=1), FIRMWARE.announce(sender=2))] == [1]


def test_of_two_senders_of_two_images_the_second_wins():
    table = Table()
    requests = table.tell(FIRMWARE.announce(sender=1), OTHER.announce(sender=2))
    assert [(r["dest"], r["partNo"]) for r in requests] == [(1, 0), (2, 0)]
    assert table.push(FIRMWARE, 0, sender=1) == []
    table.push(OTHER, sender=2)
    assert table.runs(OTHER)


# What is written.


@pytest.mark.parametrize("first", [0x00, 0x1F, 0x7F, 0xE8])
def test_a_wrong_first_byte_fails_the_first_write(first):
    firmware = Firmware(data=bytes([first]) + FIRMWARE.bytes[1:])
    table = Table()
    table.tell(firmware.announce())
    assert table.push(firmware, 0) == []
    assert table.idle
    assert not table.flash.updating


def test_a_board_without_room_fails_where_the_slot_ends():
    table = Table(flash=Flash(slot_bytes=3000))
    table.tell(FIRMWARE.announce())
    assert brief(table.push(FIRMWARE)) == [(NODE, 1), (NODE, 2)]
    assert table.idle
    assert table.flash.running != Image.of(FIRMWARE.bytes)


@pytest.mark.parametrize("size", [1024, 1, 100])
def test_unpadded_base64_spoils_the_image(size):
    firmware = Firmware(data=FIRMWARE.bytes[:size])
    unpadded = text(firmware.bytes).rstrip("=")
    table = Table()
    table.tell(firmware.announce(), firmware.data(0, data=unpadded))
    assert table.idle
    assert table.reboots == []


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        ("", b""),
        ("AAAA", b"\0\0\0"),
        ("6Q==", b"\xe9"),
        ("6QE=", b"\xe9\x01"),
        ("6Q", b"\xe9\0"),
        ("6QE", b"\xe9\x01"),
        ("6QEC6Q", b"\xe9\x01\x02\xe9\0"),
        ("A", b"\0\0"),
        ("_-_-", base64.b64decode("/+/+")),
        ("6Q!?", base64.b64decode("6QAA")),
        ("é", b"\0\0"),
    ],
)
def test_base64_is_decoded_as_the_library_does_it(encoded, decoded):
    assert decode_base64(encoded) == decoded


def test_the_compressed_flag_is_echoed_and_nothing_is_unpacked():
    table = Table()
    (request,) = table.tell(FIRMWARE.announce(compressed=True))
    assert request["compressed"] is True
    assert "compressed" not in table.push(FIRMWARE, 0)[0]
    table.push(FIRMWARE, *range(1, 10), compressed=True)
    assert table.runs(FIRMWARE)


# The end.


def test_it_restarts_2_s_after_the_last_part_and_does_not_acknowledge_it():
    table = Table()
    table.tell(FIRMWARE.announce())
    table.push(FIRMWARE, *range(9))
    table.wait(5)
    assert table.push(FIRMWARE, 9) == []
    table.wait(10)
    assert table.reboots == [(7.0, "updated")]


def test_a_duplicate_of_the_last_part_is_an_error_and_still_it_restarts():
    table = updated()
    assert table.push(FIRMWARE, 9) == []
    assert table.idle
    assert table.runs(FIRMWARE)


@pytest.mark.parametrize("firmware", [FIRMWARE, OTHER], ids=["the same", "another"])
def test_an_announce_before_the_restart_is_wasted(firmware):
    table = updated()
    table.wait(1)
    table.tell(firmware.announce(forced=True))
    assert table.runs(FIRMWARE)
    assert table.wait(300) == []


def test_forced_and_announced_again_it_flashes_the_same_image_after_every_restart():
    table = Table()
    for _ in range(3):
        assert brief(table.tell(FIRMWARE.announce(forced=True))) == [(NODE, 0)]
        table.push(FIRMWARE)
        assert table.runs(FIRMWARE)
    assert table.flash.booted == [Image.of(FIRMWARE.bytes)] * 3


def test_unforced_it_ignores_the_image_it_remembers_to_run():
    table = updated()
    assert table.runs(FIRMWARE)
    assert table.tell(FIRMWARE.announce()) == []
    assert brief(table.tell(OTHER.announce())) == [(NODE, 0)]


def test_an_image_put_on_by_usb_is_not_remembered():
    table = Table()
    table.flash.put_by_usb(Image.of(FIRMWARE.bytes))
    table.boot()
    assert brief(table.tell(FIRMWARE.announce())) == [(NODE, 0)], "flashed once more"


def test_usb_leaves_the_memory_of_the_update_before_it():
    table = updated()
    assert table.runs(FIRMWARE)
    table.flash.put_by_usb(Image.of(OTHER.bytes))
    table.boot()
    assert table.tell(FIRMWARE.announce()) == [], "it still believes to run this one"


@pytest.mark.parametrize(
    "package",
    [
        {"type": 10},
        {"type": 12},
        {"type": 12, "md5": "", "role": "sensor", "hardware": "ESP32", "partNo": "x", "data": 5},
        {"type": 12, "md5": "", "role": "sensor", "hardware": "ESP32", "partNo": -1},
        {"type": 10, "md5": 5, "role": ["sensor"], "hardware": {}, "noPart": 1e99},
        {"type": 10, "md5": "x", "role": "sensor", "hardware": "ESP32", "noPart": [], "from": "x"},
    ],
    ids=str,
)
def test_garbage_raises_nothing(package):
    table = Table()
    table.tell(package)
    table.wait(1000)
    assert table.reboots == []


def test_numbers_may_come_as_text_or_floats():
    table = Table()
    table.tell(FIRMWARE.announce(noPart="10"))
    assert brief(table.push(FIRMWARE, 0, noPart=10.0)) == [(NODE, 1)]
    assert brief(table.tell(FIRMWARE.data(1, partNo="1", dest=str(NODE)))) == [(NODE, 2)]
