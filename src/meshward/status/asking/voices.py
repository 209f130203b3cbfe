"""Which language each board speaks: learnt from what it says, never assumed."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from meshnode.wire import STATUS_REPORT, TELEMETRY

NODES_MAX = 4000
"""More than a mesh can have; ids that left are dropped with `forget`."""
TRIES_MAX = 2
"""Questions without an answer after which a board counts as one that cannot be asked."""


class Voice(StrEnum):
    """How a board can be asked."""

    UNKNOWN = "unknown"
    """It said nothing yet, and was not asked often enough to tell."""
    MESHWARD = "meshward"
    """It answers packages 710."""
    ALTERIOM = "alteriom"
    """It sends Alteriom's packages, and may answer package 400."""
    NONE = "none"
    """It was asked and said nothing: an unmodified board."""


class Voices:
    """The voice of every node."""

    def __init__(self) -> None:
        self._voices: dict[int, Voice] = {}
        self._asked: dict[int, int] = {}

    def of(self, node: int) -> Voice:
        """How this board can be asked."""
        return self._voices.get(node, Voice.UNKNOWN)

    def can_answer(self, node: int) -> bool:
        """Whether it said something that shows that it can be asked."""
        return self.of(node) in {Voice.MESHWARD, Voice.ALTERIOM}

    def heard(self, node: int, kind: int, *, is_report: bool) -> None:
        """A board sent a package of this type."""
        voice = Voice.MESHWARD if kind in {STATUS_REPORT, TELEMETRY} else Voice.ALTERIOM
        if voice is Voice.ALTERIOM and (not is_report or self.of(node) is Voice.MESHWARD):
            return  # our own boards send Alteriom's reports too
        if node in self._voices or len(self._voices) < NODES_MAX:
            self._voices[node] = voice
            self._asked.pop(node, None)

    def unanswered(self, nodes: Collection[int]) -> None:
        """These were asked in vain."""
        for node in nodes:
            if self.of(node) is not Voice.UNKNOWN:
                continue
            self._asked[node] = self._asked.get(node, 0) + 1
            if self._asked[node] >= TRIES_MAX and len(self._voices) < NODES_MAX:
                self._voices[node] = Voice.NONE
                del self._asked[node]

    def restarted(self, node: int) -> None:
        """A board may run other firmware now: ask again before it is called mute."""
        if self.of(node) is Voice.NONE:
            del self._voices[node]

    def forget(self, node: int) -> None:
        """A node is no longer known."""
        self._voices.pop(node, None)
        self._asked.pop(node, None)
