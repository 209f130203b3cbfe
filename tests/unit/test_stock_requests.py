"""The stock receiver: announces, parts, requests; unicast and broadcast (painlessMesh's OTA, measured)."""

import json

import pytest

from meshward.sim.flash import Flash
from tests.support.ota import NODE, SENDER, Firmware, Table, brief

FIRMWARE = Firmware(10)
OTHER = Firmware(10, seed=2)
ROOT = 1009


def announced(firmware=FIRMWARE, **keys):
    table = Table()
    table.tell(firmware.announce(**keys))
    return table


def silent(firmware=FIRMWARE, **options):
    """A node that takes an update without a word."""
    table = Table(**options)
    assert table.tell(firmware.announce(broadcasted=True)) == []
    return table


# Announces.


def test_an_announce_is_answered_with_a_request_for_part_0_under_the_nodes_own_id():
    (request,) = Table().tell(FIRMWARE.announce())
    assert request == {
        "from": NODE,
        "routing": 1,
        "type": 11,
        "md5": FIRMWARE.md5,
        "hardware": "ESP32",
        "role": "sensor",
        "noPart": 10,
        "broadcasted": False,
        "dest": SENDER,
        "partNo": 0,
    }


def test_keys_of_a_request_come_in_the_order_of_the_library():
    (request,) = Table().tell(FIRMWARE.announce(forced=True, compressed=True))
    assert list(request) == [
        *("from", "routing", "type", "md5", "hardware", "role", "forced", "noPart"),
        *("broadcasted", "compressed", "dest", "partNo"),
    ]


def test_an_announce_may_lack_broadcasted_and_forced():
    announce = FIRMWARE.announce()
    del announce["broadcasted"]
    assert brief(Table().tell(announce)) == [(NODE, 0)]


@pytest.mark.parametrize(
    "keys",
    [
        {"role": "gate"},
        {"role": "Sensor"},
        {"role": "sensor "},
        {"role": ""},
        {"role": None},
        {"hardware": "ESP8266"},
        {"hardware": "esp32"},
        {"hardware": None},
    ],
    ids=repr,
)
def test_hardware_and_role_must_match_exactly(keys):
    table = Table()
    assert table.tell(FIRMWARE.announce(**keys)) == []
    assert table.idle


def test_a_missing_role_does_not_match_the_empty_one():
    announce = FIRMWARE.announce()
    del announce["role"]
    assert Table(role="").tell(announce) == []
    assert Table(role="").tell(announce | {"role": ""}) != []


# Parts one to one.


@pytest.mark.parametrize(
    "keys",
    [{"md5": OTHER.md5}, {"md5": None}, {"role": "gate"}, {"hardware": "ESP8266"}, {"partNo": 1}],
    ids=lambda keys: f"{keys}"[:24],
)
def test_a_part_is_taken_only_if_md5_role_hardware_and_number_match(keys):
    table = announced()
    assert table.tell(FIRMWARE.data(0) | keys) == []
    assert table.receiver.part == 0


def test_who_sends_a_part_is_not_checked():
    table = announced()
    assert brief(table.push(FIRMWARE, 0, sender=77)) == [(NODE, 1)]


@pytest.mark.parametrize("parts", [1, 2, 10, 200])
def test_each_accepted_part_but_the_last_yields_one_request_for_the_next(parts):
    firmware = Firmware(parts)
    table = announced(firmware)
    assert brief(table.push(firmware)) == [(NODE, part) for part in range(1, parts)]
    assert table.runs(firmware)


def test_a_request_costs_about_166_bytes():
    table = announced()
    (request,) = table.push(FIRMWARE, 0)
    assert 160 <= len(json.dumps(request, separators=(",", ":"))) + 1 <= 170


@pytest.mark.parametrize("part", [0, 1, 3, 9, 10, 4294967295])
def test_parts_out_of_order_and_duplicates_are_ignored(part):
    table = announced()
    table.push(FIRMWARE, 0, 1)
    assert table.tell(FIRMWARE.data(part)) == []
    assert table.receiver.part == 2


def test_a_part_that_is_due_is_asked_for_every_30_s_ten_times_in_all():
    table = Table()
    table.tell(FIRMWARE.announce())
    table.wait(10)
    table.push(FIRMWARE, 0)
    sent = table.wait(1000)
    assert [(second, request["partNo"]) for second, request in sent] == [
        (10 + 30 * count, 1) for count in range(1, 10)
    ]


# Broadcast.


def test_a_broadcasted_announce_starts_requests_on_a_root_only():
    assert Table(root=False).tell(FIRMWARE.announce(broadcasted=True)) == []
    assert Table(root=True, role="gate").tell(FIRMWARE.announce(broadcasted=True)) == []
    (request,) = Table(root=True).tell(FIRMWARE.announce(broadcasted=True))
    assert (request["from"], request["partNo"], request["broadcasted"]) == (NODE, 0, True)


@pytest.mark.parametrize("broadcasted", [True, False])
def test_parts_are_taken_without_a_word_after_a_broadcasted_announce(broadcasted):
    table = silent()
    assert table.push(FIRMWARE, routing=2, dest=0, broadcasted=broadcasted) == []
    assert table.runs(FIRMWARE)


def test_without_an_announce_nothing_is_taken():
    table = Table()
    assert table.push(FIRMWARE, routing=2, dest=0) == []
    assert table.idle


@pytest.mark.parametrize("part", [0, 3, 8], ids=["a duplicate", "a gap", "a large gap"])
def test_an_unexpected_broadcasted_part_yields_one_request_every_30_s_ten_times(part):
    table = silent()
    table.push(FIRMWARE, 0, 1, broadcasted=True, dest=ROOT)
    (request,) = table.push(FIRMWARE, part, broadcasted=True, dest=ROOT)
    assert (request["from"], request["partNo"], request["broadcasted"]) == (ROOT, 2, False)
    assert table.push(FIRMWARE, part, 0, 8, broadcasted=True, dest=ROOT) == [], "once only"
    assert [second for second, again in table.wait(500) if again == request] == [30 * n for n in range(1, 10)]


def test_after_that_every_further_part_is_asked_for_with_broadcasted_true():
    table = silent()
    table.push(FIRMWARE, 1, broadcasted=True, dest=ROOT)
    requests = table.push(FIRMWARE, 0, 1, 2, broadcasted=True, dest=ROOT)
    assert brief(requests) == [(ROOT, 1), (ROOT, 2), (ROOT, 3)]
    assert all(request["broadcasted"] for request in requests)


def test_a_request_claims_to_come_from_whoever_the_part_was_addressed_to():
    table = announced()
    assert brief(table.push(FIRMWARE, 0, dest=NODE)) == [(NODE, 1)]
    assert brief(table.push(FIRMWARE, 1, dest=0)) == [(0, 2)]
    assert brief(table.push(FIRMWARE, 2, dest=ROOT)) == [(ROOT, 3)]
    part_without_dest = FIRMWARE.data(3)
    del part_without_dest["dest"]
    assert brief(table.tell(part_without_dest)) == [(0, 4)]


def test_a_leaf_that_loses_one_broadcasted_part_asks_in_the_name_of_the_root_for_ever():
    table = silent()
    first = table.push(FIRMWARE, 0, 2, 3, broadcasted=True, dest=ROOT)
    assert brief(first) == [(ROOT, 1)]
    assert [(second, *brief([request])) for second, request in table.wait(75)] == [
        (30, (ROOT, 1)),
        (60, (ROOT, 1)),
    ]
    assert table.receiver.part == 1


def test_losing_the_last_part_goes_unnoticed_and_announcing_again_does_nothing():
    table = silent()
    assert table.push(FIRMWARE, *range(9), broadcasted=True, dest=ROOT) == []
    assert table.wait(1000) == []
    assert table.tell(FIRMWARE.announce(broadcasted=True), FIRMWARE.announce(broadcasted=False)) == []
    assert table.receiver.part == 9


def test_parts_with_broadcasted_false_make_nobody_drop_out():
    table = silent()
    table.push(FIRMWARE, 0, 1, 2, routing=2, dest=0)
    assert table.push(FIRMWARE, 0, 1, 5, 9, routing=2, dest=0) == []
    assert table.receiver.broadcasted
    assert table.push(FIRMWARE, *range(3, 10), routing=2, dest=0) == []
    assert table.runs(FIRMWARE)


# Polls.


def test_a_poll_is_answered_with_the_true_id_and_the_next_part():
    table = silent()
    table.push(FIRMWARE, 0, 1, 2, routing=2, dest=0)
    (request,) = table.tell(FIRMWARE.poll())
    assert (request["from"], request["partNo"], request["broadcasted"]) == (NODE, 3, False)


def test_a_poll_is_answered_once_an_update_and_announcing_again_does_not_rearm_it():
    table = silent()
    assert table.tell(FIRMWARE.poll()) != []
    assert table.tell(FIRMWARE.poll(), FIRMWARE.announce(broadcasted=True), FIRMWARE.poll()) == []


def test_a_poll_of_another_update_is_not_answered():
    assert Table().tell(FIRMWARE.poll()) == []
    assert silent().tell(OTHER.poll()) == []
    assert announced().tell(FIRMWARE.poll()) == [], "announced with broadcasted:false"


def test_a_polled_node_acknowledges_each_part_in_the_name_of_its_dest():
    table = silent()
    table.push(FIRMWARE, 0, routing=2, dest=0)
    table.tell(FIRMWARE.poll())
    assert brief(table.push(FIRMWARE, 1, 2, routing=2, dest=0)) == [(0, 2), (0, 3)]
    assert brief(table.push(FIRMWARE, *range(3, 10))) == [(NODE, part) for part in range(4, 10)]
    assert table.runs(FIRMWARE)


def test_a_polled_node_repeats_its_request():
    table = silent()
    table.tell(FIRMWARE.poll())
    assert [second for second, _ in table.wait(400)] == [30 * count for count in range(1, 10)]
    assert table.receiver.md5 == ""


# What the next update inherits.


def test_a_task_once_made_speaks_in_the_next_silent_update_too():
    """So a node that was probed acknowledges every part of the broadcast that follows."""
    probe = Firmware(1, seed=9)
    table = silent(probe)
    table.tell(probe.poll(), probe.reset(0, b""))
    assert table.idle
    assert not table.receiver.requesting
    assert table.tell(FIRMWARE.announce(broadcasted=True)) == []
    assert brief(table.push(FIRMWARE, 0, 1, routing=2, dest=0)) == [(0, 1), (0, 2)]


def test_such_a_task_wipes_nothing_when_it_expires():
    probe = Firmware(1, seed=9)
    table = silent(probe)
    table.tell(probe.poll(), probe.reset(0, b""), FIRMWARE.announce(broadcasted=True))
    table.push(FIRMWARE, 0, routing=2, dest=0)
    assert len(table.wait(1000)) == 9
    assert table.receiver.md5 == FIRMWARE.md5


def test_a_receiver_speaks_no_more_once_its_board_restarts():
    table = Table(flash=Flash(), restart_delay_us=800_000)
    table.tell(FIRMWARE.announce())
    table.push(FIRMWARE)
    assert table.wait(5) == []
    assert table.reboots == [(0.8, "updated")]
    assert table.tell(OTHER.announce()) == []
    assert table.receiver.next_deadline_us() is None
    assert table.receiver.handle_deadline(table.now_us) == []
    assert table.reboots == [(0.8, "updated")]
