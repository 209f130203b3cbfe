"""The firmware library: what is known of files, and the files."""

import hashlib
import os
from contextlib import closing

import pytest

from meshward.errors import ConflictError, FirmwareError, InvalidError, StoreError, UnknownItemError
from meshward.store import firmware, nodes
from meshward.store.connection import open_connection
from meshward.store.library import Library
from tests.support.store import IMAGE, NOW_S, OLD_IMAGE, firmware_row

SHA256 = hashlib.sha256(b"firmware").hexdigest()


@pytest.fixture
def connection():
    with closing(open_connection(":memory:")) as connection:
        yield connection


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "firmware", limit_bytes=100)
    library.open()
    return library


def keep(library, content):
    with library.incoming() as incoming:
        incoming.write(content)
        return library.keep(incoming, incoming.sha256)


def test_a_firmware_comes_back_as_it_was_added(connection):
    row = firmware_row(
        b"new", hardware="ESP32", chip="ESP32", notes="ok", intact=False, inspection={"problems": [1]}
    )
    assert firmware.add(connection, row)
    assert firmware.get(connection, row.sha256) == row
    assert not firmware.add(connection, firmware_row(b"new", name="other.bin"))
    assert firmware.get(connection, row.sha256).name == "fw.bin"


def test_the_list_is_newest_first_and_counts_nodes(connection):
    firmware.add(connection, firmware_row(b"old", added_at_s=NOW_S - 5))
    firmware.add(connection, firmware_row(b"new"))
    for node in (7, 8):
        nodes.proven(connection, node, hardware="", role="", image=IMAGE, how="", at_s=NOW_S)
    assert [(row.sha256, row.running) for row in firmware.load_all(connection)] == [
        (IMAGE, 2),
        (OLD_IMAGE, 0),
    ]


def test_a_firmware_is_found_by_its_first_digits(connection):
    for tail in ("1", "2"):
        firmware.add(connection, firmware_row(sha256="abcdef" + tail * 58))
    assert firmware.get(connection, "ABCDEF1").sha256 == "abcdef" + "1" * 58
    with pytest.raises(ConflictError, match="give more digits"):
        firmware.get(connection, "abcdef")
    with pytest.raises(UnknownItemError, match="no firmware abcdef3"):
        firmware.get(connection, "abcdef3")


@pytest.mark.parametrize(
    "name", ["", "abcde", "abcdeg", "../../etc/passwd", "******", "[a-f]*", "a" * 65, "١٢٣٤٥٦"]
)
def test_what_is_no_hash_finds_nothing(connection, name):
    firmware.add(connection, firmware_row())
    with pytest.raises(UnknownItemError, match="SHA-256"):
        firmware.get(connection, name)


def test_notes_are_set_and_bounded(connection):
    firmware.add(connection, firmware_row())
    assert firmware.note(connection, IMAGE[:8], "for the roof").notes == "for the roof"
    with pytest.raises(InvalidError):
        firmware.note(connection, IMAGE, "x" * 2001)
    assert firmware.get(connection, IMAGE).notes == "for the roof"


def test_a_removed_firmware_is_gone(connection):
    firmware.add(connection, firmware_row())
    assert firmware.remove(connection, IMAGE[:6]).sha256 == IMAGE
    assert firmware.load_all(connection) == []
    with pytest.raises(UnknownItemError):
        firmware.remove(connection, IMAGE)


def test_a_file_that_streams_in_is_kept_under_its_hash(library):
    with library.incoming() as incoming:
        for chunk in (b"firm", b"", b"ware"):
            incoming.write(chunk)
        assert (incoming.sha256, incoming.size_bytes, incoming.read()) == (SHA256, 8, b"firmware")
        path = library.keep(incoming, SHA256)
    assert path == library.path(SHA256)
    assert path.stat().st_mode & 0o777 == 0o600
    assert library.directory.stat().st_mode & 0o777 == 0o700
    assert library.read(SHA256) == b"firmware"
    assert library.stored() == {SHA256}
    assert [item.name for item in library.directory.iterdir()] == [f"{SHA256}.bin"]


def test_a_file_that_is_not_kept_is_gone(library):
    with pytest.raises(RuntimeError), library.incoming() as incoming:
        incoming.write(b"half")
        raise RuntimeError
    assert list(library.directory.iterdir()) == []


def test_a_file_of_just_the_limit_is_taken_and_a_larger_one_is_not(library):
    keep(library, b"x" * 100)
    with pytest.raises(FirmwareError, match="larger than 100 bytes"), library.incoming() as incoming:
        incoming.write(b"x" * 60)
        incoming.write(b"x" * 41)
    assert len(list(library.directory.iterdir())) == 1


def test_a_file_that_is_not_what_was_inspected_is_not_kept(library):
    with pytest.raises(StoreError, match="not the one"), library.incoming() as incoming:
        incoming.write(b"other")
        library.keep(incoming, SHA256)
    assert list(library.directory.iterdir()) == []


def test_adding_a_file_again_repairs_a_damaged_one(library):
    path = keep(library, b"firmware")
    path.write_bytes(b"firmwarf")
    with pytest.raises(StoreError, match="damaged"):
        library.read(SHA256)
    keep(library, b"firmware")
    assert library.read(SHA256) == b"firmware"


def test_a_missing_file_is_said_to_be_missing(library):
    with pytest.raises(StoreError, match="missing"):
        library.read(SHA256)
    library.remove(SHA256)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", SHA256.upper(), SHA256[:-1], SHA256 + "\n", ""])
def test_only_hashes_name_files(library, name):
    for call in (library.path, library.read, library.remove):
        with pytest.raises(StoreError, match="64 hexadecimal digits"):
            call(name)


def test_opening_removes_what_a_crash_left(library):
    path = keep(library, b"firmware")
    (library.directory / "0123.incoming").write_bytes(b"half")
    library.open()
    assert list(library.directory.iterdir()) == [path]


def test_a_full_disk_is_told_as_such(library, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"disk of .* is full"):
        keep(library, b"firmware")
    assert list(library.directory.iterdir()) == []
