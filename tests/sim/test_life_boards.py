"""Boards with a life in a virtual mesh: what they tell, and what befalls them of their own accord."""

import json
from random import Random

import pytest

from meshnode.events import DelayMeasured, PackageReceived
from meshward.sim.behaviour import Behaviour, Behaviours
from meshward.sim.board import Board, boards_on_hosts
from meshward.sim.flash import FACTORY_IMAGE
from meshward.sim.life import NAMES, WALL_S
from meshward.sim.stories import Story
from meshward.sim.world import World
from meshward.topologies import parents
from tests.sim.ota_scenes import FIRST_ID

GATEWAY = 1
ROLE = "sensor"
ALTERIOM = {
    200: ["temp", "hum", "press", "sid", "ts", "bat", "message_type"],
    202: [
        *("status", "uptime", "mem", "wifi", "fw", "organization", "sensors", "sensor_inventory"),
        "message_type",
    ],
    204: [
        *("cpu", "loops", "tasks", "heap", "minHeap", "fragHeap", "maxHeap", "bytesRx", "bytesTx"),
        *("pktsRx", "pktsTx", "pktsDrop", "throughput", "avgResp", "maxResp", "avgLat", "connQual"),
        *("rssi", "ts", "interval", "message_type"),
    ],
    604: [
        *("status", "uptime", "mem", "wifi", "fw", "fwMD5", "nodes", "conns", "msgRx", "msgTx", "msgDrop"),
        *("latency", "loss", "throughput", "alerts", "lastErr"),
    ],
    605: [
        *("health", "problems", "memHealth", "memTrend", "netHealth", "loss", "reconn", "perfHealth"),
        *("missed", "maxLoop", "temp", "tempHealth", "uptime", "crashes", "reboot", "ettf", "recommend"),
        *("ts", "nextCheck", "message_type"),
    ],
}


class Mesh:
    """Boards of one firmware with the gateway below the first, and what reaches the gateway."""

    def __init__(self, n=3, stories=None, *, kind="chain", seed=1, **board):
        stories = stories or {}
        self.boards = {
            FIRST_ID + index: Board(ROLE, stories=read(stories.get(index, ())), **board) for index in range(n)
        }
        self.world = World(seed=seed)
        shape = parents(kind, n, 4, Random(seed))
        self.hosts = self.world.build(shape, FIRST_ID, setup=boards_on_hosts(self.boards))
        self.gateway = self.world.add_node(GATEWAY)
        self.gateway.dial([self.hosts[0]])
        self.packages = []
        self.offsets_us = {}
        self.gateway.on_event.append(self._note)
        assert self.world.run_until(self.world.converged, 60)

    def _note(self, _host, event):
        if isinstance(event, PackageReceived):
            self.packages.append(event.package)
        elif isinstance(event, DelayMeasured):
            self.offsets_us[event.node_id] = event.offset_us

    def of(self, kind, index=None):
        return [
            package
            for package in self.packages
            if package["type"] == kind and index in (None, package["from"] - FIRST_ID)
        ]

    def health(self, index):
        host = self.hosts[index]
        return dict(zip(NAMES, self.boards[FIRST_ID + index].health.read(host.now_us), strict=True))

    def changes(self, seconds, look, step_s=1.0):
        """The values that `look()` shows one after the other."""
        seen = [look()]
        for _ in range(int(seconds / step_s)):
            self.world.run_for(step_s)
            value = look()
            if value != seen[-1]:
                seen.append(value)
        return seen


def read(texts):
    return [Story.read(text) for text in ((texts,) if isinstance(texts, str) else texts)]


# What they tell.


def test_alteriom_boards_send_all_packages_with_their_fields_at_their_intervals():
    mesh = Mesh(firmware="alteriom")
    mesh.world.run_for(600)
    for kind, fields in ALTERIOM.items():
        packages = mesh.of(kind, 2)
        every_s = 30 if kind in (200, 604) else 60
        assert 600 / every_s - 3 <= len(packages) <= 600 / every_s + 3
        for package in packages:
            assert list(package) == ["from", "routing", "type", *fields]
            assert package["routing"] == 2
            assert package.get("message_type", kind) == kind
            json.dumps(package, allow_nan=False)


def test_alteriom_boards_tell_one_life_in_the_units_of_each_package():
    mesh = Mesh(firmware="alteriom", reports_us=5_000_000)
    mesh.world.run_for(1800)
    health = mesh.health(1)
    metrics, status, enhanced, check = (mesh.of(kind, 1)[-1] for kind in (204, 202, 604, 605))
    assert metrics["heap"] == pytest.approx(health["heap_free_bytes"], rel=0.03)
    assert status["mem"] * 1024 == pytest.approx(health["heap_free_bytes"], rel=0.03)
    assert metrics["rssi"] == pytest.approx(health["rssi_dbm"], abs=6)
    assert status["uptime"] == pytest.approx(1800, abs=30)
    assert check["uptime"] == pytest.approx(1800, abs=30)
    assert check["temp"] == pytest.approx(health["temperature_c"], abs=4)
    assert enhanced["nodes"] == health["nodes"] == 3
    assert enhanced["conns"] == health["links"] == 2
    assert enhanced["msgRx"] == pytest.approx(health["messages_received"], rel=0.05)
    assert metrics["ts"] == pytest.approx(WALL_S + 1800, abs=30)


def test_alteriom_boards_answer_the_command_for_data():
    mesh = Mesh(firmware="alteriom", reports_us=1_000_000_000)
    target = FIRST_ID + 2
    command = {"type": 400, "routing": 1, "dest": target, "cmd": 3, "target": target, "params": "{}"}
    mesh.packages.clear()
    mesh.gateway.send(command | {"cid": 77})
    mesh.world.run_for(1)
    answers = {package["type"]: package for package in mesh.packages if package["from"] == target}
    assert sorted(answers) == [200, 202]
    assert (answers[202]["respTo"], answers[202]["respMsg"]) == (77, "ok")
    mesh.packages.clear()
    for odd in ({"cmd": 5}, {"target": 5}, {"cmd": "x"}, {"cmd": None}):
        mesh.gateway.send({**command, "cid": 78, **odd})
    mesh.world.run_for(1)
    assert mesh.packages == []


def test_a_leaking_image_shows_in_what_an_alteriom_board_tells():
    behaviours = Behaviours({FACTORY_IMAGE.md5: Behaviour("leak", 200.0)})
    mesh = Mesh(firmware="alteriom", reports_us=5_000_000, behaviours=behaviours)
    mesh.world.run_for(150)
    heap_bytes = [package["heap"] for package in mesh.of(204, 1)]
    assert heap_bytes[0] > 140_000
    assert heap_bytes[-1] < 80_000
    mesh.world.run_for(100)
    assert mesh.of(605, 1)[-1]["crashes"] == 1


# What befalls them.


def test_a_board_that_flaps_leaves_and_comes_back_without_a_restart():
    mesh = Mesh(stories={2: "flap:60"})
    reconnects = [0, 0, 0]

    def look():
        reconnects[:] = [mesh.health(index)["reconnects"] for index in range(3)]
        return FIRST_ID + 2 in mesh.gateway.node.nodes()

    seen = mesh.changes(3600, look)
    assert 60 <= len(seen) <= 140
    assert mesh.boards[FIRST_ID + 2].starts == 1
    assert reconnects[2] == pytest.approx(len(seen) / 2, abs=1)
    assert reconnects[1] == pytest.approx(len(seen) / 2, abs=1), "of its parent too"
    assert reconnects[0] == 0


def test_a_board_that_moves_has_many_parents_and_stays_in_the_mesh():
    mesh = Mesh(n=12, kind="tree", stories={5: "move:30", 1: "move:30"})
    host = mesh.hosts[5]
    seen = mesh.changes(3600, lambda: host.station.targets[0].node_id, step_s=5)
    assert len(seen) >= 15
    assert len(set(seen)) >= 5
    assert mesh.boards[host.node_id].starts == 1
    assert mesh.world.run_until(mesh.world.converged, 120)
    assert mesh.health(5)["rssi_dbm"] is not None


def test_a_board_that_crashes_restarts_every_so_often():
    mesh = Mesh(stories={1: "crash:100"})
    mesh.world.run_for(1000)
    assert 9 <= mesh.boards[FIRST_ID + 1].starts <= 12
    assert mesh.boards[FIRST_ID + 2].starts == 1


def test_a_board_whose_power_fails_is_gone_for_good():
    mesh = Mesh(stories={2: "silent:100"})
    mesh.world.run_for(80)
    assert FIRST_ID + 2 in mesh.gateway.node.nodes()
    mesh.world.run_for(120)
    assert FIRST_ID + 2 not in mesh.gateway.node.nodes()
    assert [host.alive for host in mesh.hosts] == [True, True, False]


def test_a_leak_ends_in_a_crash_and_begins_again():
    mesh = Mesh(stories={1: "leak:1000000"}, n=2)
    mesh.world.run_for(600)
    assert mesh.boards[FIRST_ID + 1].starts == 1
    assert mesh.health(1)["heap_free_bytes"] < 25_000
    mesh.world.run_for(100)
    assert mesh.boards[FIRST_ID + 1].starts == 2
    assert mesh.health(1)["heap_free_bytes"] > 140_000


def test_a_board_whose_clock_is_off_tells_so_and_the_others_do_not():
    mesh = Mesh(stories={1: "clock:-2500"})
    mesh.world.run_for(120)
    for node_id in mesh.boards:
        mesh.gateway.measure_delay(node_id)
    mesh.world.run_for(1)
    assert mesh.offsets_us[FIRST_ID + 1] == pytest.approx(-2_500_000, abs=20_000)
    assert abs(mesh.offsets_us[FIRST_ID]) < 20_000
    assert abs(mesh.offsets_us[FIRST_ID + 2]) < 20_000, "its clock goes through the wrong one's board"


def test_a_hostile_board_floods_lies_and_breaks_nobody():
    mesh = Mesh(stories={2: "hostile:20"}, firmware="alteriom", n=4, kind="star")
    mesh.gateway.send({"type": 713, "routing": 2})
    mesh.world.run_for(60)
    false_names = {package["from"] for package in mesh.packages} - set(mesh.boards)
    assert len(false_names) > 100
    lies = {package["from"] for package in mesh.packages if package.get("fwMD5") == "0" * 32}
    assert lies == {FIRST_ID + 1, FIRST_ID + 3}, "who sits on the way refuses what claims to be its own"
    text = repr(mesh.packages)
    assert "<script>" in text
    assert "name_9999" in text
    assert "inf" in text
    assert {package["type"] for package in mesh.packages} >= {604, 202, 711, 712}
    assert mesh.hosts[0].node.refused_frames > 5, "no JSON"
    assert mesh.world.converged()
    assert len(mesh.of(604, 0)) >= 1


def test_there_are_no_stories_without_a_driver_that_can_act_them_out():
    world = World(seed=1)
    board = Board(ROLE, stories=read(["flap:120", "move:120"]))
    host = world.add_node(FIRST_ID)
    board.start(host.node, host.now_us, lambda why: None)
    host.touch()
    world.run_for(3600)
    assert board.application.idle


# Long runs.


def test_a_run_of_a_mesh_with_stories_is_a_function_of_its_seed():
    def run():
        stories = {1: "flap:60", 3: "move:60", 4: "crash:60", 5: "hostile:1"}
        mesh = Mesh(n=6, kind="tree", stories=stories, firmware="alteriom")
        mesh.world.run_for(300)
        return mesh.packages

    assert repr(run()) == repr(run())


def test_forty_boards_live_through_a_morning():
    mesh = Mesh(n=40, kind="random")
    mesh.world.run_for(3 * 3600)
    assert mesh.world.converged()
    assert [board.starts for board in mesh.boards.values()] == [1] * 40
    assert all(mesh.health(index)["reconnects"] == 0 for index in range(40))
