"""The receiver of painlessMesh 1.4.2 (measured on the new core)."""

import pytest

from meshward.sim.stock_2019 import StockReceiver2019
from tests.support.ota import NODE, SENDER, Firmware, Table, brief

FIRMWARE = Firmware(10)


def old(**options):
    return Table(StockReceiver2019, **options)


def test_its_requests_know_no_broadcasted_and_no_compressed():
    (request,) = old().tell(FIRMWARE.announce(broadcasted=True, compressed=True))
    assert list(request) == ["from", "routing", "type", "md5", "hardware", "role", "noPart", "dest", "partNo"]
    assert (request["from"], request["dest"]) == (NODE, SENDER)


def test_a_broadcasted_announce_just_makes_it_ask_for_part_0():
    assert brief(old().tell(FIRMWARE.announce(broadcasted=True))) == [(NODE, 0)]


def test_it_takes_one_part_asks_for_the_next_and_then_ignores_it():
    table = old()
    table.tell(FIRMWARE.announce())
    assert brief(table.push(FIRMWARE, 0)) == [(NODE, 1)]
    assert table.push(FIRMWARE, 1) == []
    assert (table.receiver.md5, table.receiver.part) == ("", 1)


def test_pushing_without_waiting_fails():
    table = old()
    table.tell(FIRMWARE.announce())
    assert len(table.push(FIRMWARE)) == 1
    assert not table.runs(FIRMWARE)


@pytest.mark.parametrize("broadcasted", [False, True])
def test_announcing_again_before_every_part_completes_the_update(broadcasted):
    table = old()
    for part in range(10):
        assert brief(table.tell(FIRMWARE.announce(broadcasted=broadcasted)))[0] == (NODE, part)
        answers = table.push(FIRMWARE, part)
        assert brief(answers) == ([(NODE, part + 1)] if part < 9 else [])
    assert table.runs(FIRMWARE)


def test_it_restarts_at_once():
    table = old()
    for part in range(10):
        table.tell(FIRMWARE.announce())
        table.push(FIRMWARE, part)
    table.wait(0)
    assert table.reboots == [(0, "updated")]


def test_every_announce_leaves_a_task_that_repeats_its_last_request():
    table = old()
    for part in range(3):
        table.tell(FIRMWARE.announce())
        table.push(FIRMWARE, part)
    sent = [(at, request["partNo"]) for at, request in table.wait(30)]
    assert sent == [(30, 1), (30, 2), (30, 3)]


def test_those_tasks_wipe_the_md5_when_they_expire():
    table = old()
    table.tell(FIRMWARE.announce())
    table.push(FIRMWARE, 0)
    table.wait(269)
    table.tell(FIRMWARE.announce())
    assert table.receiver.md5 == FIRMWARE.md5
    table.wait(1)
    assert table.receiver.md5 == ""


def test_gaps_and_polls_are_ignored():
    table = old()
    table.tell(FIRMWARE.announce(broadcasted=True))
    assert table.push(FIRMWARE, 5, broadcasted=True) == []
    assert table.tell(FIRMWARE.poll()) == []


def test_a_failed_md5_makes_it_idle():
    table = old()
    table.tell(FIRMWARE.announce(noPart=1), FIRMWARE.data(0, noPart=1))
    assert table.idle
    assert table.wait(1000) == []
    assert table.reboots == []


def test_it_remembers_what_it_runs():
    table = old()
    single = Firmware(1)
    table.tell(single.announce(), single.data(0))
    table.wait(0)
    table.boot()
    assert table.tell(single.announce()) == []
    assert brief(table.tell(single.announce(forced=True))) == [(NODE, 0)]


@pytest.mark.parametrize("parts", [1, 2])
def test_a_part_that_nobody_announced_crashes_it(parts):
    table = old()
    table.push(FIRMWARE, 0, md5="", data="6Q==" if parts > 1 else "", noPart=parts)
    table.wait(0)
    assert table.reboots == [(0, "crashed")]
