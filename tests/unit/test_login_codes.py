"""Codes of login links: each once, for a short time, and not many of them; and not many sessions of a token."""

from meshward.web.sessions import (
    CODE_S,
    CODES_MAX,
    CODES_OF_TOKEN_MAX,
    SESSIONS_MAX,
    SESSIONS_OF_TOKEN_MAX,
    LoginCodes,
    Sessions,
)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_code_is_good_once():
    codes = LoginCodes(Clock())
    one, two = codes.make("a"), codes.make("b")
    assert codes.take(one) == "a"
    assert codes.take(one) is None
    assert codes.take(two) == "b"
    assert codes.take("never") is None
    assert codes.take("") is None


def test_a_code_is_good_for_a_short_time():
    clock = Clock()
    codes = LoginCodes(clock)
    in_time, late = codes.make("a"), codes.make("b")
    clock.now = CODE_S
    assert codes.take(in_time) == "a"
    clock.now += 0.1
    assert codes.take(late) is None
    clock.now = 0.0
    assert codes.take(late) is None


def test_codes_do_not_pile_up_and_the_oldest_goes_first():
    codes = LoginCodes(Clock())
    made = [codes.make("a")] + [codes.make(f"b{number}") for number in range(CODES_MAX)]
    assert len(codes) == CODES_MAX
    assert len(set(made)) == CODES_MAX + 1
    assert codes.take(made[0]) is None
    assert codes.take(made[1]) == "b0"


def test_a_token_has_few_codes_and_takes_none_of_others():
    codes = LoginCodes(Clock())
    other = codes.make("b")
    made = [codes.make("a") for _ in range(CODES_OF_TOKEN_MAX + 2)]
    assert [codes.take(code) for code in made] == [None, None] + ["a"] * CODES_OF_TOKEN_MAX
    assert codes.take(other) == "b"


def test_a_token_has_so_many_sessions_and_ends_none_of_others():
    sessions = Sessions(Clock())
    other, _ = sessions.start("b")
    made = [sessions.start("a") for _ in range(SESSIONS_OF_TOKEN_MAX)]
    used = sessions.find(made[0][0])
    sessions.start("a")
    assert used is made[0][1], "the one that was idle longest goes"
    assert sessions.find(made[0][0]) is used
    assert sessions.find(made[1][0]) is None
    assert made[1][1].ended
    for _ in range(SESSIONS_MAX):
        sessions.start("a")
    assert sessions.find(other) is not None
    assert len(sessions) == SESSIONS_OF_TOKEN_MAX + 1


def test_the_codes_themselves_are_kept_nowhere():
    codes = LoginCodes(Clock())
    code = codes.make("a")
    assert code not in repr(codes._open)
