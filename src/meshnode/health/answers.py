"""Questions about a board's health (packages 710 and 400), until their answers are due."""

from meshnode.health.bucket import Bucket
from meshnode.health.codec import number_or_none
from meshnode.health.groups import FIRMWARE, names_of
from meshnode.health.metrics import METRICS
from meshnode.wire import COMMAND, ROUTE_SINGLE, STATUS_REPORT, WireError, to_int, u32

#: Alteriom's command by which a board is asked for its packages.
DATA_REQUEST = 3

#: Nobody waits longer than 10 s for an answer.
_JITTER_MAX_MS = 8000
#: Who repeats a question at once has not waited for the answer.
_AGAIN_US = 1_000_000
#: Questions that wait, and questions remembered: from more askers at a time nobody needs an answer.
_WAITING_MAX = 8
#: Answers at once and afterwards: an answer is several times as long as its question.
_ANSWERS_MAX = 10
_ANSWER_EVERY_US = 1_000_000


class Question:
    """A question that is to be answered."""

    __slots__ = ("asker", "due_us", "groups", "is_command", "number")

    def __init__(self, asker: int, number: int, is_command: bool, groups: list, due_us: int) -> None:
        self.asker = asker
        self.number = number  # by which the asker knows the answer; 0 for commands
        self.is_command = is_command  # wants reports, else a status report
        self.groups = groups  # of fields, empty for all
        self.due_us = due_us


class Questions:
    """What others want to know of one board. role: the board's; rng: needs random()."""

    def __init__(self, node_id: int, role: str, rng) -> None:
        self._node_id = node_id
        self._role = role
        self._rng = rng
        self._waiting: list = []
        self._lately: list = []  # (asker, number, is_command, when it was answered)
        self._bucket = Bucket(_ANSWERS_MAX, _ANSWER_EVERY_US)

    def receive(self, package: dict, now_us: int) -> None:
        """Take a question. Raises WireError for what is none."""
        asker = u32(package, "from")
        if package["type"] == COMMAND:
            if to_int(package.get("cmd")) != DATA_REQUEST:
                return
            target = u32(package, "target")
            if target == 0 or target == self._node_id:
                # Where all are asked, all would answer at once.
                self._add(asker, 0, True, [], 0 if target else 3000, now_us)
        elif self._is_meant(package):
            jitter_ms = to_int(package.get("jitter", 0))
            self._add(asker, u32(package, "q"), False, _groups(package), jitter_ms, now_us)

    def next_deadline_us(self) -> int | None:
        """When the next answer is due."""
        return min([question.due_us for question in self._waiting]) if self._waiting else None

    def take_due(self, now_us: int) -> list[Question]:
        """The questions to answer now."""
        due = [question for question in self._waiting if question.due_us <= now_us]
        if due:
            self._waiting = [question for question in self._waiting if question.due_us > now_us]
            answered = [(one.asker, one.number, one.is_command, now_us) for one in due]
            self._lately = (self._lately + answered)[-_WAITING_MAX:]
        return due

    def _is_meant(self, package: dict) -> bool:
        role = package.get("role")
        if role is not None and role != self._role:
            return False
        nodes = package.get("nodes")
        if nodes is None:
            return True
        if not isinstance(nodes, list):
            raise WireError("nodes that are no list")
        return self._node_id in nodes

    def _add(
        self, asker: int, number: int, is_command: bool, groups: list, jitter_ms: int, now_us: int
    ) -> None:
        for question in self._waiting:
            if _same(question.asker, question.number, question.is_command, asker, number, is_command):
                return
        for old_asker, old_number, old_command, at_us in self._lately:
            same = _same(old_asker, old_number, old_command, asker, number, is_command)
            if same and now_us < at_us + _AGAIN_US:
                return
        if len(self._waiting) >= _WAITING_MAX or not self._bucket.take(now_us):
            return
        wait_us = int(self._rng.random() * min(max(0, jitter_ms), _JITTER_MAX_MS) * 1000)
        self._waiting.append(Question(asker, number, is_command, groups, now_us + wait_us))


def status_report(question: Question, values: list, uptime_s: int, boots: int, texts: dict) -> dict:
    """The answer to a question, package 711. texts: "role", "hw", "fw" and "md5"."""
    names = names_of(question.groups)
    told = {}
    for metric, measured in zip(METRICS, values):
        value = number_or_none(measured)
        if value is not None and metric.name in names:
            told[metric.name] = int(value) if value == int(value) else round(value, 2)
    package = {
        "type": STATUS_REPORT,
        "routing": ROUTE_SINGLE,
        "dest": question.asker,
        "q": question.number,
        "up": uptime_s,
        "boot": boots,
        "m": told,
    }
    if not question.groups or FIRMWARE in question.groups:
        package.update(texts)
    return package


def _groups(package: dict) -> list:
    groups = package.get("g")
    if groups is None:
        return []
    if not isinstance(groups, list):
        raise WireError("groups that are no list")
    return [group for group in groups if isinstance(group, str)]


def _same(asker, number, is_command, other_asker, other_number, other_is_command) -> bool:
    return asker == other_asker and number == other_number and is_command == other_is_command
