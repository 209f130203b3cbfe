"""Codes of login links: each once, for a short time, and not many of them."""

from meshward.web.sessions import CODE_S, CODES_MAX, LoginCodes


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
    made = [codes.make("a") for _ in range(CODES_MAX + 1)]
    assert len(codes) == CODES_MAX
    assert len(set(made)) == CODES_MAX + 1
    assert codes.take(made[0]) is None
    assert codes.take(made[1]) == "a"


def test_the_codes_themselves_are_kept_nowhere():
    codes = LoginCodes(Clock())
    code = codes.make("a")
    assert code not in repr(codes._open)
