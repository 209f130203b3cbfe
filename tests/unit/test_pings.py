import pytest

from meshward.errors import UnknownNodeError
from meshward.pings import Pings


async def test_an_answer_goes_to_whoever_asked_first():
    pings = Pings()
    first, second = pings.open(7, 1_000), pings.open(7, 2_000)
    other = pings.open(8, 1_000)
    pings.answered(7, 500, now_us=5_000)
    assert await first.answer == 500
    pings.answered(7, 600, now_us=5_000)
    assert await second.answer == 600
    assert not other.answer.done()


async def test_a_late_answer_to_an_earlier_question_does_not_count():
    pings = Pings()
    ping = pings.open(7, 1_000_000)
    pings.answered(7, 400_000, now_us=1_100_000)  # was asked at 300_000
    assert not ping.answer.done()
    pings.answered(7, 50_000, now_us=1_100_000)
    assert await ping.answer == 50_000


async def test_a_node_that_left_will_not_answer():
    pings = Pings()
    ping = pings.open(7, 0)
    pings.left(7, known=3)
    with pytest.raises(UnknownNodeError, match="node 7"):
        await ping.answer


async def test_nothing_is_kept_of_closed_ones():
    pings = Pings()
    ping = pings.open(7, 0)
    pings.close(ping)
    pings.answered(7, 1, now_us=10)
    assert not ping.answer.done()
    assert pings._waiting == {}
