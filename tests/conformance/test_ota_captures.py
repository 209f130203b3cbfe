"""Recorded OTA sessions, replayed to stand-in boards: they must ask for what the C++ nodes asked for.

The recordings keep the first 400 characters of a Data frame only, so the images themselves are not known.
One of the same size stands in for each, and its MD5 takes the place of the recorded one on both sides.
"""

import json
from collections import Counter
from dataclasses import dataclass, fields, replace
from functools import cache

import pytest

from meshward.sim.board import Board, boards_on_hosts
from tests.conformance import captures
from tests.conformance.replay import Replay
from tests.conformance.scenarios import SCENARIOS, Scenario, first_node_reboots
from tests.support.ota import Firmware, text

FIRST = 1001
UNICAST = "ota_unicast_3_nodes"
FULL = "session_full"
BROADCAST = "ota_broadcast_poll_and_repair"
IMAGES = {
    UNICAST: Firmware(data=Firmware(3).bytes[:3000]),
    FULL: Firmware(data=Firmware(3).bytes[:3000]),
    BROADCAST: Firmware(10),
}
RESTART_DELAY_US = 2_003_000
"""From the last part to the closed link: 2 s of the library, and what the C++ process needed to end."""
BROADCAST_END_S = 3.9
"""That recording ends before its nodes restart."""
FROM_NOBODY = 19
"""Requests that claim to come from node 0 in the broadcast session."""


@dataclass(frozen=True, kw_only=True)
class OtaScenario(Scenario):
    """A recording with its OTA content."""

    firmware: Firmware

    @property
    def lines(self):
        paths = [captures.FOLDER / f"{name}.jsonl" for name in self.files]
        records = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
        return [captures._line(self._with_stand_in(record), None) for record in records]

    def _with_stand_in(self, record):
        frame = record.get("text", "")
        if frame.endswith("..."):  # cut by the recorder
            frame = frame[: frame.index('"data":')] + '"data":""}'
            package = json.loads(frame)
            package["data"] = text(self.firmware.parts[package["partNo"]])
        elif frame and json.loads(frame)["type"] in captures.OTA_KINDS:
            package = json.loads(frame)
        else:
            return record
        package["md5"] = self.firmware.md5
        return record | {"text": json.dumps(package, separators=(",", ":"))}


class OtaReplay:
    """One run. `differences` tells in words what was not as recorded: frames, their times, closes."""

    def __init__(self, name, *, spoil=None, role="sensor", **board_options):
        base = SCENARIOS[name]
        values = {one.name: getattr(base, one.name) for one in fields(base)}
        # The boards of this replay restart by themselves.
        values["actions"] = tuple(action for action in base.actions if action[1] is not first_node_reboots)
        if name == BROADCAST:
            values["end_s"] = BROADCAST_END_S
        scenario = OtaScenario(firmware=IMAGES[name], **values)
        options = {"restart_delay_us": RESTART_DELAY_US} | board_options
        self.boards = {FIRST + index: Board(role, **options) for index in range(scenario.nodes)}
        fed = Spoiled(scenario, spoil) if spoil else scenario
        self.run = Replay(fed, setup=boards_on_hosts(self.boards))
        self.differences = self.run.run()
        self.recorded = requests_of(line.package for line in scenario.lines if line.dir == "rx")
        self.replayed = requests_of(json.loads(frame) for _, _, frame in self.run.peer.frames)

    def updated(self, firmware):
        """Ids of the boards that run the image a while later."""
        self.run.world.run_for(5)
        return [node_id for node_id, board in self.boards.items() if board.running.md5 == firmware.md5]


class Spoiled:
    """A scenario of which the peer's frames, or what is expected, were changed."""

    def __init__(self, scenario, spoil):
        self._scenario = scenario
        self.lines = [spoiled for line in scenario.lines for spoiled in spoil(line)]

    def __getattr__(self, name):
        return getattr(self._scenario, name)


def requests_of(packages):
    """The requests in their order, by the sender they claim."""
    by_sender = {}
    for package in packages:
        if package and package["type"] == 11:
            by_sender.setdefault(package["from"], []).append(package)
    return by_sender


@cache
def faithful(name):
    """A replay to boards as they were."""
    return OtaReplay(name)


@pytest.mark.parametrize("name", IMAGES)
def test_stand_ins_send_what_the_real_nodes_sent(name):
    assert faithful(name).differences == []


@pytest.mark.parametrize("name", IMAGES)
def test_each_node_asks_in_the_recorded_order(name):
    replay = faithful(name)
    recorded, replayed = dict(replay.recorded), dict(replay.replayed)
    nobody = recorded.pop(0, []), replayed.pop(0, [])
    assert replayed == recorded != {}
    assert [list(one) for one in replayed[FIRST + 1]] == [list(one) for one in recorded[FIRST + 1]], "keys"
    assert len(nobody[0]) == len(nobody[1]) == (FROM_NOBODY if name == BROADCAST else 0)
    assert all(map(in_order_per_node, nobody))


def in_order_per_node(requests):
    """Whether requests from nobody can be those of nodes that each ask for part after part.

    One node answers in the name of 0 from part 1 on; two more were polled at part 4, and do so from part 5 on.
    """
    parts = Counter()
    for request in requests:
        part = request["partNo"]
        if part not in {1, 5} and parts[part] >= parts[part - 1]:
            return False
        parts[part] += 1
    return parts == Counter({1: 1, 2: 1, 3: 1, 4: 1} | dict.fromkeys(range(5, 10), 3)) or not requests


@pytest.mark.parametrize("name", [UNICAST, FULL])
def test_all_three_nodes_run_the_image_in_the_end(name):
    assert faithful(name).updated(IMAGES[name]) == [1001, 1002, 1003]


def test_in_the_broadcast_session_exactly_the_announced_nodes_are_updated():
    assert faithful(BROADCAST).updated(IMAGES[BROADCAST]) == [1002, 1003, 1005]


# Another node or another session must be found out.


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (UNICAST, {"upstream_2019": True}),
        (UNICAST, {"hardware": "ESP8266"}),
        (UNICAST, {"restart_delay_us": 800_000}),
        (BROADCAST, {"upstream_2019": True}),
        (BROADCAST, {"role": "gate"}),
    ],
)
def test_another_receiver_is_found_out(name, options):
    assert OtaReplay(name, **options).differences != []


def changed(line, kind, **keys):
    """A line with other values in its package, if it is of this type."""
    if line.kind != kind:
        return line
    package = line.package | keys
    return replace(line, package=package, text=json.dumps(package, separators=(",", ":")))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: [changed(line, 10, broadcasted=False)],
        lambda line: [changed(line, 12, partNo=7)],
        lambda line: [] if line.kind == 12 else [line],
        lambda line: [line, line] if line.kind == 11 else [line],
        lambda line: [replace(line, t=line.t + 0.1) if line.kind == 11 else line],
        lambda line: [changed(line, 11, **{"from": 1004})],
        lambda line: [changed(line, 11, forced=False)],
    ],
    ids=["announced otherwise", "other parts", "no parts", "twice", "later", "another sender", "a key"],
)
def test_another_session_is_found_out(spoil):
    assert OtaReplay(BROADCAST, spoil=spoil).differences != []
