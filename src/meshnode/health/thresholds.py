"""Values that cannot wait for the next frame: which of them are past their thresholds."""

from meshnode.health.codec import number_or_none
from meshnode.health.metrics import METRICS

# (metric, threshold, where it counts as well again). What is well again above is bad below, and the other way
# round. The room between keeps what wavers about a threshold from being told again and again.
DEFAULTS = (
    ("heap_free_bytes", 8192, 10240),  # below, boards begin to fail at allocations, whatever they are
    ("rssi_dbm", -88, -85),  # frames begin to get lost
    ("loop_max_ms", 2000, 1500),  # five such passes in a row, and its neighbours hang up on it
    ("temperature_c", 80, 75),
    ("battery_percent", 15, 18),
)


class Thresholds:
    """Watches the values of one board. `table`: as DEFAULTS. Raises ValueError for an unknown metric."""

    def __init__(self, table=DEFAULTS) -> None:
        names = [metric.name for metric in METRICS]
        for name, _, _ in table:
            if name not in names:
                raise ValueError("no metric is called %r" % (name,))
        self._rows = [(names.index(name), threshold, clear) for name, threshold, clear in table]
        self._past = 0  # rows that are past theirs, as a bitmap

    def look(self, values: list) -> bool:
        """Take the values of this moment; whether any crossed its threshold, in either direction."""
        before = self._past
        for row, (index, threshold, clear) in enumerate(self._rows):
            value = number_or_none(values[index])
            if value is None:
                continue
            is_low = clear > threshold
            if value < threshold if is_low else value > threshold:
                self._past |= 1 << row
            elif value >= clear if is_low else value <= clear:
                self._past &= ~(1 << row)
        return self._past != before
