from base64 import b64encode

import pytest

from meshward.status.anomaly.packed import NUMBERS_MAX, pack, pack_times, unpack, unpack_times


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [0],
        [-1],
        [5] * 240,
        list(range(-300, 300)),
        [-(2**31), 2**31 - 1, 0],
        [2**31 - 1],
        [0, 255],
        [0, 256],
    ],
)
def test_rows_come_back(numbers):
    assert unpack(pack(numbers)) == numbers


@pytest.mark.parametrize("times", [[], [7], [0, 1, 2, 5], [10**12, 10**12 + 400]])
def test_times_come_back(times):
    assert unpack_times(pack_times(times)) == times


def test_rows_that_change_little_are_short():
    assert len(pack([300 + minute % 4 for minute in range(240)])) < 30
    assert len(pack_times(list(range(10**6, 10**6 + 170)))) < 30


@pytest.mark.parametrize(
    "text",
    [
        *("x", "1:1", "1:1:", "1:1:!!!!", "1:0:AA==", "1:9:AA==", "a:1:AA==", ":::", "1:1:AAA"),
        f"1:2:{pack([1, 2, 3]).split(':')[2]}",
        f"{2**31}:1:{pack([1, 2, 3]).split(':')[2]}",
        f"1:1:{pack([1, 2, 3, 700]).split(':')[2][:-4]}",
        f"1:1:{pack([0] * (NUMBERS_MAX + 1)).split(':')[2]}",
        f"1:1:{pack([0] * 1_000_000).split(':')[2]}",
        f"0:1:{b64encode(bytes(50)).decode()}",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011  whatever says so
        unpack(text)
    with pytest.raises(ValueError):  # noqa: PT011
        unpack_times(f"0/{text}")


@pytest.mark.parametrize("text", ["5", "x/", f"0/{pack([1, 0])}", f"0/{pack([-1])}"])
def test_times_that_go_back_are_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        unpack_times(text)
