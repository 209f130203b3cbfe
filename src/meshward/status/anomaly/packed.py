"""Rows of whole numbers as short texts for JSON: about half a byte each where they are near each other.

`LOW:WIDTH:DATA`: the lowest number; how many bytes each number takes, counted from there; and these, deflated
and in base64: the low byte of all numbers, then the next byte of all. A row of none is "".
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from itertools import accumulate, pairwise

NUMBERS_MAX = 1000
"""No row that is kept is longer; a text with more was not written here."""
WIDTH_MAX = 4
INT32_END = 2**31
_WINDOW_BITS = -10
"""1 KB without a header: as good for such rows as 32 KB, in a tenth of the time."""
_MEMORY_LEVEL = 4


def pack(numbers: Sequence[int]) -> str:
    """The numbers as a text; each of 32 bits, with a sign."""
    if not numbers:
        return ""
    low = min(numbers)
    width = max(1, ((max(numbers) - low).bit_length() + 7) // 8)
    planes = [bytes([(number - low) >> 8 * plane & 0xFF for number in numbers]) for plane in range(width)]
    deflate = zlib.compressobj(6, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    data = deflate.compress(b"".join(planes)) + deflate.flush()
    return f"{low}:{width}:{b64encode(data).decode()}"


def unpack(text: str) -> list[int]:
    """The numbers in a text of `pack`; ValueError where it is none."""
    if not text:
        return []
    low_text, width_text, data = text.split(":")
    low, width = int(low_text), int(width_text)
    if not 1 <= width <= WIDTH_MAX:
        raise ValueError(f"{width} bytes a number")
    planes = _inflated(data)
    count = len(planes) // width
    if count * width != len(planes) or not 0 < count <= NUMBERS_MAX:
        raise ValueError("cut off, or too long")
    numbers = [low] * count
    for plane in range(width):
        for at, byte in enumerate(planes[plane * count : (plane + 1) * count]):
            numbers[at] += byte << 8 * plane
    if min(numbers) < -INT32_END or max(numbers) >= INT32_END:
        raise ValueError("numbers too large")
    return numbers


def pack_times(times: Sequence[int]) -> str:
    """Times, each later than the one before, as a text: the first, and the steps from one to the next."""
    return f"{times[0]}/{pack([after - before for before, after in pairwise(times)])}" if times else ""


def unpack_times(text: str) -> list[int]:
    """The times in a text of `pack_times`; ValueError where it is none."""
    if not text:
        return []
    first, steps = text.split("/", 1)
    times = list(accumulate(unpack(steps), initial=int(first)))
    if any(after <= before for before, after in pairwise(times)):
        raise ValueError("times go back")
    return times


def _inflated(data: str) -> bytes:
    inflate = zlib.decompressobj(_WINDOW_BITS)
    try:
        planes = inflate.decompress(b64decode(data, validate=True), NUMBERS_MAX * WIDTH_MAX)
    except (zlib.error, Base64Error) as error:
        raise ValueError("damaged") from error
    if not inflate.eof:
        raise ValueError("cut off, or too long")
    return planes
