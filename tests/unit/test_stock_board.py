"""Stand-in boards in a mesh: who is reached over hops, restarts, and what a stock sender makes of them."""

import gzip
from random import Random

import pytest

from meshnode.events import PackageReceived
from meshward.sim import LinkProfile, World
from meshward.sim.board import Board, boards_on_hosts
from meshward.sim.faults import UpdateFaults
from meshward.sim.flash import FACTORY_IMAGE, Flash, Image
from meshward.topologies import parents
from tests.support.ota import SENDER, Firmware, StockSender, brief

FIRMWARE = Firmware(10)
FIRST = 1001
LATENCY_US = 100


class Mesh:
    """A sender, and boards in the shape of a parent list below it; the sender is entry 0."""

    def __init__(self, parent_list, boards=None, *, root=None, seed=1):
        ids = [FIRST + index for index in range(len(parent_list) - 1)]
        self.boards = {node_id: Board("sensor") for node_id in ids} | (boards or {})
        self.world = World(seed=seed, link=LinkProfile(LATENCY_US))
        self.sender = self.world.add_node(SENDER)
        self.hosts = {}
        setup = boards_on_hosts(self.boards)
        for node_id, parent in zip(ids, parent_list[1:], strict=True):
            self.hosts[node_id] = self.world.add_node(node_id, root=node_id == root, setup=setup)
            self.hosts[node_id].dial([self.hosts[FIRST + parent - 1] if parent else self.sender])
        assert self.world.run_until(self.world.converged, limit_s=30)
        self.world.run_for(1)
        self.requests = []
        self.sender.on_event.append(self._note)

    def _note(self, _host, event):
        if isinstance(event, PackageReceived) and event.package["type"] == 11:
            self.requests.append(event.package)

    def send(self, *packages, pause_s=0.01):
        """Send packages in a row, wait a moment, and return the requests that came."""
        self.requests = []
        for package in packages:
            self.sender.send(dict(package))
        self.world.run_for(pause_s)
        return self.requests

    def serve(self, firmware=FIRMWARE):
        """Answer requests from now on, as the stock sender does."""
        service = StockSender(firmware)
        self.sender.node.attach(service)
        return service

    def running(self, firmware=FIRMWARE):
        """Ids of the boards that run the image."""
        return [
            node_id for node_id, board in self.boards.items() if board.running == Image.of(firmware.bytes)
        ]


def chain(length, boards=None, **options):
    return Mesh(parents("chain", length + 1), boards, **options)


@pytest.mark.parametrize("hops", [1, 2, 4])
def test_a_single_announce_starts_the_addressed_node_only(hops):
    mesh = chain(5)
    target = FIRST + hops - 1
    assert brief(mesh.send(FIRMWARE.announce(dest=target))) == [(target, 0)]
    mesh.serve()
    mesh.world.run_for(40)  # served when it asks again
    assert mesh.running() == [target]


def test_a_broadcast_reaches_a_chosen_subset_without_one_frame_upstream():
    mesh = chain(5)
    for target in (1002, 1003, 1005):
        mesh.send(FIRMWARE.announce(dest=target, broadcasted=True))
    parts = [FIRMWARE.data(part, routing=2, dest=0) for part in range(10)]
    assert mesh.send(*parts, pause_s=10) == []
    assert mesh.running() == [1002, 1003, 1005]


def test_the_role_probe_finds_exactly_the_nodes_of_a_role():
    made_up = Firmware(1, seed=99)
    mesh = chain(4, {1003: Board("gate")})
    probe = made_up.announce(routing=2, dest=0, broadcasted=True, noPart=1)
    answers = mesh.send(probe, *(made_up.poll(dest=node_id, noPart=1) for node_id in mesh.hosts))
    assert sorted(brief(answers)) == [(1001, 0), (1002, 0), (1004, 0)]
    mesh.send(*(made_up.reset(0, b"", dest=node_id) for node_id in (1001, 1002, 1004)))
    assert mesh.send(pause_s=100) == []


def test_the_stock_way_updates_all_at_once():
    mesh = Mesh(parents("tree", 9, 2))
    service = mesh.serve()
    mesh.send(FIRMWARE.announce(routing=2, dest=0), pause_s=5)
    assert len(mesh.running()) == 8
    assert len(service.requests) == 80


def test_a_transfer_goes_on_at_once_after_a_relay_rebooted():
    mesh = chain(3)
    mesh.send(FIRMWARE.announce(dest=1003), *(FIRMWARE.data(part, dest=1003) for part in range(8)))
    mesh.hosts[1001].reboot()
    mesh.world.run_for(3)
    assert mesh.world.run_until(mesh.world.converged, limit_s=30)
    assert brief(mesh.send(FIRMWARE.data(8, dest=1003)))[-1] == (1003, 9)


# Stock broadcast, which nobody should use.


def broadcast_the_stock_way(root, boards=None, seconds=200):
    mesh = Mesh(parents("star", 5), boards, root=root)
    service = mesh.serve()
    mesh.send(FIRMWARE.announce(routing=2, dest=0, broadcasted=True), pause_s=seconds)
    return mesh, service


def test_where_the_sender_is_the_only_root_nobody_starts():
    mesh, service = broadcast_the_stock_way(root=None)
    assert service.requests == []
    assert mesh.running() == []


def test_with_a_root_among_the_boards_each_part_is_asked_for_once():
    mesh, service = broadcast_the_stock_way(root=1001)
    assert brief(request for _, request in service.requests) == [(1001, part) for part in range(10)]
    assert len(mesh.running()) == 4


def test_a_leaf_that_loses_a_part_does_not_finish():
    losing = Board("sensor", faults=UpdateFaults(lose_parts=[4]))
    mesh, service = broadcast_the_stock_way(root=1001, boards={1003: losing})
    assert mesh.running() == [1001, 1002, 1004]
    misaddressed = [request for _, request in service.requests if not request["broadcasted"]]
    assert set(brief(misaddressed)) == {(1001, 4)}


def test_a_root_that_loses_a_part_makes_everyone_drop_out_30_s_later():
    losing = Board("sensor", faults=UpdateFaults(lose_parts=[1]))
    mesh, service = broadcast_the_stock_way(root=1001, boards={1001: losing})
    assert len(mesh.running()) == 4
    assert len(service.requests) > 30, "instead of 10"
    assert not any(2 < second - service.requests[0][0] < 29 for second, _ in service.requests)


# Boards.


def test_a_board_boots_anew_with_its_new_image_and_joins_again():
    mesh = chain(2)
    mesh.serve()
    mesh.send(FIRMWARE.announce(dest=1002), pause_s=0)
    assert mesh.world.run_until(lambda: mesh.running() == [1002], limit_s=10)
    assert mesh.world.run_until(mesh.world.converged, limit_s=10)
    board = mesh.boards[1002]
    assert (board.starts, mesh.hosts[1002].boots) == (2, 2)
    assert mesh.send(FIRMWARE.announce(dest=1002)) == []


def test_a_staged_image_boots_whatever_the_reason_for_the_restart():
    mesh = chain(1)
    mesh.send(FIRMWARE.announce(), *(FIRMWARE.data(part) for part in range(10)))
    mesh.hosts[FIRST].reboot(downtime_us=100_000)
    mesh.world.run_for(1)
    assert mesh.running() == [FIRST]
    mesh.world.run_for(5)
    assert mesh.hosts[FIRST].boots == 2, "the restart that was due is forgotten with the node that planned it"


def test_a_board_may_reboot_after_a_time():
    mesh = chain(2, {1002: Board("sensor", faults=UpdateFaults(reboot_after_us=30_000_000))})
    mesh.world.run_for(100)
    assert mesh.hosts[1002].boots == 2
    assert mesh.boards[1002].running == FACTORY_IMAGE


def test_a_board_with_a_broken_image_stays_dark():
    packed = Firmware(data=gzip.compress(FIRMWARE.bytes, mtime=0)[:-20])
    mesh = chain(2, {1002: Board("sensor", "ESP8266")})
    parts = [packed.data(part, dest=1002, hardware="ESP8266") for part in range(len(packed.parts))]
    mesh.send(packed.announce(dest=1002, hardware="ESP8266"), *parts, pause_s=100)
    assert not mesh.hosts[1002].alive
    assert not mesh.boards[1002].bootable
    assert mesh.sender.node.nodes() == [1001]


def test_a_board_of_2019_is_updated_by_an_announce_before_every_part():
    mesh = chain(2, {1002: Board("sensor", upstream_2019=True)})
    for part in range(10):
        mesh.send(FIRMWARE.announce(dest=1002))
        mesh.send(FIRMWARE.data(part, dest=1002))
    mesh.world.run_for(2)
    assert mesh.running() == [1002]


def test_a_full_board_never_changes():
    mesh = chain(1, {FIRST: Board("sensor", flash=Flash(slot_bytes=4000))})
    mesh.serve()
    mesh.send(FIRMWARE.announce(), pause_s=400)
    assert mesh.boards[FIRST].running == FACTORY_IMAGE


def test_a_run_with_faults_is_a_function_of_its_seeds():
    def run(seed):
        rng = Random(seed)
        boards = {
            FIRST + index: Board("sensor", faults=UpdateFaults(lose_share=0.2, rng=rng)) for index in range(4)
        }
        mesh = chain(4, boards, seed=seed)
        service = mesh.serve()
        mesh.send(FIRMWARE.announce(routing=2, dest=0), pause_s=300)
        assert len(mesh.running()) == 4
        return [(second, request["from"], request["partNo"]) for second, request in service.requests]

    assert run(1) == run(1)
    assert run(1) != run(2)
