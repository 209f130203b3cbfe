"""Printing lines, for people and for programs."""

import json
from collections.abc import Mapping


def print_line(line: str) -> None:
    """One line of text, at once."""
    print(line, flush=True)  # noqa: T201


def print_json(entry: Mapping[str, object]) -> None:
    """One object on one line. ASCII only, so that no control character reaches a terminal."""
    print_line(json.dumps(entry))


def print_event(event: str, **fields: object) -> None:
    """One object of a stream of them."""
    print_json({"event": event, **fields})


def delay_text(delay_us: int | None) -> str:
    """A measured delay for people; None where the node did not answer."""
    return "no answer" if delay_us is None else f"{delay_us / 1000:.2f} ms"


def plural(count: int, noun: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
