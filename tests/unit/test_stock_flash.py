"""The flash of a stand-in board: what may run after a restart."""

import gzip

import pytest

from meshward.sim.board import Board
from meshward.sim.flash import FACTORY_IMAGE, Flash, Image
from tests.support.ota import Firmware, Table

FIRMWARE = Firmware(10)
PACKED = Firmware(data=gzip.compress(FIRMWARE.bytes, mtime=0))
SECTOR_BYTES = 4096


def write(flash, data, md5=None, *, step=1000):
    """Write an image in steps; whether all went well."""
    flash.begin(Image.of(data).md5 if md5 is None else md5)
    steps = [data[at : at + step] for at in range(0, len(data), step)]
    return all(flash.write(chunk) for chunk in steps) and flash.end()


def test_a_written_image_runs_from_the_next_boot_on():
    flash = Flash()
    assert write(flash, FIRMWARE.bytes)
    assert flash.running == FACTORY_IMAGE
    assert flash.boot() == flash.running == Image(FIRMWARE.md5, len(FIRMWARE.bytes))
    assert flash.boot() == flash.running
    assert flash.booted == [flash.running]
    assert flash.md5_file == FIRMWARE.md5


@pytest.mark.parametrize(
    ("data", "md5", "good"),
    [
        (FIRMWARE.bytes, FIRMWARE.md5, True),
        (FIRMWARE.bytes, "0" * 32, False),
        (FIRMWARE.bytes, "", True),
        (FIRMWARE.bytes, "none", True),
        (FIRMWARE.bytes[:-1], FIRMWARE.md5, False),
        (b"\x7fELF" * 100, "", False),
        (b"", "", False),
        (PACKED.bytes, PACKED.md5, False),
    ],
    ids=["right", "wrong md5", "no md5", "no md5 either", "cut", "ELF", "empty", "gzip"],
)
def test_what_an_esp32_accepts(data, md5, good):
    flash = Flash()
    assert write(flash, data, md5) is good
    flash.boot()
    assert flash.running == (Image.of(data) if good else FACTORY_IMAGE)
    assert flash.md5_file == (md5 if good else "")


@pytest.mark.parametrize("slot_bytes", [0, 1, len(FIRMWARE.bytes) - 1])
def test_an_image_larger_than_the_slot_fails(slot_bytes):
    assert not write(Flash(slot_bytes=slot_bytes), FIRMWARE.bytes)
    assert write(Flash(slot_bytes=len(FIRMWARE.bytes)), FIRMWARE.bytes)


def test_nothing_is_written_or_ended_where_nothing_was_begun():
    flash = Flash()
    assert not flash.write(b"\xe9")
    assert flash.write(b"")
    assert not flash.end()
    flash.begin("")
    flash.abort()
    assert not flash.write(b"\xe9")


def test_a_reboot_in_the_middle_leaves_the_old_image():
    flash = Flash()
    flash.begin(FIRMWARE.md5)
    flash.write(FIRMWARE.bytes[:5000])
    assert flash.boot() == FACTORY_IMAGE
    assert not flash.updating
    assert flash.booted == []


def test_a_second_begin_starts_over():
    flash = Flash()
    flash.begin("0" * 32)
    flash.write(b"\xe9junk")
    assert write(flash, FIRMWARE.bytes)


# gzip on the ESP8266.


def test_a_packed_image_runs_unpacked_and_is_remembered_by_the_md5_of_the_packed_one():
    flash = Flash(gzip=True)
    assert write(flash, PACKED.bytes)
    assert flash.boot() == Image.of(FIRMWARE.bytes)
    assert flash.md5_file == PACKED.md5


def test_an_esp8266_takes_plain_images_as_well():
    flash = Flash(gzip=True)
    assert write(flash, FIRMWARE.bytes)
    assert flash.boot() == Image.of(FIRMWARE.bytes)


@pytest.mark.parametrize(
    "data",
    [PACKED.bytes[:-9], PACKED.bytes[:50] + b"?" + PACKED.bytes[51:], gzip.compress(b"\x7fELF"), b"\x1f\x8b"],
    ids=["cut", "spoiled", "no image inside", "only the magic"],
)
def test_a_broken_packed_image_passes_its_md5_and_does_not_start(data):
    """The boot loader checks nothing before it overwrites the old image."""
    flash = Flash(gzip=True)
    assert write(flash, data)
    assert not flash.bootable
    assert flash.boot() is None
    assert flash.booted == [None]
    assert not flash.bootable


def test_a_packed_image_goes_through_the_receiver_of_an_esp8266_only():
    for hardware, accepted in (("ESP8266", True), ("ESP32", False)):
        table = Table(flash=Board("sensor", hardware).flash, hardware=hardware)
        table.tell(PACKED.announce(hardware=hardware))
        table.push(PACKED, hardware=hardware)
        assert table.runs(FIRMWARE) is accepted


# When the first byte is looked at.


def junk(size):
    return b"\x7f" * size


def writes_taken(flash, data, step):
    flash.begin("")
    taken = 0
    while taken * step < len(data) and flash.write(data[taken * step : (taken + 1) * step]):
        taken += 1
    return taken


@pytest.mark.parametrize(("after_bytes", "taken"), [(0, 0), (SECTOR_BYTES, 4), (1 << 30, 8)])
def test_a_wrong_first_byte_is_noticed_when_the_core_looks_at_it(after_bytes, taken):
    flash = Flash(magic_checked_after_bytes=after_bytes)
    assert writes_taken(flash, junk(8192), 1024) == taken
    assert not flash.end()
