"""Lines on the disk: in order, within their limit, after crashes and full disks."""

import errno
import gzip
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from meshward.bridges.influx import backlog, spool
from meshward.bridges.influx.backlog import Backlog
from meshward.bridges.influx.spool import Spool

MEGABYTE = 1 << 20


def opened(folder, size_max=8 * MEGABYTE):
    made = Spool(folder, size_max)
    made.open()
    return made


def numbered(start, count, width=100):
    """Lines that do not pack to nothing."""
    noise = random.Random(start)
    return b"".join(
        f"{number:06d} {noise.randbytes(width // 2).hex()}\n".encode()
        for number in range(start, start + count)
    )


def drained(taken):
    """The first words of all lines, in the order in which they come out."""
    words = []
    while (found := taken.oldest()) is not None:
        path, text = found
        words += [int(one.split()[0]) for one in text.splitlines()]
        taken.remove(path)
    return words


def test_lines_come_out_in_the_order_they_went_in(tmp_path):
    made = opened(tmp_path)
    for start in range(0, 30_000, 1000):
        made.add(numbered(start, 1000))

    assert made.lines == 30_000
    assert drained(made) == list(range(30_000))
    assert (made.lines, made.dropped) == (0, 0)
    assert list(tmp_path.iterdir()) == []


def test_pieces_fit_in_a_request_and_full_ones_are_packed(tmp_path):
    made = opened(tmp_path)
    for start in range(0, 20_000, 1000):
        made.add(numbered(start, 1000))

    *packed, last = sorted(tmp_path.iterdir())
    assert packed
    assert all(path.name.endswith(".lp.gz") for path in packed)
    assert last.suffix == ".lp"
    for path in packed:
        text = gzip.decompress(path.read_bytes())
        assert len(text) <= spool.PIECE_BYTES
        assert text.count(b"\n") <= spool.PIECE_LINES


def test_everything_is_there_after_a_crash(tmp_path):
    made = opened(tmp_path)
    for start in range(0, 12_000, 500):
        made.add(numbered(start, 500))

    again = opened(tmp_path)
    again.add(numbered(12_000, 500))

    assert again.lines == 12_500
    assert drained(again) == list(range(12_500))


def test_the_oldest_go_first_when_it_is_full(tmp_path):
    made = opened(tmp_path, 256 * 1024)
    for start in range(0, 20_000, 100):
        made.add(numbered(start, 100))

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 256 * 1024
    assert made.lines + made.dropped == 20_000
    assert made.dropped > 0
    kept = made.lines
    assert drained(made) == list(range(20_000 - kept, 20_000))


def test_a_limit_that_became_smaller_holds_from_the_start(tmp_path):
    made = opened(tmp_path)
    for start in range(0, 12_000, 500):
        made.add(numbered(start, 500))

    again = opened(tmp_path, 300 * 1024)

    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 300 * 1024
    assert again.dropped + again.lines == 12_000


def test_more_than_fits_at_all_is_left_out_and_counted(tmp_path):
    made = opened(tmp_path, 1024)
    made.add(numbered(0, 2))
    made.add(numbered(2, 100))

    assert made.dropped == 100
    assert drained(made) == [0, 1]


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path):
    opened(tmp_path).add(numbered(0, 10))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-7])

    again = opened(tmp_path)
    again.add(numbered(10, 2))

    assert drained(again) == [*range(9), 10, 11]


def test_zeros_that_a_power_cut_left_are_left_out(tmp_path):
    opened(tmp_path).add(numbered(0, 3))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + b"\0" * 4096 + b"\n" + numbered(3, 1))

    again = opened(tmp_path)

    assert drained(again) == [0, 1, 2, 3]
    assert (again.lines, again.dropped) == (0, 1)


@pytest.mark.parametrize("damage", [lambda raw: raw[:-20], lambda raw: b"", lambda raw: b"no gzip at all"])
def test_a_damaged_piece_is_left_out_counted_and_told(tmp_path, damage):
    made = opened(tmp_path)
    for start in range(0, 12_000, 500):
        made.add(numbered(start, 500))
    path = min(tmp_path.iterdir())
    lines = int(path.name.split("-")[1].split(".")[0])
    path.write_bytes(damage(path.read_bytes()))

    again = opened(tmp_path)
    with capture_logs() as logs:
        words = drained(again)

    assert words == list(range(lines, 12_000))
    assert (again.dropped, again.lines) == (lines, 0)
    assert [(entry["log_level"], entry["lines"]) for entry in logs] == [("warning", lines)]


def test_a_crash_while_a_piece_was_packed_neither_loses_nor_doubles_it(tmp_path):
    made = opened(tmp_path)
    made.add(numbered(0, 10))
    (plain,) = tmp_path.iterdir()
    (tmp_path / f"{plain.stem}-10.lp.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / f"{plain.stem}-10.lp.new").write_bytes(b"half")

    again = opened(tmp_path)

    assert again.lines == 10
    assert drained(again) == list(range(10))
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")

    made = opened(tmp_path)
    made.add(numbered(0, 1))
    drained(made)

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_what_is_added_while_the_oldest_is_sent_is_kept(tmp_path):
    made = opened(tmp_path)
    made.add(numbered(0, 3))
    path, _ = made.oldest()
    made.add(numbered(3, 3))
    made.remove(path)

    assert drained(made) == [3, 4, 5]


def test_calls_from_several_threads_wait_for_each_other(tmp_path):
    made = opened(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda start: made.add(numbered(start, 50)), range(0, 10_000, 50)))

    words = drained(made)
    assert sorted(words) == list(range(10_000))
    assert all(words[at : at + 50] == list(range(words[at], words[at] + 50)) for at in range(0, 10_000, 50))


class FullDisk:
    """Takes `room` bytes more, as a disk does: the last write in part."""

    def __init__(self, monkeypatch, room):
        self.room = room
        self._write = spool.os.write
        monkeypatch.setattr(spool.os, "write", self)

    def __call__(self, descriptor, content):
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(descriptor, content[: self.room])
        self.room -= written
        return written


def test_a_disk_that_takes_half_a_line_damages_nothing(tmp_path, monkeypatch):
    made = opened(tmp_path)
    made.add(numbered(0, 5))
    full = FullDisk(monkeypatch, 150)
    with pytest.raises(OSError, match="No space left"):
        made.add(numbered(5, 5))
    full.room = MEGABYTE
    made.add(numbered(5, 5))

    assert made.lines == 10
    assert drained(made) == list(range(10))


def test_a_piece_that_cannot_be_packed_stays_as_it_is(tmp_path, monkeypatch):
    made = opened(tmp_path)
    made.add(numbered(0, 4000))
    full = FullDisk(monkeypatch, 150)
    with pytest.raises(OSError, match="No space left"):
        made.add(numbered(4000, 4000))
    full.room = 8 * MEGABYTE
    made.add(numbered(4000, 4000))

    assert not list(tmp_path.glob("*.new"))
    assert drained(opened(tmp_path)) == list(range(8000))


async def test_lines_stay_in_memory_while_the_disk_is_full_and_in_order_after(tmp_path, monkeypatch):
    kept = Backlog(Spool(tmp_path, MEGABYTE))
    await kept.open()
    await kept.add(numbered(0, 5))
    full = FullDisk(monkeypatch, 0)
    with capture_logs() as logs:
        await kept.add(numbered(5, 5))
        await kept.add(numbered(10, 5))
    assert kept.trouble == "No space left on device"
    assert kept.lines == 15
    assert len(logs) == 1

    full.room = MEGABYTE
    await kept.add(numbered(15, 5))

    assert kept.trouble == ""
    assert await words_of(kept) == list(range(20))
    assert (kept.lines, kept.dropped) == (0, 0)


async def test_memory_has_a_limit_too(tmp_path, monkeypatch):
    monkeypatch.setattr(backlog, "MEMORY_BYTES", 5_000)
    kept = Backlog(Spool(tmp_path, MEGABYTE))
    await kept.open()
    FullDisk(monkeypatch, 0)
    for start in range(0, 100, 10):
        await kept.add(numbered(start, 10))

    assert kept.lines + kept.dropped == 100
    assert await words_of(kept) == list(range(kept.dropped, 100))
    assert kept.dropped > 0


async def test_a_folder_that_cannot_be_made_leaves_memory(tmp_path):
    (tmp_path / "file").write_text("in the way")
    kept = Backlog(Spool(tmp_path / "file" / "below", MEGABYTE))
    await kept.open()
    await kept.add(numbered(0, 3))

    assert kept.trouble
    assert await words_of(kept) == [0, 1, 2]


async def words_of(kept):
    words = []
    while (waiting := await kept.oldest()) is not None:
        words += [int(one.split()[0]) for one in waiting.text.splitlines()]
        await kept.done(waiting)
    return words
