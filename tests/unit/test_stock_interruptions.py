"""The stock receiver when something breaks off: what it keeps, forgets and repeats (measured)."""

from random import Random

import pytest

from meshward.sim.faults import UpdateFaults
from tests.support.ota import NODE, Firmware, Table, brief

FIRMWARE = Firmware(10)
OTHER = Firmware(10, seed=2)


def at_part(part, firmware=FIRMWARE, **options):
    """A node that was announced an image and took its first parts."""
    table = Table(**options)
    table.tell(firmware.announce())
    for taken in range(part):
        table.push(firmware, taken)
    assert table.receiver.part == part
    return table


def seconds(sent, firmware=FIRMWARE):
    """When a part of this image was asked for, and which."""
    return [(at, request["partNo"]) for at, request in sent if request["md5"] == firmware.md5]


# The sender goes away.


def test_a_sender_that_comes_back_meets_the_state_it_left():
    table = at_part(8)
    table.wait(1)
    table.wait(3)
    assert table.tell(FIRMWARE.announce()) == [], "already updating to it"
    assert seconds(table.wait(27)) == [(30, 8)], "29 s after the break"
    assert brief(table.push(FIRMWARE, 8, 9)) == [(NODE, 9)]
    assert table.runs(FIRMWARE)


@pytest.mark.parametrize("sender", [1, 77])
def test_pushing_the_expected_part_resumes_at_once(sender):
    table = at_part(8)
    table.wait(3)
    assert brief(table.push(FIRMWARE, 8, sender=sender)) == [(NODE, 9)]


def test_a_reboot_loses_the_state_and_a_new_announce_starts_at_part_0():
    table = at_part(8)
    table.boot()
    assert table.wait(300) == []
    assert table.push(FIRMWARE, 8) == []
    assert brief(table.tell(FIRMWARE.announce())) == [(NODE, 0)]
    table.push(FIRMWARE)
    assert table.runs(FIRMWARE)


def test_ten_unanswered_requests_clear_the_md5_and_keep_part_no():
    table = at_part(8)
    assert seconds(table.wait(1000)) == [(30 * count, 8) for count in range(1, 10)]
    assert (table.receiver.md5, table.receiver.part) == ("", 8)
    assert not table.receiver.requesting
    assert brief(table.tell(FIRMWARE.announce())) == [(NODE, 8)]
    table.push(FIRMWARE, 8, 9)
    assert table.runs(FIRMWARE)


# Another image in the middle.


def test_another_image_starts_at_the_old_part_and_fails_its_md5():
    table = at_part(4)
    assert brief(table.tell(OTHER.announce())) == [(NODE, 4)]
    assert brief(table.push(OTHER, *range(4, 10))) == [(NODE, part) for part in range(5, 10)]
    assert not table.runs(OTHER)
    assert table.idle
    assert brief(table.tell(OTHER.announce())) == [(NODE, 0)], "now from 0"
    table.push(OTHER)
    assert table.runs(OTHER)


def test_another_image_of_fewer_parts_is_asked_for_a_part_it_does_not_have():
    short = Firmware(3, seed=3)
    table = at_part(4)
    assert brief(table.tell(short.announce())) == [(NODE, 4)]
    assert table.push(short) == []
    sent = table.wait(1000)
    assert seconds(sent, short) == [(30 * count, 4) for count in range(1, 10)]
    assert table.receiver.md5 == ""


def test_the_request_task_of_the_old_image_lives_on_and_wipes_the_new_ones_md5():
    table = at_part(4)
    table.wait(1)
    table.tell(OTHER.announce())
    table.push(OTHER, 4)
    sent = table.wait(289)
    assert seconds(sent) == [(30 * count, 4) for count in range(1, 10)], "the old image, until 270 s"
    assert seconds(sent, OTHER)[:2] == [(31, 5), (61, 5)]
    table.wait(1)
    assert table.push(OTHER, 5) == [], "291 s: refused"
    assert table.receiver.md5 == ""


# The reset frame.


@pytest.mark.parametrize(
    ("part", "junk"), [(8, b"junk"), (8, b""), (0, b""), (1, b"junk"), (5, b"\xe9")], ids=repr
)
def test_the_reset_frame_makes_it_idle(part, junk):
    table = at_part(part)
    assert table.tell(FIRMWARE.reset(part, junk)) == []
    assert table.idle
    assert not table.receiver.requesting
    assert table.wait(1000) == []
    assert brief(table.tell(OTHER.announce())) == [(NODE, 0)]
    table.push(OTHER)
    assert table.runs(OTHER)


def test_after_the_reset_frame_only_the_later_announce_retries():
    table = at_part(8)
    table.tell(FIRMWARE.reset(8))
    table.wait(1)
    table.tell(OTHER.announce())
    assert [(at, request["md5"]) for at, request in table.wait(59)] == [(31, OTHER.md5)]


def test_after_another_announce_the_reset_frame_comes_too_late_for_the_old_task():
    table = at_part(8)
    table.tell(OTHER.announce(), OTHER.reset(8))
    assert table.idle
    assert len(seconds(table.wait(1000))) == 9


def test_a_failed_md5_is_not_retried_and_the_same_image_starts_at_0():
    table = at_part(0)
    table.push(FIRMWARE, *range(9))
    table.tell(FIRMWARE.data(9, data="AAAA"))
    assert table.idle
    assert table.wait(1000) == []
    assert table.reboots == []
    assert brief(table.tell(FIRMWARE.announce())) == [(NODE, 0)]


def test_a_failed_write_makes_it_idle_but_goes_on_asking_for_the_part():
    """The library returns before it ends the task; silent nodes have none, and say nothing."""
    table = at_part(3, faults=UpdateFaults(fail_write_at_part=3))
    assert table.push(FIRMWARE, 3) == []
    assert table.idle
    assert seconds(table.wait(1000)) == [(30 * count, 3) for count in range(1, 10)]


# Questions that a sender may ask.


def test_the_version_check_tells_who_does_not_run_an_image():
    table = at_part(9)
    table.push(FIRMWARE, 9)
    assert table.runs(FIRMWARE)
    assert table.tell(FIRMWARE.announce(broadcasted=True), FIRMWARE.poll()) == [], "runs it"
    assert brief(table.tell(OTHER.announce(broadcasted=True), OTHER.poll())) == [(NODE, 0)]
    assert seconds(table.wait(1000), OTHER)[-1][1] == 0, "and retries until served, reset or expired"


@pytest.mark.parametrize("options", [{"role": "gate"}, {"hardware": "ESP8266"}], ids=str)
def test_the_version_check_is_silent_where_role_or_hardware_differ(options):
    assert Table(**options).tell(FIRMWARE.announce(broadcasted=True), FIRMWARE.poll()) == []


def test_the_version_check_is_silent_while_busy():
    table = Table()
    table.tell(FIRMWARE.announce(broadcasted=True), FIRMWARE.poll())
    assert table.tell(FIRMWARE.announce(broadcasted=True), FIRMWARE.poll()) == []


def test_the_role_probe_and_the_reset_leave_a_node_ready_for_an_update():
    made_up = Firmware(1, seed=99)
    table = Table()
    table.tell(made_up.announce(broadcasted=True, noPart=1))
    assert brief(table.tell(made_up.poll(noPart=1))) == [(NODE, 0)]
    assert table.tell(made_up.reset(0, b"")) == []
    assert table.idle
    assert table.wait(1000) == []
    table.tell(FIRMWARE.announce())
    table.push(FIRMWARE)
    assert table.runs(FIRMWARE)


# Faults on purpose.


def test_a_lost_part_is_lost_the_first_time_only():
    table = Table(faults=UpdateFaults(lose_parts=[1, 2, 2]))
    table.tell(FIRMWARE.announce())
    assert brief(table.push(FIRMWARE, 0, 1, 1, 2, 2, 2)) == [(NODE, 1), (NODE, 2), (NODE, 3)]


def test_parts_lost_at_random_are_a_function_of_the_rng():
    def taken(seed):
        table = Table(faults=UpdateFaults(lose_share=0.5, rng=Random(seed)))
        table.tell(FIRMWARE.announce(broadcasted=True))
        return [(table.push(FIRMWARE, part), table.receiver.part)[1] for part in range(10) for _ in range(2)]

    assert taken(1) == taken(1)
    assert len({tuple(taken(seed)) for seed in range(10)}) > 5
    assert taken(1)[-1] == 10 - 1, "each part arrives when it comes again"
    with pytest.raises(ValueError, match="rng"):
        UpdateFaults(lose_share=0.5)


def test_a_board_may_reboot_once_at_a_part():
    table = at_part(4, faults=UpdateFaults(reboot_at_part=4))
    assert table.push(FIRMWARE, 4, 4, 5) == []
    table.wait(0)
    assert table.reboots == [(0, "fault")]
    table.boot()
    table.tell(FIRMWARE.announce())
    table.push(FIRMWARE)
    assert table.runs(FIRMWARE)


@pytest.mark.parametrize(("fail_writes", "works_again"), [(1, True), (None, False)])
def test_a_write_may_fail_once_or_ever(fail_writes, works_again):
    table = Table(faults=UpdateFaults(fail_write_at_part=2, fail_writes=fail_writes))
    for _ in range(2):
        table.tell(FIRMWARE.announce())
        table.push(FIRMWARE)
    assert table.runs(FIRMWARE) is works_again
