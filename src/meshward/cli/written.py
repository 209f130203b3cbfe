"""Waves, windows and numbers of nodes as people write them on the command line. All raise ValueError."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from meshward.cli.durations import parse_duration
from meshward.rollout.spec import DEFAULT_WAVES, Wave, Window
from meshward.rollout.states import ErrorClass

NodeOf = Callable[[str], int]
"""From a node's id or name to its id; raises ValueError where there is no such node."""

_AMOUNT = re.compile(r"[0-9]{1,6}|[0-9]{1,3}(?:[.][0-9]{1,3})?%")
_CLOCKS = re.compile(r"([0-9]{1,2}:[0-9]{2})-([0-9]{1,2}:[0-9]{2})")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WAVE_KEYS = "name, size, nodes, soak, success, errors, sample, classes, go, batch, growth"


def parse_amount(text: str) -> str:
    """A number of nodes, or a share of them."""
    written = text.strip()
    if not _AMOUNT.fullmatch(written):
        raise ValueError(f"{text!r} is no amount: write a number of nodes, as 3, or a share, as 10%")
    if written.endswith("%") and float(written[:-1]) > 100:
        raise ValueError(f"{text!r} is more than all nodes")
    return written


def parse_wave(text: str, node_of: NodeOf, soak_s: float | None = None) -> Wave:
    """`name=canary,size=2,soak=10m,errors=0,success=100%,go=manual,nodes=1001+1002`; what is left out
    is as in `Wave`, but for `soak_s`.
    """
    given: dict[str, Any] = {} if soak_s is None else {"soak_s": soak_s}
    for piece in text.split(","):
        key, equals, value = (part.strip() for part in piece.partition("="))
        if not equals or not value:
            raise ValueError(f"{piece!r} is not KEY=VALUE, as in name=canary,size=2,soak=10m")
        field, read = _wave_field(key, node_of)
        given[field] = _read(key, value, read)
    if "name" not in given:
        raise ValueError(f"{text!r} has no name: begin it with name=…")
    return msgspec.convert(given, Wave)


def canary_wave(text: str, node_of: NodeOf) -> Wave | None:
    """The wave for `--canary`: `2`, `5%`, or nodes as `1001,1002` or `nodes=1001`; None for `0`."""
    canary = DEFAULT_WAVES[0]
    listed = text.removeprefix("nodes=")
    if listed != text or "," in text or "+" in text:
        return msgspec.structs.replace(canary, nodes=_nodes(listed.replace(",", "+"), node_of))
    amount = parse_amount(text)
    return None if amount in {"0", "0%"} else msgspec.structs.replace(canary, size=amount)


def waves_of(
    texts: Sequence[str], *, canary: str | None, soak: str | None, manual: bool, node_of: NodeOf
) -> tuple[Wave, ...]:
    """The waves of a rollout: those written, or the usual ones, as `--canary`, `--soak` and `--manual`
    change them.
    """
    soak_s = None if soak is None else parse_duration(soak)
    waves = [parse_wave(text, node_of, soak_s) for text in texts]
    if not texts:
        waves = list(DEFAULT_WAVES if canary is None else DEFAULT_WAVES[1:])
    first = None if canary is None else canary_wave(canary, node_of)
    if first is not None:
        waves.insert(0, first)
    if soak_s is not None and not texts:
        waves = [msgspec.structs.replace(wave, soak_s=soak_s) for wave in waves]
    if manual:
        waves = [waves[0], *(msgspec.structs.replace(wave, go_ahead="manual") for wave in waves[1:])]
    return tuple(waves)


def parse_window(text: str) -> Window:
    """`mon-fri 22:00-05:00 Europe/Berlin`; without days every day, without a zone UTC."""
    words = text.split()
    days = _days(words.pop(0)) if words and not _CLOCKS.fullmatch(words[0]) else None
    clocks = _CLOCKS.fullmatch(words.pop(0)) if words else None
    if clocks is None or len(words) > 1:
        raise ValueError(f"{text!r} is no window: write it as 'mon-fri 22:00-05:00 Europe/Berlin'")
    start, end = (_clock(clock) for clock in clocks.groups())
    window = Window(start=start, end=end, zone=words[0] if words else "UTC")
    return window if days is None else msgspec.structs.replace(window, days=days)


def window_text(window: Window) -> str:
    """A window as `parse_window` reads it."""
    days = "every day" if set(window.days) == set(_DAYS) else ",".join(window.days)
    return f"{days} {window.start}-{window.end} {window.zone}"


def _days(text: str) -> Any:
    days: list[str] = []
    for piece in text.lower().split(","):
        first, dash, last = piece.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise ValueError(f"{piece!r} are no days: write them as mon-fri or sat,sun")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        days += [_DAYS[(begin + step) % 7] for step in range((end - begin) % 7 + 1)]
    return tuple(dict.fromkeys(days))


def _clock(text: str) -> str:
    hour, minute = (int(part) for part in text.split(":"))
    if hour > 23 or minute > 59:
        raise ValueError(f"{text!r} is no time of day: 00:00 to 23:59")
    return f"{hour:02}:{minute:02}"


def _wave_field(key: str, node_of: NodeOf) -> tuple[str, Callable[[str], Any]]:
    """The field of `Wave` that a key stands for, and what reads its value."""
    fields: dict[str, tuple[str, Callable[[str], Any]]] = {
        "name": ("name", str),
        "size": ("size", parse_amount),
        "nodes": ("nodes", lambda text: _nodes(text, node_of)),
        "soak": ("soak_s", parse_duration),
        "success": ("success_min", parse_amount),
        "errors": ("errors_max", parse_amount),
        "sample": ("errors_sample_min", int),
        "classes": ("error_classes", lambda text: tuple(ErrorClass(name) for name in text.split("+"))),
        "go": ("go_ahead", _go_ahead),
        "batch": ("batch", int),
        "growth": ("batch_growth", float),
    }
    if key not in fields:
        raise ValueError(f"a wave has no {key!r}; known are {_WAVE_KEYS}")
    return fields[key]


def _read(key: str, value: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{key}={value}: {error}") from None


def _go_ahead(text: str) -> str:
    if text not in {"auto", "manual"}:
        raise ValueError("write auto or manual")
    return text


def _nodes(text: str, node_of: NodeOf) -> tuple[int, ...]:
    return tuple(node_of(part.strip()) for part in text.split("+") if part.strip())
