"""Values of metrics in words, and their names."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from meshward.cli.durations import duration_text
from meshward.cli.options import shortened
from meshward.errors import UnknownItemError
from meshward.gateway.health_views import MetricView, ReadingView
from meshward.text import printable

_KB = 1024
_MB = 1024 * 1024
_LIKE = 0.7
"""How much alike a slip of the pen and what was meant are."""
_SUFFIXES = ("_bytes_per_s", "_bytes", "_dbm", "_percent", "_per_h", "_hpa", "_ms", "_c", "_s")
"""Units at the end of names; what is shown with its unit need not have it in its name as well."""


def value_text(value: float, unit: str) -> str:
    """A value with its unit: `43.2 KB`, `-67 dBm`, `3d 4h`, `12`."""
    if unit == "s":
        return duration_text(value)
    if unit in {"B", "B/s"}:
        return bytes_text(value) + unit[1:]
    return f"{number_text(value)} {unit.removeprefix('1')}".rstrip()


def number_text(value: float) -> str:
    """A number with as many digits as somebody reads: `1234`, `43.2`, `0.021`."""
    if value == round(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def short_name(metric: str) -> str:
    """A metric's name without its unit, for the head of a column: `heap free`, `rssi`."""
    return printable(_stem(metric).replace("_", " "), 24)


def source_text(reading: ReadingView) -> str:
    """Where a value comes from: `mesh`, `telemetry`, `query` or `package 604`."""
    return f"package {reading.source}" if reading.source.isdigit() else printable(reading.source, 20)


def find_metric(catalogue: Sequence[MetricView], text: str) -> MetricView:
    """The metric meant; its name need not be whole where no other begins so. Raises UnknownItemError."""
    name = text.strip().casefold().replace("-", "_")
    exact = [metric for metric in catalogue if metric.name == name]
    begun = [metric for metric in catalogue if name and metric.name.startswith(name)]
    if exact or len(begun) == 1:
        return (exact or begun)[0]
    raise UnknownItemError(_unknown(text, [metric.name for metric in catalogue], begun))


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """`did you mean …? ` for names that look like it; "" where none does."""
    close = get_close_matches(text.strip().casefold(), list(names), n=3, cutoff=_LIKE)
    return f"did you mean {' or '.join(close)}? " if close else ""


def _unknown(text: str, names: list[str], begun: list[MetricView]) -> str:
    if begun:
        return f"{text!r} may be {shortened([metric.name for metric in begun])}: give the whole name"
    written = text.strip().casefold()
    stems = {_stem(name): name for name in reversed(names)} | {name: name for name in names}
    like = [name for name in names if len(written) > 2 and written in name]
    like += [stems[stem] for stem in get_close_matches(written, list(stems), n=3, cutoff=_LIKE)]
    hint = f"did you mean {' or '.join(list(dict.fromkeys(like))[:3])}? " if like else ""
    return f"there is no metric {text!r}; {hint}`meshward history NODE` lists those of a node"


def _stem(metric: str) -> str:
    """A metric's name without its unit."""
    return metric.removesuffix(next((suffix for suffix in _SUFFIXES if metric.endswith(suffix)), ""))


def bytes_text(value: float) -> str:
    """As `512 B`, `39.1 KB` or `3.0 MB`."""
    if abs(value) >= _MB:
        return f"{value / _MB:.1f} MB"
    return f"{value / _KB:.1f} KB" if abs(value) >= _KB else f"{number_text(value)} B"
