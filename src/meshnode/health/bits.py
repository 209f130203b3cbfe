"""Bits, written most significant first into a buffer of fixed size."""


class BitWriter:
    """Writes behind what is in the buffer already. Once something did not fit, `full` is set for good."""

    def __init__(self, buffer: bytearray, start_bytes: int, end_bytes: int) -> None:
        self.full = False
        self._buffer = buffer
        self._position = 8 * start_bytes
        self._end = 8 * end_bytes
        for index in range(start_bytes, end_bytes):
            buffer[index] = 0

    @property
    def used_bytes(self) -> int:
        """Where the last byte that is begun ends."""
        return (self._position + 7) // 8

    def put(self, value: int, width: int) -> None:
        """The low `width` bits of a value."""
        position = self._position
        if self.full or position + width > self._end:
            self.full = True
            return
        while width:
            width -= 1
            if value >> width & 1:
                self._buffer[position >> 3] |= 0x80 >> (position & 7)
            position += 1
        self._position = position

    def put_number(self, value: int, order: int) -> None:
        """A number from 0 on, in an exponential Golomb code: the smaller the shorter."""
        value += 1 << order
        width = order + 1
        while value >> width:
            width += 1
        self.put(0, width - 1 - order)
        self.put(value, width)
