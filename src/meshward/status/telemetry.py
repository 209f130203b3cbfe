"""Telemetry of all boards, decoded: frames in, samples out. What is lost is counted, never guessed."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from meshnode.health import codec
from meshnode.wire import WireError, u32
from meshward.status.metrics import METRICS
from meshward.status.samples import TELEMETRY, Sample
from meshward.status.telemetry_frame import Frame, Keyframe, Values, as_numbers, read_frame, read_samples

NODES_MAX = 2000
"""Boards remembered: as many as a mesh can have. The one that was silent the longest is forgotten first."""
RESYNC_FIRST_US = 30_000_000
RESYNC_LAST_US = 900_000_000
"""Pause after asking a board for a snapshot: the first, and the longest. It doubles each time in vain."""

_TEXT_MAX = 4 * ((codec.FRAME_BYTES + 2) // 3)
_SECOND_US = 1_000_000
_SLACK_US = 60 * _SECOND_US
"""A frame may be on its way for so much longer than its keyframe was; beyond that it is another's."""
_DRIFT = 500
"""A board's clock is off by less than one in so many."""
_RESTART_SLACK_US = 5 * _SECOND_US
"""Uptimes are whole seconds, and frames take their time."""
_UNDERWAY_US = 600 * _SECOND_US
"""No frame is on its way for longer."""
_FRAMES_AHEAD = 100
"""A board sends less than one frame a second, for long; these are on top of that."""
_AGREE_US = 3 * _SECOND_US
"""Less than the time between two snapshots: what was held up together on its way does not agree."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a frame told."""

    samples: list[Sample] = field(default_factory=list)
    """Oldest first; none where the frame's keyframe is not known, or it came late or twice."""
    resync: bool = False
    """Whether the board is to be asked for a snapshot now (package 713)."""
    lost: int = 0
    """Frames between the one before and this one that did not come."""
    duplicate: bool = False
    """Whether it came before, or another that was sent after it did."""


class TelemetryDecoder:
    """Knows of each board what its next frame refers to. `now_us`: local, monotonic."""

    def __init__(self) -> None:
        self._boards: dict[int, _Board] = {}  # the one that was heard last stands last

    def receive(self, package: Mapping[str, Any], now_us: int) -> Decoded:
        """Take a package of type 712. Raises WireError for what is none, and nothing else."""
        node = u32(dict(package), "from")
        if not node:
            raise WireError("telemetry of nobody")
        frame = read_frame(_payload(package.get("d")))
        board = self._boards.pop(node, None)
        if board is None:
            if len(self._boards) >= NODES_MAX:
                del self._boards[next(iter(self._boards))]
            board = _Board(frame)
        self._boards[node] = board
        return board.receive(node, frame, now_us)

    def forget(self, node: int) -> None:
        """Drop what is known of a board; its next frame counts as its first."""
        self._boards.pop(node, None)


class _Board:
    """What is known of one board."""

    def __init__(self, first: Frame) -> None:
        self._boot = first.boot
        self._seq = (first.seq - 1) & 0xFFFF
        self._heard_us: int | None = None
        """When the latest frame came."""
        self._sent_us: int | None = None
        """When it was sent, as nearly as is known."""
        self._started_us = 0
        """When the board started: by the frame that was the quickest."""
        self._keyframe: Keyframe | None = None
        self._keyframe_at_us = 0
        self._suspect: tuple[int, int, int] | None = None
        """Of a snapshot that may be of a restarted board: boot, seq, and when that board started then."""
        self._resync_due_us: int | None = None
        self._resync_pause_us = RESYNC_FIRST_US

    def receive(self, node: int, frame: Frame, now_us: int) -> Decoded:
        """Take the next frame that came."""
        ahead = self._frames_ahead(frame, now_us)
        has_restarted = self._has_restarted(frame, now_us)
        if not ahead and not self._is_of_another_run(frame, has_restarted, now_us):
            is_new = not frame.is_snapshot and self._boots_ahead(frame) > 0
            asks = is_new or (frame.is_snapshot and self._suspect is not None)
            return Decoded(resync=asks and self._may_ask(now_us), duplicate=not is_new)
        is_another_run = has_restarted or not ahead
        lost = 0 if is_another_run else ahead - 1
        self._boot, self._seq = frame.boot, frame.seq
        self._heard_us = now_us
        self._suspect = None
        samples = self._samples_of(frame, now_us)
        if not samples:
            return Decoded(resync=self._may_ask(now_us), lost=lost)
        self._resync_pause_us = RESYNC_FIRST_US
        uptime_s = samples[0][0]
        if frame.is_snapshot:
            uptime_s += frame.uptime_s
        elif self._keyframe is not None:
            uptime_s += self._keyframe.uptime_s + frame.after_s
        self._note_sent(uptime_s, is_another_run, now_us)
        return Decoded(
            [_sample(node, values, age_s, uptime_s - age_s, frame.boot) for age_s, values in samples],
            lost=lost,
        )

    def _note_sent(self, uptime_s: int, is_another_run: bool, now_us: int) -> None:
        """A frame was sent at this uptime."""
        started_us = now_us - uptime_s * _SECOND_US
        if self._sent_us is None or is_another_run or started_us < self._started_us:
            self._started_us = started_us
        self._sent_us = self._started_us + uptime_s * _SECOND_US

    # -- order ------------------------------------------------------------------------------

    def _frames_ahead(self, frame: Frame, now_us: int) -> int:
        """How many frames after the last one it was sent, in the same run of the board; 0 for another one."""
        if frame.boot != self._boot:
            return 0
        ahead = (frame.seq - self._seq) & 0xFFFF
        silent_us = 0 if self._heard_us is None else now_us - self._heard_us
        return ahead if ahead <= min(0x7FFF, _FRAMES_AHEAD + silent_us // _SECOND_US) else 0

    def _is_of_another_run(self, frame: Frame, has_restarted: bool, now_us: int) -> bool:
        """Whether the board is known to have restarted by this frame, which is not the next of its run."""
        if not frame.is_snapshot:
            return False
        boots_ahead = self._boots_ahead(frame)
        if has_restarted and boots_ahead > 0:
            return True
        # Boards without a boot counter in flash, or that lost it, restart with numbers that look old.
        silent = self._heard_us is not None and now_us - self._heard_us > _UNDERWAY_US
        return (has_restarted or boots_ahead > 0 or silent) and self._is_confirmed(frame, now_us)

    def _boots_ahead(self, frame: Frame) -> int:
        """How many starts later than the last frame it was sent; below 0 for earlier ones."""
        return ((frame.boot - self._boot + 0x80) & 0xFF) - 0x80

    def _has_restarted(self, frame: Frame, now_us: int) -> bool:
        """Whether a snapshot's board started after the last frame was sent. An old snapshot that is late does
        not look like that, unless it is late by more than the board was up.
        """
        if not frame.is_snapshot:
            return False
        # Where none could be read yet, there is nothing that it could be older than.
        return self._sent_us is None or _started_us(frame, now_us) >= self._sent_us - _RESTART_SLACK_US

    def _is_confirmed(self, snapshot: Frame, now_us: int) -> bool:
        """Whether this is the second one, with nothing taken between, that tells of the same start."""
        started_us = _started_us(snapshot, now_us)
        before, self._suspect = self._suspect, (snapshot.boot, snapshot.seq, started_us)
        if before is None:
            return False
        boot, seq, before_us = before
        follows = boot == snapshot.boot and 0 < (snapshot.seq - seq) & 0xFFFF < 0x8000
        return follows and abs(started_us - before_us) <= _AGREE_US

    def _may_ask(self, now_us: int) -> bool:
        if self._resync_due_us is not None and now_us < self._resync_due_us:
            return False
        self._resync_due_us = now_us + self._resync_pause_us
        self._resync_pause_us = min(2 * self._resync_pause_us, RESYNC_LAST_US)
        return True

    # -- values -----------------------------------------------------------------------------

    def _samples_of(self, frame: Frame, now_us: int) -> list[tuple[int, Values]]:
        """Ages and values of the samples; none where the frame's keyframe is not known."""
        if frame.is_snapshot:
            samples = read_samples(frame, None)
            age_s, values = samples[0]
            self._keyframe = Keyframe(frame.seq, frame.uptime_s, frame.interval_s, values)
            self._keyframe_at_us = now_us - age_s * _SECOND_US
            return samples
        keyframe = self._keyframe
        if keyframe is None or keyframe.seq != frame.keyframe_seq:
            return []
        samples = read_samples(frame, keyframe)
        # Sequence numbers come again after some months: the time since the keyframe must fit as well.
        after_us = now_us - samples[0][0] * _SECOND_US - self._keyframe_at_us
        off_us = abs(after_us - frame.after_s * _SECOND_US)
        return samples if off_us <= _SLACK_US + after_us // _DRIFT else []


def _started_us(frame: Frame, now_us: int) -> int:
    """When the board of a snapshot started, if it came at once; later, if it was on its way for long."""
    oldest_s = read_samples(frame, None)[0][0]
    return now_us - (frame.uptime_s + oldest_s) * _SECOND_US


def _payload(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > _TEXT_MAX:
        raise WireError("telemetry without a payload, or with one that is too long")
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise WireError(f"telemetry that is not base64: {error}") from None


def _sample(node: int, values: Values, age_s: int, uptime_s: int, boot: int) -> Sample:
    taken: dict[str, float] = {}
    refused = []
    for name, value in as_numbers(values).items():
        metric = METRICS[name]
        if metric.low <= value <= metric.high:
            taken[name] = value
        else:
            refused.append(f"{name} {value:g}")
    return Sample(
        node=node,
        source=TELEMETRY,
        values=taken,
        age_us=age_s * _SECOND_US,
        uptime_s=uptime_s,
        boots=boot,
        refused=tuple(refused),
    )
