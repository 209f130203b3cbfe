"""Whether a rollout can be as it is asked for. Every refusal names the field and says what to write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from meshward.errors import RolloutError
from meshward.rollout.amounts import parse_amount
from meshward.rollout.schedule import Windows, parse_start
from meshward.rollout.spec import Health, RolloutSpec, Target, Transfer, Wave

WAVES_MAX = 20
LIST_MAX = 1000
"""Entries of a list: more nodes than that are no painlessMesh."""
IMAGES_MAX = 16
"""One for each kind of hardware there is."""
WINDOWS_MAX = 50
NAME_MAX = 100
WORD_MAX = 64
"""Characters of a wave's name, a tag, a role, a version, an image."""
NOTES_MAX = 4000
JOB_MAX = 100
SOAK_MAX_S = 30 * 86_400
ABSENT_MAX_S = 365 * 86_400
NODE_ID_MAX = 0xFFFF_FFFF
PART_MIN_BYTES = 64
PART_MAX_BYTES = 16_384
"""Larger parts do not fit a stock board's memory."""
COUNT_MAX = 1_000_000


def check_spec(spec: RolloutSpec) -> None:
    """Raises RolloutError for the first thing that cannot be."""
    _text("name", spec.name, NAME_MAX)
    _notes(spec.notes)
    _job(spec.job)
    _words("images", spec.images, most=IMAGES_MAX, least=1)
    _words("rollback_to", spec.rollback_to, most=IMAGES_MAX)
    _check_target(spec.target)
    _check_waves(spec.waves)
    with _field("failure_budget"):
        parse_amount(spec.failure_budget)
    _check_health(spec.health)
    _check_times(spec)
    _check_transfer(spec.transfer)


def _check_target(target: Target) -> None:
    _words("target.roles", target.roles, least=1)
    _words("target.tags", target.tags)
    _words("target.versions", target.versions)
    _node_ids("target.nodes", target.nodes)
    _node_ids("target.exclude", target.exclude)


def _check_waves(waves: Sequence[Wave]) -> None:
    _length("waves", waves, WAVES_MAX, least=1)
    names: set[str] = set()
    wave_of: dict[int, str] = {}
    for index, wave in enumerate(waves):
        _check_wave(f"waves[{index}]", wave)
        if wave.name in names:
            raise RolloutError(
                f"waves[{index}].name: {wave.name!r} is there twice; give each wave its own name"
            )
        names.add(wave.name)
        for node in wave.nodes:
            if node in wave_of:
                raise RolloutError(
                    f"waves[{index}].nodes: node {node} is in wave {wave_of[node]!r} already; name it once"
                )
            wave_of[node] = wave.name


def _check_wave(field: str, wave: Wave) -> None:
    _text(f"{field}.name", wave.name, WORD_MAX)
    _node_ids(f"{field}.nodes", wave.nodes)
    with _field(f"{field}.size"):
        if parse_amount(wave.size).is_nothing and not wave.nodes:
            raise RolloutError("a wave of no nodes; give at least 1, or leave the wave out")
    for name, amount in (("success_min", wave.success_min), ("errors_max", wave.errors_max)):
        with _field(f"{field}.{name}"):
            parse_amount(amount)
    if not wave.error_classes:
        raise RolloutError(
            f"{field}.error_classes is empty, so nothing would count as an error; "
            'name at least one, or allow all errors with errors_max "100%"'
        )
    _length(f"{field}.error_classes", wave.error_classes, LIST_MAX)
    _number(f"{field}.soak_s", wave.soak_s, 0, SOAK_MAX_S)
    _number(f"{field}.errors_sample_min", wave.errors_sample_min, 0, COUNT_MAX)
    _number(f"{field}.batch", wave.batch, 0, COUNT_MAX)
    _number(f"{field}.batch_growth", wave.batch_growth, 1, COUNT_MAX)


def _check_health(health: Health) -> None:
    _number("health.restarts_max", health.restarts_max, 0, COUNT_MAX)
    _number("health.absence_max_s", health.absence_max_s, 1, SOAK_MAX_S)
    _number("health.delay_factor_max", health.delay_factor_max, 1, COUNT_MAX)
    _number("health.heap_ratio_min", health.heap_ratio_min, 0, 1)


def _check_times(spec: RolloutSpec) -> None:
    if spec.start_at is not None:
        with _field("start_at"):
            parse_start(spec.start_at)
    _length("windows", spec.windows, WINDOWS_MAX)
    for index, window in enumerate(spec.windows):
        with _field(f"windows[{index}]"):
            Windows([window])
    _number("absent_wait_s", spec.absent_wait_s, 0, ABSENT_MAX_S)


def _check_transfer(transfer: Transfer) -> None:
    for name, value, least, most in (
        ("part_bytes", transfer.part_bytes, PART_MIN_BYTES, PART_MAX_BYTES),
        ("window", transfer.window, 1, COUNT_MAX),
        ("concurrency", transfer.concurrency, 1, COUNT_MAX),
        ("backlog_bytes", transfer.backlog_bytes, 1, 1 << 30),
    ):
        if value is not None:
            _number(f"transfer.{name}", value, least, most)


def _number(field: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # nan is neither
        raise RolloutError(f"{field} is {value}; give {least} to {most}")


def _text(field: str, text: str, most: int) -> None:
    if not 1 <= len(text) <= most:
        raise RolloutError(f"{field} has {len(text)} characters; give 1 to {most}")
    if not text.strip() or not text.isprintable():
        raise RolloutError(f"{field} {text!r} cannot be shown on one line; use letters, digits and signs")


def _notes(text: str) -> None:
    if len(text) > NOTES_MAX:
        raise RolloutError(f"notes has {len(text)} characters; give at most {NOTES_MAX}")
    if not text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ").isprintable():
        raise RolloutError("notes has control characters; use letters, digits, signs and line breaks")


def _job(job: str) -> None:
    if len(job) > JOB_MAX or not all("!" <= character <= "~" for character in job):
        raise RolloutError(
            f"job must be at most {JOB_MAX} printable ASCII characters without spaces; give another one"
        )


def _words(field: str, words: Sequence[str], *, most: int = LIST_MAX, least: int = 0) -> None:
    _length(field, words, most, least=least)
    for index, word in enumerate(words):
        _text(f"{field}[{index}]", word, WORD_MAX)
    _once_each(field, words)


def _node_ids(field: str, nodes: Sequence[int]) -> None:
    _length(field, nodes, LIST_MAX)
    for index, node in enumerate(nodes):
        _number(f"{field}[{index}]", node, 1, NODE_ID_MAX)
    _once_each(field, nodes)


def _once_each(field: str, values: Sequence[object]) -> None:
    seen: set[object] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise RolloutError(f"{field}[{index}]: {value!r} is there twice; name it once")
        seen.add(value)


def _length(field: str, values: Sequence[object], most: int, *, least: int = 0) -> None:
    if len(values) < least:
        raise RolloutError(f"{field} is empty; give at least {least}")
    if len(values) > most:
        raise RolloutError(f"{field} has {len(values)} entries; give at most {most}")


@contextmanager
def _field(field: str) -> Iterator[None]:
    """Puts the field's name before what is wrong with it."""
    try:
        yield
    except RolloutError as error:
        raise RolloutError(f"{field}: {error}") from None
