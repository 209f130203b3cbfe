"""Images that break the boards which run them, and what boards report, in virtual time."""

import gzip
from itertools import pairwise

import pytest

from meshnode.events import DelayMeasured, PackageReceived
from meshward.ota.states import GOOD
from meshward.sim.application import REPORTS_US
from meshward.sim.behaviour import Behaviour, Behaviours
from meshward.sim.board import Board, boards_on_hosts
from meshward.sim.flash import FACTORY_IMAGE, Image
from meshward.sim.world import World
from tests.sim.ota_scenes import FIRST_ID, HARDWARE, ROLE, Scene

SEED = 7


class Watch:
    """The packages that reach the sender of a scene."""

    def __init__(self, scene):
        self.packages = []  # (second, package)
        self.delays_us = {}
        scene.gateway.on_event.append(self._note)

    def _note(self, host, event):
        if isinstance(event, PackageReceived):
            self.packages.append((host.world.now_s, event.package))
        elif isinstance(event, DelayMeasured):
            self.delays_us[event.node_id] = event.delay_us

    def of_type(self, kind, node_id=None):
        return [
            (second, package)
            for second, package in self.packages
            if package["type"] == kind and node_id in (None, package["from"])
        ]

    def reports(self, node_id=None):
        return self.of_type(604, node_id)


def scene_where(factory=None, new=None, *, reports_us=None, hardware=HARDWARE, **options):
    """Boards whose present or next image behaves so."""

    def prepare(scene):
        behaviours = Behaviours()
        if factory is not None:
            behaviours.put(FACTORY_IMAGE.md5, Behaviour.read(factory))
        if new is not None:
            behaviours.put(scene.offer.md5[:6], Behaviour.read(new))
        for node_id in scene.boards:
            scene.boards[node_id] = Board(ROLE, hardware, behaviours=behaviours, reports_us=reports_us)

    return Scene(SEED, **{"kind": "star", "n": 3, "prepare": prepare} | options)


def starts(scene):
    return [board.starts for board in scene.boards.values()]


def in_mesh(scene):
    return set(scene.gateway.node.nodes())


def put_back(scene):
    """The image from before, by USB."""
    for host, board in zip(scene.hosts, scene.boards.values(), strict=True):
        board.flash.put_by_usb(FACTORY_IMAGE)
        host.reboot()
    scene.world.run_for(1)
    assert scene.world.living() == scene.world.hosts
    assert scene.world.run_until(scene.world.converged, 60)


# Crash loops.


def test_a_crash_loop_restarts_the_board_again_and_again_at_uneven_moments():
    scene = scene_where(new="crash-loop:20").start()
    scene.world.run_until(lambda: min(starts(scene)) >= 2, 60)
    moments = [[] for _ in scene.boards]
    last = starts(scene)
    for _ in range(3000):
        scene.world.run_for(0.1)
        for index, count in enumerate(starts(scene)):
            if count > last[index]:
                moments[index].append(scene.world.now_s)
        last = starts(scene)
    assert all(scene.runs_image(node_id) for node_id in scene.boards)
    for each in moments:
        lives_s = [after - before for before, after in pairwise(each)]
        assert 12 <= len(lives_s) <= 17, "300 s of lives of 20 s and what comes between"
        assert all(18 <= life_s <= 23.5 for life_s in lives_s)
        assert max(lives_s) - min(lives_s) > 1
    assert moments[0] != moments[1]


def test_a_crash_loop_takes_an_update_between_restarts_and_is_over_then():
    scene = scene_where(factory="crash-loop:10")
    scene.world.run_for(60)
    assert min(starts(scene)) >= 5
    scene.start().run().assert_as_it_should_be()
    scene.world.run_for(5)
    settled = starts(scene)
    scene.world.run_for(200)
    assert starts(scene) == settled
    assert in_mesh(scene) == set(scene.boards)


def test_a_crash_loop_of_a_new_image_ends_with_the_last_good_one():
    scene = scene_where(new="crash-loop:10").start()
    scene.world.run_until(lambda: min(starts(scene)) >= 4, 120)
    put_back(scene)
    settled = starts(scene)
    scene.world.run_for(100)
    assert starts(scene) == settled


# Leaks, and reports.


def test_reports_tell_how_the_heap_falls_until_the_board_restarts():
    scene = scene_where(factory="leak:120", reports_us=5_000_000)
    watch = Watch(scene)
    scene.world.run_for(400)
    lives = []
    for _, report in watch.reports(FIRST_ID):
        if not lives or report["uptime"] < lives[-1][-1]["uptime"]:
            lives.append([])
        lives[-1].append(report)
    assert len(lives) in (3, 4)
    assert starts(scene)[0] == len(lives)
    for life in lives[:3]:
        memory_kb = [report["mem"] for report in life]
        assert memory_kb == sorted(memory_kb, reverse=True)
        assert memory_kb[0] > 130
        assert memory_kb[-1] < 20
        slopes = [
            (report["mem"] - life[0]["mem"]) / (report["uptime"] - life[0]["uptime"]) for report in life[5:]
        ]
        assert max(slopes) - min(slopes) < 0.3, "linear"


def test_a_leak_does_not_show_where_the_board_does_not_report():
    scene = scene_where(factory="leak:60")
    watch = Watch(scene)
    scene.world.run_for(50)
    assert starts(scene) == [1, 1, 1]
    assert watch.packages == []
    scene.world.run_for(20)
    assert starts(scene) == [2, 2, 2]


@pytest.mark.parametrize(("hardware", "memory_kb"), [("ESP32", (160, 185)), ("ESP8266", (24, 29))])
def test_boards_report_about_every_30_s_each_at_its_own_moments(hardware, memory_kb):
    scene = scene_where(reports_us=REPORTS_US, hardware=hardware)
    watch = Watch(scene)
    booted_us = [host.now_us for host in scene.hosts]
    scene.world.run_for(600)
    firsts = []
    for node_id in scene.boards:
        reports = watch.reports(node_id)
        seconds = [second for second, _ in reports]
        gaps_s = [after - before for before, after in pairwise(seconds)]
        assert 18 <= len(seconds) <= 22
        assert all(26.9 <= gap_s <= 33.1 for gap_s in gaps_s)
        assert max(gaps_s) - min(gaps_s) > 1
        firsts.append(seconds[0])
        assert [report["msgTx"] for _, report in reports] == list(range(1, len(reports) + 1))
        assert all(memory_kb[0] <= report["mem"] <= memory_kb[1] for _, report in reports)
        assert all(report["uptime"] == pytest.approx(second, abs=1.1) for second, report in reports)
    assert booted_us == pytest.approx([scene.world.now_s * 1e6 - 600e6] * 3, abs=1e5)
    assert max(firsts) - min(firsts) > 1


def test_a_report_has_the_fields_of_package_604_and_tells_the_image():
    scene = scene_where(reports_us=5_000_000)
    watch = Watch(scene)
    scene.world.run_for(60)
    scene.start().run()
    scene.world.run_for(30)
    _, first = watch.reports(FIRST_ID)[0]
    assert list(first) == [
        *("from", "routing", "type", "status", "uptime", "mem", "wifi", "fw", "fwMD5", "nodes", "conns"),
        *("msgRx", "msgTx", "msgDrop", "latency", "loss", "throughput", "alerts", "lastErr"),
    ]
    assert (first["routing"], first["fwMD5"]) == (2, FACTORY_IMAGE.md5)
    assert (first["nodes"], first["conns"]) == (3, 3), "the hub of a star, and the sender"
    _, last = watch.reports(FIRST_ID)[-1]
    assert last["fwMD5"] == scene.offer.md5
    assert 20 < last["uptime"] < 40
    assert last["msgRx"] > 0


def test_reports_are_a_function_of_the_seed():
    def run():
        scene = scene_where(factory="leak:40", reports_us=5_000_000)
        watch = Watch(scene)
        scene.world.run_for(100)
        return watch.packages

    assert run() == run()


# Lost radios.


def test_a_board_loses_its_radio_some_time_after_its_start_and_never_comes_back():
    scene = scene_where(factory="lost-radio:30", kind="chain", n=2, reports_us=5_000_000)
    watch = Watch(scene)
    scene.world.run_for(20)
    assert in_mesh(scene) == set(scene.boards)
    scene.world.run_for(90)  # nobody closed a link: neighbours find out at their next node sync
    assert in_mesh(scene) == set()
    assert max(second for second, _ in watch.reports()) < 34
    scene.world.run_for(600)
    assert in_mesh(scene) == set()
    assert starts(scene) == [1, 1]


def test_an_image_without_radio_never_joins_whoever_switches_the_board_on_again():
    scene = scene_where(new="lost-radio", kind="chain", n=2)
    joined = []
    scene.start()
    assert scene.world.run_until(lambda: any(board.starts == 2 for board in scene.boards.values()), 60)
    gone = next(node_id for node_id, board in scene.boards.items() if board.starts == 2)
    host = scene.hosts[gone - FIRST_ID]
    host.on_event.append(lambda _host, event: joined.append(event))
    scene.world.run_for(100)
    host.reboot()
    scene.world.run_for(100)
    assert scene.boards[gone].starts == 3
    assert scene.runs_image(gone)
    assert joined == []
    assert gone not in in_mesh(scene)
    put_back(scene)
    scene.world.run_for(60)
    assert in_mesh(scene) == set(scene.boards)


def test_an_update_that_is_complete_starts_although_the_radio_would_be_lost_before():
    board = Board(ROLE, behaviours=Behaviours({FACTORY_IMAGE.md5: Behaviour("lost-radio", 30.0)}))
    world = World(seed=SEED)
    host = world.add_node(FIRST_ID, setup=boards_on_hosts({FIRST_ID: board}))
    world.run_for(20)
    board.flash.begin("none")
    board.flash.write(b"\xe9 another image")
    board.flash.end()
    board.receiver.reboot_at(host.now_us + 20_000_000, "updated")
    host.node.attach(board.receiver)
    host.touch()
    world.run_for(25)
    assert (board.running, board.starts, host.alive) == (Image.of(b"\xe9 another image"), 2, True)


# Silent and slow ones.


def test_a_silent_board_is_in_the_mesh_and_says_nothing():
    scene = scene_where(new="silent", reports_us=5_000_000).start()
    watch = Watch(scene)
    assert scene.world.run_until(lambda: starts(scene) == [2, 2, 2], 100)
    assert watch.reports(), "with the image from before"
    scene.world.run_for(30)
    watch.packages.clear()
    scene.world.run_for(60)
    another = b"\xe9" + bytes(5000)
    scene.sender.stop()
    scene.sender = type(scene.sender)(scene.gateway, scene.update(image=another))
    scene.world.run_for(200)
    assert watch.packages == []
    assert in_mesh(scene) == set(scene.boards)
    assert all(scene.runs_image(node_id) for node_id in scene.boards)
    assert not any(record.state in GOOD for record in scene.result.records.values())
    put_back(scene)
    scene.world.run_for(30)
    assert {report["from"] for _, report in watch.reports()} == set(scene.boards)


@pytest.mark.parametrize("loop_ms", [10, None])
def test_a_slow_image_makes_delays_grow_where_there_is_a_main_loop(loop_ms):
    scene = scene_where(new="slow:10", kind="chain", loop_ms=loop_ms)
    watch = Watch(scene)
    far = FIRST_ID + 2

    def delay_us():
        measured = []
        for _ in range(20):
            scene.gateway.measure_delay(far)
            scene.world.run_for(3)
            measured.append(watch.delays_us[far])
        return sum(measured) / len(measured)

    before_us = delay_us()
    scene.start().run().assert_as_it_should_be()
    slow_us = delay_us()
    put_back(scene)
    scene.world.run_for(10)
    after_us = delay_us()
    if loop_ms is None:
        assert slow_us == pytest.approx(before_us, rel=0.2)
    else:
        assert slow_us > 5 * before_us
    assert after_us == pytest.approx(before_us, rel=0.5)


# Which image it is.


def test_of_a_gzip_image_the_one_inside_counts():
    scene = scene_where(hardware="ESP8266", n=1)
    board = scene.boards[FIRST_ID]
    board.behaviours.put(Image.of(scene.image).md5, Behaviour.read("crash-loop:5"))
    packed = gzip.compress(scene.image, mtime=0)
    board.flash.begin(Image.of(packed).md5)
    board.flash.write(packed)
    assert board.flash.end()
    scene.hosts[0].reboot()
    scene.world.run_for(30)
    assert board.running == Image.of(scene.image)
    assert board.starts >= 5
