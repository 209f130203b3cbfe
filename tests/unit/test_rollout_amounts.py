import pytest

from meshward.errors import RolloutError
from meshward.rollout.amounts import parse_amount


@pytest.mark.parametrize(
    ("text", "total", "down", "near", "up"),
    [
        ("0", 10, 0, 0, 0),
        ("3", 10, 3, 3, 3),
        ("30", 10, 10, 10, 10),
        ("0%", 10, 0, 0, 0),
        ("10%", 5, 0, 1, 1),
        ("10%", 30, 3, 3, 3),
        ("90%", 5, 4, 5, 5),
        ("29%", 100, 29, 29, 29),  # 0.29 * 100 is 28.999… in floating point
        ("12.5%", 8, 1, 1, 1),
        ("0.25%", 399, 0, 1, 1),
        (" 50 % ", 3, 1, 2, 2),
        ("100%", 7, 7, 7, 7),
        ("100%", 0, 0, 0, 0),
    ],
)
def test_amounts_are_of_a_total(text, total, down, near, up):
    amount = parse_amount(text)
    assert (amount.of(total, up=False), amount.nearest(total), amount.of(total, up=True)) == (down, near, up)


@pytest.mark.parametrize(
    "text",
    ["", "%", "ten", "-1", "1.5", "+3", "1e3", "10%%", "1.234%", "nan", "nan%", "٣", "3 nodes", "1234567"],
)
def test_what_cannot_be_read_is_no_amount(text):
    with pytest.raises(RolloutError, match="write it as 3 or 10%"):
        parse_amount(text)


@pytest.mark.parametrize("text", ["101%", "100.01%", "999%"])
def test_more_than_all_is_refused(text):
    with pytest.raises(RolloutError, match="at most 100%"):
        parse_amount(text)


def test_nothing_is_told_apart():
    assert parse_amount("0").is_nothing
    assert parse_amount("0.0%").is_nothing
    assert not parse_amount("1").is_nothing
    assert not parse_amount("0.01%").is_nothing
