import random

import pytest

from meshnode.wire import COMMAND, ROUTE_BROADCAST, ROUTE_SINGLE, STATUS_QUERY, STATUS_REPORT
from meshward.status.answers import read_answer
from meshward.status.asking.questions import OPEN_MAX, SINGLES_MAX, Questions
from meshward.status.asking.voices import Voice, Voices
from meshward.status.samples import Sample

S = 1_000_000
MANY = list(range(1001, 1021))


class Asked:
    """Questions, and boards that answer when a test says so."""

    def __init__(self, ours=(), alteriom=()):
        self.voices = Voices()
        for node in ours:
            self.voices.heard(node, STATUS_REPORT, is_report=False)
        for node in alteriom:
            self.voices.heard(node, 604, is_report=True)
        self.questions = Questions(self.voices, random.Random(1))
        self.now_us = 0
        self.sent = []

    def ask(self, nodes, **options):
        options = {"everybody": True, "now_us": self.now_us, **options}
        question = self.questions.ask(nodes, **options)
        self.sent += self.questions.take_commands()
        return question

    def answer(self, question, *nodes):
        for node in nodes:
            package = {
                "type": STATUS_REPORT,
                "from": node,
                "q": question.id,
                "m": {"heap_free_bytes": 30_000},
            }
            self.questions.on_answer(package, read_answer(package), self.now_us)

    def run_to(self, until_us):
        """Let time pass from one deadline to the next; what is sent meanwhile, with its time."""
        sent = []
        while (due_us := self.questions.next_deadline_us()) is not None and due_us <= until_us:
            assert due_us > self.now_us or due_us == self.now_us, "time runs forward"
            self.now_us = max(self.now_us, due_us)
            self.questions.handle_deadline(self.now_us)
            sent += [(self.now_us, package) for package in self.questions.take_commands()]
        self.now_us = until_us
        return sent


def test_many_are_asked_by_one_broadcast_with_room_between_their_answers():
    asked = Asked(ours=MANY)
    asked.ask(MANY, groups=("heap",))
    [package] = asked.sent
    assert (package["type"], package["routing"]) == (STATUS_QUERY, ROUTE_BROADCAST)
    assert package["g"] == ["heap"]
    assert "nodes" not in package
    assert package["jitter"] == 20 * len(MANY)


def test_some_of_many_are_named_in_the_broadcast():
    asked = Asked(ours=MANY)
    asked.ask(MANY[:12], everybody=False)
    assert asked.sent[0]["nodes"] == MANY[:12]


def test_a_few_are_asked_one_by_one():
    asked = Asked(ours=MANY)
    asked.ask(MANY[:SINGLES_MAX], everybody=False)
    assert [package["dest"] for package in asked.sent] == MANY[:SINGLES_MAX]
    assert {package["routing"] for package in asked.sent} == {ROUTE_SINGLE}


def test_it_ends_as_soon_as_everybody_answered():
    asked = Asked(ours=MANY)
    question = asked.ask(MANY)
    asked.now_us = S
    asked.answer(question, *MANY[1:])
    assert question.ended_us is None
    asked.answer(question, MANY[0])
    assert question.ended_us == S
    assert asked.questions.next_deadline_us() is None


def test_who_can_answer_and_did_not_is_asked_twice_more_and_then_given_up():
    asked = Asked(ours=MANY)
    question = asked.ask(MANY)
    asked.answer(question, *MANY[2:])
    again = asked.run_to(question.due_us)
    assert sorted(package["dest"] for _, package in again) == sorted(2 * MANY[:2])
    assert question.ended_us == question.due_us
    assert question.answers.keys() == set(MANY[2:])
    assert asked.voices.of(MANY[0]) is Voice.MESHWARD, (
        "a silent board does not become one that cannot be asked"
    )


def test_unmodified_boards_hold_nobody_up_for_long_and_not_at_all_once_they_are_known():
    asked = Asked(ours=MANY[:10])
    for begins in range(2):
        question = asked.ask(MANY)
        asked.answer(question, *MANY[:10])
        assert question.ended_us is None, begins
        asked.run_to(asked.now_us + 3 * S)
        assert question.ended_us is not None
    assert {asked.voices.of(node) for node in MANY[10:]} == {Voice.NONE}
    question = asked.ask(MANY)
    asked.answer(question, *MANY[:10])
    assert question.ended_us == asked.now_us


def test_alteriom_boards_are_asked_in_their_own_words_and_answer_by_a_report():
    asked = Asked(alteriom=[7])
    question = asked.ask([7])
    [package] = asked.sent
    assert (package["type"], package["dest"], package["target"]) == (COMMAND, 7, 7)
    assert package["cmd"] == 3
    assert package["cid"] == question.id
    asked.questions.on_report(Sample(7, "604", {"heap_free_bytes": 9.0}), 5)
    assert question.answers[7][0].values == {"heap_free_bytes": 9.0}
    assert question.ended_us is None
    asked.questions.on_report(Sample(7, "202", {"heap_free_bytes": 8.0, "nodes": 3.0}), 10)
    assert question.answers[7][0].values == {"heap_free_bytes": 8.0, "nodes": 3.0}
    assert asked.questions.next_deadline_us() == 300_005
    asked.questions.handle_deadline(300_005)
    assert question.ended_us == 300_005


def test_the_same_question_is_shared_while_it_is_under_way_and_for_as_long_as_asked_for():
    asked = Asked(ours=MANY)
    question = asked.ask(MANY)
    asked.now_us = 2 * S
    assert asked.ask(MANY, max_age_us=10 * S) is question
    assert asked.ask(MANY, max_age_us=10 * S, groups=("heap",)) is not question
    asked.answer(question, *MANY)
    asked.now_us = 5 * S
    assert asked.ask(MANY, max_age_us=10 * S) is question
    assert asked.ask(MANY, max_age_us=4 * S) is not question


def test_who_wants_new_answers_does_not_get_those_to_a_question_under_way():
    asked = Asked(ours=MANY)
    question = asked.ask(MANY)
    assert asked.ask(MANY, max_age_us=0) is not question
    asked.now_us = 5 * S
    assert asked.ask(MANY, max_age_us=4 * S) not in (None, question)


def test_who_has_patience_does_not_get_what_came_of_somebody_elses_haste():
    asked = Asked(ours=MANY)
    hasty = asked.ask(MANY, deadline_us=S)
    patient = asked.ask(MANY, deadline_us=10 * S, max_age_us=10 * S)
    assert patient is not hasty
    assert patient.due_us == 10 * S
    assert asked.ask(MANY, deadline_us=S, max_age_us=10 * S) in (hasty, patient)
    asked.answer(hasty, *MANY[1:])
    asked.answer(patient, *MANY)
    asked.run_to(S)
    assert hasty.ended_us == S
    assert asked.ask(MANY, deadline_us=10 * S, max_age_us=10 * S) is patient


def test_haste_that_everybody_answered_serves_the_patient_too():
    asked = Asked(ours=MANY)
    hasty = asked.ask(MANY, deadline_us=S)
    asked.answer(hasty, *MANY)
    assert asked.ask(MANY, deadline_us=10 * S, max_age_us=10 * S) is hasty


def test_boards_that_may_have_another_role_are_not_called_mute_for_their_silence():
    asked = Asked()
    for _ in range(3):
        asked.ask(MANY, role="sensor")
        asked.run_to(asked.now_us + 10 * S)
    assert {asked.voices.of(node) for node in MANY} == {Voice.UNKNOWN}


def test_answers_of_nobody_asked_and_of_other_questions_do_not_count():
    asked = Asked(ours=MANY)
    question = asked.ask(MANY[:10], everybody=False)
    asked.answer(question, MANY[15])
    stray = {"type": STATUS_REPORT, "from": MANY[0], "q": question.id + 1, "m": {"heap_free_bytes": 1}}
    asked.questions.on_answer(stray, read_answer(stray), 0)
    odd = {**stray, "q": [question.id]}
    asked.questions.on_answer(odd, read_answer(odd), 0)
    assert not question.answers


def test_questions_under_way_are_limited_and_one_too_many_is_over_at_once():
    asked = Asked(ours=MANY)
    for number in range(OPEN_MAX):
        assert asked.ask(MANY[: number + 1], everybody=False).ended_us is None
    assert asked.ask(MANY, groups=("link",)).ended_us == 0


def test_asking_nobody_is_over_at_once():
    assert Asked().ask([]).ended_us == 0


@pytest.mark.parametrize("seed", range(20))
def test_every_question_ends_by_its_deadline_and_retries_stay_few(seed):
    rng = random.Random(seed)
    asked = Asked(ours=rng.sample(MANY, 10), alteriom=())
    deadline_us = rng.randrange(S, 10 * S)
    question = asked.ask(rng.sample(MANY, rng.randrange(1, 20)), everybody=False, deadline_us=deadline_us)
    sent = asked.run_to(deadline_us)
    assert question.ended_us is not None
    assert question.ended_us <= deadline_us
    assert len(sent) <= 2 * len(question.nodes)
    assert asked.questions.next_deadline_us() is None


# -- answers -------------------------------------------------------------------------------------


def test_an_answer_is_read_with_its_texts():
    package = {
        "type": 711,
        "from": 7,
        "q": 1,
        "up": 77,
        "boot": 300,
        "role": " sensor ",
        "hw": "ESP32",
        "fw": "null",
        "m": {"heap_free_bytes": 41_000, "rssi_dbm": -60, "of_a_newer_board": 1},
    }
    sample = read_answer(package)
    assert sample == Sample(
        7,
        "query",
        {"heap_free_bytes": 41_000, "rssi_dbm": -60},
        {"role": "sensor", "hardware": "ESP32"},
        uptime_s=77,
        boots=300 & 0xFF,
    )


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -1, 10**400, True, "30000", None, [], {"a": 1}, 1e12]
)
def test_nonsense_is_refused_value_by_value(value):
    sample = read_answer({"from": 7, "m": {"heap_free_bytes": value, "rssi_dbm": -60}})
    assert sample is not None
    assert sample.values == {"rssi_dbm": -60}
    assert sample.refused == ("heap_free_bytes",)


@pytest.mark.parametrize(
    "package", [{}, {"from": 0, "m": {}}, {"from": 7, "m": []}, {"from": "7"}, {"from": 7}]
)
def test_what_is_no_answer_is_none(package):
    assert read_answer(package) is None
