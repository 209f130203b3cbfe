"""Packages of the update protocol: the keys of the captures, and requests read leniently."""

import pytest

from meshward.ota import frames
from meshward.ota.frames import Offer, parse_request
from tests.support.ota import Firmware

OFFER = Offer("ab" * 16, "ESP32", "sensor")
REQUEST = {"type": 11, "from": 1001, "md5": OFFER.md5, "partNo": 3, "noPart": 9, "broadcasted": False}


def test_the_keys_are_those_of_a_stock_sender():
    stock = Firmware()
    assert set(stock.announce()) == {*frames.announce(OFFER, 1001, 9, silent=False), "from"}
    assert set(stock.data(0)) == {*frames.part_for(OFFER, 1001, 0, 9, "AA=="), "from"}
    assert set(stock.poll()) == {*frames.poll(OFFER, 1001, 9), "from"}


def test_a_part_for_all_comes_from_nobody_and_lets_nobody_drop_out():
    package = frames.part_for_all(OFFER, 0xFFFF0001, 2, 9, "AA==")
    assert (package["routing"], package["from"], package["dest"]) == (2, 0xFFFF0001, 0)
    assert package["broadcasted"] is False


def test_a_reset_is_a_last_part():
    package = frames.reset(OFFER, 1001, 5)
    assert (package["partNo"], package["noPart"], package["data"]) == (5, 6, "")


def test_a_poll_asks_for_a_part_that_nobody_expects():
    package = frames.poll(OFFER, 1001, 9)
    assert (package["partNo"], package["broadcasted"], package["data"]) == (999999, True, "")


@pytest.mark.parametrize("part", [3, 3.0, "3"])
def test_a_request_is_read_leniently(part):
    request = parse_request(REQUEST | {"partNo": part, "unknown": [1]})
    assert (request.part, request.from_id, request.broadcasted) == (3, 1001, False)


def test_a_request_of_2019_has_no_such_key():
    package = {key: value for key, value in REQUEST.items() if key != "broadcasted"}
    assert parse_request(package).broadcasted is None


@pytest.mark.parametrize(
    "change",
    [
        {"type": 12},
        {"partNo": -1},
        {"partNo": None},
        {"partNo": "x"},
        {"md5": 5},
        {"from": {}},
        {"partNo": 1.5},
    ],
)
def test_a_request_that_makes_no_sense_is_none(change):
    assert parse_request(REQUEST | change) is None
