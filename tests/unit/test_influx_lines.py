"""Lines as databases take them."""

import math

import pytest

from meshward.bridges.influx.lines import TAG_CHARACTERS, line, tag, text


def test_a_point_is_one_line_with_sorted_tags():
    made = line("m", {"node": "7", "mesh": "garden"}, {"up": 1.0, "name": "Shed"}, 1_795_608_000_000_000_000)

    assert made == 'm,mesh=garden,node=7 up=1,name="Shed" 1795608000000000000'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (41_216.0, "41216"),
        (3, "3"),
        (-61.0, "-61"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (5e-324, "5e-324"),
        (2.0**53, "9007199254740992.0"),
    ],
)
def test_numbers_are_floats_and_never_integers(value, written):
    made = line("m", {}, {"x": value}, 1)

    assert made == f"m x={written} 1"
    assert not made.split()[1].endswith("i")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_left_out(value):
    assert line("m", {}, {"x": value, "y": 1.0}, 1) == "m y=1 1"
    assert line("m", {}, {"x": value}, 1) == ""


def test_an_empty_tag_is_left_out_and_an_empty_text_is_not():
    assert line("m", {"role": "", "node": "7"}, {"name": ""}, 1) == 'm,node=7 name="" 1'


def test_what_separates_is_escaped_in_tags():
    assert tag("a b,c=d") == r"a\ b\,c\=d"


@pytest.mark.parametrize(("value", "written"), [("a\\", "a/"), ("a\\,b", r"a/\,b"), ("\\\\", "//")])
def test_a_backslash_in_a_tag_cannot_be_taken_for_an_escape(value, written):
    assert tag(value) == written


def test_quotes_and_backslashes_are_escaped_in_texts():
    assert text('say "a\\b", c=d\\') == r'"say \"a\\b\", c=d\\"'


@pytest.mark.parametrize("written", [tag, text])
@pytest.mark.parametrize("broken", ["a\nb", "a\r\nb", "a\x00b", "a\x1bb", "a\u2028b", "a\x85b", "a\ud800b"])
def test_nothing_ends_a_line_or_cannot_be_sent(written, broken):
    made = written(broken)

    assert len(made.splitlines()) == 1
    assert made.encode().count(b"\0") == 0


def test_a_tag_is_not_longer_than_its_limit():
    assert len(tag("x" * 10_000)) == TAG_CHARACTERS
