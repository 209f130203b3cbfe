"""The virtual fleet: real nodes over real TCP, switched and moved."""

import asyncio

import pytest

from meshward import Mesh
from meshward.errors import FleetError, FleetPortError
from meshward.fleet.boards import Setting, StockPlan
from meshward.fleet.commands import Drop, DropLink, Kill, Reparent, Restart
from meshward.fleet.fleet import VirtualFleet
from tests.integration.fleets import running_fleet
from tests.integration.hostile import eventually


def shape(tree):
    """A tree as nested ids, subs in order of their ids."""
    return tree.node_id, sorted(shape(sub) for sub in tree.subs)


async def changed(fleet, change):
    """Carry a change out, and wait until the mesh agrees about it."""
    await fleet.apply(change)
    async with asyncio.timeout(30):
        await fleet.wait_converged()


async def test_nodes_have_the_ids_ports_and_places_of_the_plan():
    async with running_fleet(nodes=6, topology="tree", fan_out=2, first_id=500) as fleet:
        (tree,) = fleet.trees()
        assert shape(tree) == (500, [(501, [(503, []), (504, [])]), (502, [(505, [])])])
        async with Mesh.connect(f"127.0.0.1:{fleet.plan.port + 4}", node_id=1) as mesh:
            assert mesh.nodes()[0].node_id == 504
            assert mesh.topology().size == 7


@pytest.mark.parametrize("topology", ["chain", "star", "random"])
async def test_every_topology_becomes_one_mesh(topology):
    async with running_fleet(nodes=12, topology=topology) as fleet:
        assert fleet.meshes() == [set(range(1001, 1013))]
        assert all(tree.size == 12 for tree in fleet.trees())


async def test_boards_with_a_slow_main_loop_become_one_mesh_too():
    slow = {"loop_ms": 2, "bytes_per_loop": 50}
    async with (
        running_fleet(nodes=6, topology="chain", **slow) as fleet,
        Mesh.connect(f"127.0.0.1:{fleet.plan.port}", node_id=1) as mesh,
    ):
        # A question waits for the next pass at each hop, and leaves in pieces of 50 bytes.
        assert await mesh.ping(1006) > await mesh.ping(1001) + 5 * 2_000


async def test_a_node_can_be_dropped_and_restarted():
    async with running_fleet(nodes=4, topology="chain") as fleet:
        await changed(fleet, Drop(1002))
        assert fleet.meshes() == [{1001}, {1003, 1004}]
        assert [tree.size for tree in fleet.trees()] == [1, 2]
        await changed(fleet, Restart(1002))
        assert [tree.size for tree in fleet.trees()] == [4]


async def test_a_node_that_is_on_can_be_restarted():
    async with running_fleet(nodes=3, topology="star") as fleet:
        await changed(fleet, Restart(1003))
        assert fleet.meshes() == [{1001, 1002, 1003}]


async def test_a_node_moves_with_all_below_it():
    async with running_fleet(nodes=4, topology="chain") as fleet:
        await changed(fleet, Reparent(1003, 1001))
        await eventually(
            lambda: [shape(tree) for tree in fleet.trees()] == [(1001, [(1002, []), (1003, [(1004, [])])])]
        )


async def test_a_node_that_is_off_moves_at_its_next_boot():
    async with running_fleet(nodes=3, topology="chain") as fleet:
        await fleet.apply(Drop(1003))
        await fleet.apply(Reparent(1003, 1001))
        await changed(fleet, Restart(1003))
        await eventually(
            lambda: [shape(tree) for tree in fleet.trees()] == [(1001, [(1002, []), (1003, [])])]
        )


async def test_a_killed_node_falls_silent_with_its_links_open():
    async with running_fleet(nodes=3, topology="star") as fleet:
        async with Mesh.connect(f"127.0.0.1:{fleet.plan.port}", node_id=1) as mesh:
            await mesh.ping(1003)
            await fleet.apply(Kill(1003))
            assert list(await mesh.ping_all(timeout_s=0.3)) == [1001, 1002]
            assert 1003 in [node.node_id for node in mesh.nodes()]  # nobody noticed yet
        await changed(fleet, Restart(1003))


async def test_a_link_that_was_dropped_is_dialed_again():
    async with running_fleet(nodes=3, topology="chain") as fleet:
        link = fleet._nodes[2]._dialer.connection
        await changed(fleet, DropLink(1003))
        await eventually(lambda: fleet._nodes[2]._dialer.connection not in (None, link))
        await eventually(lambda: [tree.size for tree in fleet.trees()] == [3])


async def test_a_board_that_restarts_resets_its_links_and_comes_back():
    stock = StockPlan(downtime_us=100_000, reboot_at=[Setting(0, 1002, 1002)])
    async with running_fleet(nodes=3, topology="chain", stock=stock) as fleet:
        told = []
        fleet.on_restart(lambda image, why: told.append((image.node_id, image.boots, image.updates, why)))
        fleet._nodes[1].stock.receiver.reboot_at(0, "fault")
        fleet._nodes[1]._board._node._rearm()
        fleet._nodes[1]._runner._on_due()
        await eventually(lambda: fleet.meshes() == [{1001}, {1003}])
        await eventually(lambda: told == [(1002, 2, 0, "fault")])
        await eventually(lambda: [tree.size for tree in fleet.trees()] == [3])


async def test_a_board_that_restarts_can_be_switched_off_and_on_meanwhile():
    async with running_fleet(nodes=2, stock=StockPlan(downtime_us=60_000_000)) as fleet:
        fleet._nodes[1].stock.receiver.reboot_at(0, "fault")
        fleet._nodes[1]._board._node._rearm()
        fleet._nodes[1]._runner._on_due()
        await eventually(lambda: fleet.meshes() == [{1001}])
        await changed(fleet, Restart(1002))
        assert fleet.meshes() == [{1001, 1002}]
        assert [image.boots for image in fleet.images()] == [1, 2]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (Drop(999), "no node 999 in this fleet; it has 1001 to 1003"),
        (Reparent(1003, 999), "no node 999"),
        (Reparent(1002, 1003), "ring"),
        (Reparent(1002, 1002), "ring"),
        (Reparent(1001, 1003), "ring"),
    ],
)
async def test_changes_that_cannot_be_are_refused(change, complaint):
    async with running_fleet(nodes=3, topology="chain") as fleet:
        with pytest.raises(FleetError, match=complaint):
            await fleet.apply(change)
        assert fleet.meshes() == [{1001, 1002, 1003}]


async def test_a_port_in_use_is_named_and_nothing_is_left_behind():
    async with running_fleet(nodes=3) as fleet:
        port = fleet.plan.port + 2
        with pytest.raises(FleetPortError, match=f"port {port} .*in use.*choose another"):
            async with VirtualFleet(type(fleet.plan)(nodes=3, port=port)):
                pass
        assert fleet.meshes() == [{1001, 1002, 1003}]
    assert asyncio.all_tasks() == {asyncio.current_task()}
