"""A limit on how often something is done that others can cause."""


class Bucket:
    """So many at once, and one more each time `every_us` has passed."""

    def __init__(self, most: int, every_us: int) -> None:
        self._most_us = most * every_us
        self._every_us = every_us
        self._full_us = 0  # when it will be full again, if nothing is taken

    def free_us(self, now_us: int) -> int:
        """When the next one can be had: `now_us` where it can be had now."""
        return max(now_us, self._full_us - self._most_us + self._every_us)

    def take(self, now_us: int) -> bool:
        """Take one, if there is one."""
        if self.free_us(now_us) > now_us:
            return False
        self._full_us = max(now_us, self._full_us) + self._every_us
        return True
