"""Asking many boards at once for their status, and waiting for the answers as long as is worth while.

One broadcast asks all (or SINGLEs a few), boards answer after a random while so that the answers do not
meet, and who could answer and did not is asked again by itself. Questions that are the same are shared.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from meshnode.wire import COMMAND, ROUTE_BROADCAST, ROUTE_SINGLE, STATUS_QUERY
from meshward.status.asking.voices import Voice, Voices
from meshward.status.samples import Sample

DEADLINE_US = 8_000_000
SINGLES_MAX = 8
"""Up to so many are asked one by one: a broadcast costs a frame on every link of the mesh."""
NAMED_MAX = 60
"""Nodes named in a broadcast question; with more of them everybody is asked, and others are passed over."""
JITTER_EACH_US = 20_000
"""Time for one answer to pass a relay; the answers of all are spread over so much each."""
JITTER_LEAST_US = 200_000
RETRIES_EACH_US = 50_000
"""Between two boards that are asked again: about what one of their answers needs on the way."""
GRACE_US = 2_000_000
"""How long after the last expected answer boards are waited for of which nobody knows whether they answer."""
REST_US = 300_000
"""After a report of an Alteriom board, which answers with more than one: the others follow at once."""
DATA_REQUEST = 3
"""Command of package 400 by which Alteriom's boards are asked for a report."""
KEPT_MAX = 32
"""Questions that are over and may serve somebody who asks the same within seconds."""
OPEN_MAX = 16
"""Questions under way: each is a burst of frames."""


@dataclass(slots=True)
class Question:
    """One question and what came of it. Times are the monitor's clock."""

    id: int
    nodes: frozenset[int]
    """Who is asked."""
    role: str
    groups: tuple[str, ...]
    began_us: int
    due_us: int
    answers: dict[int, tuple[Sample, int]] = field(default_factory=dict)
    """By node: what it said last, and when that came."""
    ended_us: int | None = None
    retries: list[tuple[int, int]] = field(default_factory=list)
    """When to ask whom again, the latest first."""
    patient_until_us: int = 0
    rest_until_us: int | None = None
    """Until when the rest of an answer in several reports is waited for."""
    passed_over: bool = False
    """Whether boards answer only where they have the role: the silence of others says nothing of them."""

    @property
    def key(self) -> tuple[frozenset[int], str, tuple[str, ...]]:
        """Questions with the same key have the same answer."""
        return self.nodes, self.role, self.groups

    @property
    def patience_us(self) -> int:
        """How long it waits, or would have waited, for answers."""
        return self.due_us - self.began_us

    def serves(self, other: Question, max_age_us: int) -> bool:
        """Whether what comes of it will do for `other`, asked now: no answer of it is older than max_age_us,
        and no board had less time for it, unless all answered.
        """
        return (
            self.key == other.key
            and max_age_us > 0
            and other.began_us - self.began_us <= max_age_us
            and (self.patience_us >= other.patience_us or self.nodes <= self.answers.keys())
        )


class Questions:
    """All questions under way."""

    def __init__(self, voices: Voices, rng: Random) -> None:
        self._voices = voices
        self._rng = rng
        self._open: dict[int, Question] = {}
        self._kept: list[Question] = []
        self._commands: list[dict[str, Any]] = []

    def ask(
        self,
        nodes: Collection[int],
        *,
        everybody: bool,
        role: str = "",
        groups: tuple[str, ...] = (),
        deadline_us: int = DEADLINE_US,
        max_age_us: int = 0,
        now_us: int,
    ) -> Question:
        """Ask these nodes; the same question that began within max_age_us is shared, 0 for none.

        everybody: whether these are all nodes of the mesh, or all of the role. A shared question may be due
        later than deadline_us. A caller that cannot be served gets a question that is over and has no
        answers.
        """
        asked = Question(0, frozenset(nodes), role, tuple(sorted(groups)), now_us, now_us + deadline_us)
        for other in [*self._open.values(), *reversed(self._kept)]:
            if other.serves(asked, max_age_us):
                return other
        if len(self._open) >= OPEN_MAX or not asked.nodes:
            asked.ended_us = now_us
            return asked
        asked.id = self._new_id()
        self._open[asked.id] = asked
        self._send(asked, everybody=everybody)
        return asked

    def on_answer(self, package: Mapping[str, Any], sample: Sample, now_us: int) -> None:
        """A package 711 that was read as `sample`."""
        question = self._open.get(package.get("q", 0)) if isinstance(package.get("q"), int) else None
        if question is not None and sample.node in question.nodes:
            question.answers[sample.node] = (sample, now_us)
            self._end_if_complete(question, now_us)

    def on_report(self, sample: Sample, now_us: int) -> None:
        """A report that an Alteriom board sent meanwhile answers as well; several together are one answer."""
        if self._voices.of(sample.node) is not Voice.ALTERIOM:
            return
        for question in self._open.values():
            if sample.node in question.nodes:
                before = question.answers.get(sample.node)
                if before is None:
                    question.rest_until_us = min(question.due_us, now_us + REST_US)
                told = sample if before is None else _together(before[0], sample)
                question.answers[sample.node] = (told, now_us)

    def take_commands(self) -> list[dict[str, Any]]:
        """Packages to send now."""
        commands, self._commands = self._commands, []
        return commands

    def next_deadline_us(self) -> int | None:
        """When `handle_deadline` is due."""
        moments = []
        for question in self._open.values():
            moments.append(question.due_us)
            if question.retries:
                moments.append(question.retries[-1][0])
            if question.patient_until_us > question.began_us:
                moments.append(question.patient_until_us)
            if question.rest_until_us is not None:
                moments.append(question.rest_until_us)
        return min(moments, default=None)

    def handle_deadline(self, now_us: int) -> None:
        """Ask again who did not answer, and end what is due."""
        for question in list(self._open.values()):
            while question.retries and question.retries[-1][0] <= now_us:
                _, node = question.retries.pop()
                if node not in question.answers and self._voices.can_answer(node):
                    self._ask_one(question, node)
            if question.patient_until_us <= now_us:
                question.patient_until_us = 0
                self._end_if_complete(question, now_us)
            if question.rest_until_us is not None and question.rest_until_us <= now_us:
                question.rest_until_us = None
                self._end_if_complete(question, now_us)
            if question.ended_us is None and question.due_us <= now_us:
                self._end(question, now_us)

    def forget(self, node: int) -> None:
        """A node is no longer known; what it answered stays until the question is forgotten."""
        for question in self._open.values():
            question.retries = [entry for entry in question.retries if entry[1] != node]

    # -- inside ------------------------------------------------------------------------------

    def _send(self, question: Question, *, everybody: bool) -> None:
        ours = [node for node in sorted(question.nodes) if self._voices.of(node) is not Voice.ALTERIOM]
        alteriom = sorted(question.nodes.difference(ours))
        jitter_us = min(question.patience_us // 3, max(JITTER_LEAST_US, JITTER_EACH_US * len(ours)))
        if len(ours) <= SINGLES_MAX:
            jitter_us = JITTER_LEAST_US if len(ours) > 1 else 0
            for node in ours:
                self._commands.append(self._query(question, jitter_us, dest=node))
        else:
            self._commands.append(self._query(question, jitter_us, everybody=everybody))
            question.passed_over = bool(question.role)
        for node in alteriom:
            self._ask_one(question, node)
        question.patient_until_us = min(question.due_us, question.began_us + jitter_us + GRACE_US)
        question.retries = self._plan_retries(question, question.began_us + jitter_us)

    def _plan_retries(self, question: Question, from_us: int) -> list[tuple[int, int]]:
        """Twice within what is left, one board after the other, in random order."""
        left_us = question.due_us - from_us
        plan = []
        for share in (0.35, 0.7):
            nodes = sorted(question.nodes)
            self._rng.shuffle(nodes)
            start_us = from_us + int(share * left_us)
            each_us = min(RETRIES_EACH_US, int(0.25 * left_us) // len(nodes))
            plan += [(start_us + each_us * place, node) for place, node in enumerate(nodes)]
        return sorted(plan, reverse=True)

    def _ask_one(self, question: Question, node: int) -> None:
        if self._voices.of(node) is Voice.ALTERIOM:
            self._commands.append(
                {
                    "type": COMMAND,
                    "routing": ROUTE_SINGLE,
                    "dest": node,
                    "cmd": DATA_REQUEST,
                    "target": node,
                    "params": "",
                    "cid": question.id,
                }
            )
        else:
            self._commands.append(self._query(question, 0, dest=node))

    @staticmethod
    def _query(
        question: Question, jitter_us: int, *, dest: int | None = None, everybody: bool = False
    ) -> dict[str, Any]:
        package: dict[str, Any] = {"type": STATUS_QUERY, "q": question.id, "jitter": jitter_us // 1000}
        if question.groups:
            package["g"] = list(question.groups)
        if dest is not None:
            return {**package, "routing": ROUTE_SINGLE, "dest": dest}
        if question.role:
            package["role"] = question.role
        if not everybody and len(question.nodes) <= NAMED_MAX:
            package["nodes"] = sorted(question.nodes)
        return {**package, "routing": ROUTE_BROADCAST}

    def _end_if_complete(self, question: Question, now_us: int) -> None:
        """Do not wait for boards that never answered anything, once the others did."""
        if question.ended_us is not None or question.rest_until_us is not None:
            return
        missing = [node for node in question.nodes if node not in question.answers]
        waits = any(self._voices.can_answer(node) for node in missing)
        unsure = any(self._voices.of(node) is Voice.UNKNOWN for node in missing)
        if not waits and not (unsure and question.patient_until_us > now_us):
            self._end(question, now_us)

    def _end(self, question: Question, now_us: int) -> None:
        question.ended_us = now_us
        if not question.passed_over:
            self._voices.unanswered([node for node in question.nodes if node not in question.answers])
        del self._open[question.id]
        self._kept.append(question)
        del self._kept[:-KEPT_MAX]

    def _new_id(self) -> int:
        while True:
            number = self._rng.randrange(1, 1 << 31)
            if number not in self._open:
                return number


def _together(before: Sample, sample: Sample) -> Sample:
    """What a board told in several reports; the latest word of each counts."""
    return replace(
        sample,
        values={**before.values, **sample.values},
        texts={**before.texts, **sample.texts},
        uptime_s=before.uptime_s if sample.uptime_s is None else sample.uptime_s,
        boots=before.boots if sample.boots is None else sample.boots,
    )
