"""Images that break the boards of a fleet, and what the boards report, over real TCP."""

import asyncio
import json
import sys

from meshward import Mesh
from meshward.fleet.boards import Setting, StockPlan
from meshward.fleet.commands import Drop, DropLink, Reparent, Restart
from meshward.sim.behaviour import FINE, Behaviour, Behaviours
from meshward.sim.flash import FACTORY_IMAGE
from meshward.sim.stories import Story
from tests.integration.fleets import next_port, running_fleet
from tests.integration.hostile import eventually


def plan(behaviour, **options):
    """Boards whose present image behaves so."""
    return StockPlan(
        downtime_us=50_000,
        behaviours=Behaviours({FACTORY_IMAGE.md5: Behaviour.read(behaviour)}),
        **options,
    )


async def test_a_crash_loop_goes_on_until_the_image_is_fine():
    async with running_fleet(nodes=2, stock=plan("crash-loop:0.3")) as fleet:
        told = []
        fleet.on_restart(lambda image, why: told.append((image.node_id, why)))
        await eventually(lambda: min(image.boots for image in fleet.images()) >= 4)
        assert {image.updates for image in fleet.images()} == {0}
        assert set(told) == {(1001, "crashed"), (1002, "crashed")}
        fleet.plan.stock.behaviours.put(FACTORY_IMAGE.md5, FINE)
        await asyncio.sleep(0.8)  # longer than any life that was under way
        boots = [image.boots for image in fleet.images()]
        await asyncio.sleep(0.5)
        assert [image.boots for image in fleet.images()] == boots
        await eventually(lambda: [tree.size for tree in fleet.trees()] == [2])


async def test_reports_carry_falling_heap_and_the_time_since_the_start():
    stock = plan("leak:10", reports_us=[Setting(200_000, 1002, 1002)])
    async with (
        running_fleet(nodes=2, stock=stock) as fleet,
        Mesh.connect(f"127.0.0.1:{fleet.plan.port}", node_id=1) as mesh,
        asyncio.timeout(20),
    ):
        reports = []
        async for report in mesh.packages(604):
            reports.append(report)
            if len(reports) == 10:
                break
    assert {report["from"] for report in reports} == {1002}
    assert {report["fwMD5"] for report in reports} == {FACTORY_IMAGE.md5}
    memory_kb = [report["mem"] for report in reports]
    assert memory_kb[0] - memory_kb[-1] > 15, "18 KB a second, for 1.6 s or more"
    uptimes_s = [report["uptime"] for report in reports]
    assert uptimes_s == sorted(uptimes_s)
    assert uptimes_s[0] < uptimes_s[-1] <= 11


async def test_an_image_without_radio_keeps_its_board_out_of_the_mesh():
    async with running_fleet(nodes=3, topology="star", stock=StockPlan(downtime_us=50_000)) as fleet:
        fleet.plan.stock.behaviours.put(FACTORY_IMAGE.md5, Behaviour.read("lost-radio"))
        await fleet.apply(Restart(1003))
        assert fleet.meshes() == [{1001, 1002}]
        await eventually(lambda: [tree.size for tree in fleet.trees()] == [2])
        assert [(image.on, image.boots) for image in fleet.images()] == [(True, 1), (True, 1), (False, 2)]
        fleet.plan.stock.behaviours.put(FACTORY_IMAGE.md5, FINE)
        await fleet.apply(Restart(1003))
        await eventually(lambda: [tree.size for tree in fleet.trees()] == [3])


async def test_a_radio_that_is_lost_later_falls_silent_with_its_links_open():
    stock = plan("lost-radio:3")
    async with (
        running_fleet(nodes=1, stock=stock) as fleet,
        Mesh.connect(f"127.0.0.1:{fleet.plan.port}", node_id=1) as mesh,
    ):
        await mesh.ping(1001)
        await eventually(lambda: fleet.meshes() == [])
        assert list(await mesh.ping_all(timeout_s=0.3)) == []
        assert [node.node_id for node in mesh.nodes()] == [1001]  # nobody noticed yet
        assert [(image.on, image.boots) for image in fleet.images()] == [(False, 1)]


async def test_a_silent_image_stays_in_the_mesh():
    async with (
        running_fleet(nodes=2, stock=plan("silent", reports_us=[Setting(100_000)])) as fleet,
        Mesh.connect(f"127.0.0.1:{fleet.plan.port}", node_id=1) as mesh,
    ):
        packages = mesh.packages(11, 604)
        announce = {"type": 10, "routing": 2, "md5": "0" * 32, "hardware": "ESP32", "role": "sensor"}
        await mesh.send_package(announce | {"noPart": 3, "dest": 0, "broadcasted": False})
        await mesh.ping(1002)
        try:
            async with asyncio.timeout(0.5):
                heard = await anext(packages)
        except TimeoutError:
            heard = None
        assert heard is None


async def test_a_slow_image_answers_later():
    async with running_fleet(nodes=1, loop_ms=5, stock=StockPlan()) as fleet:

        async def pings_us():
            async with Mesh.connect(f"127.0.0.1:{fleet.plan.port}", node_id=1) as mesh:
                return [await mesh.ping(1001) for _ in range(5)]

        usual_us = min(await pings_us())
        fleet.plan.stock.behaviours.put(FACTORY_IMAGE.md5, Behaviour("slow", 40.0))
        await fleet.apply(Restart(1001))
        assert usual_us < 50_000 < max(await pings_us())


async def test_flags_and_the_command_behave(tmp_path):
    (tmp_path / "factory.bin").write_bytes(b"as delivered")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meshward", "fleet", "--nodes", "1", "--port", str(next_port()), "--json"),
        *("--kind", "stock", "--downtime", "0.05", "--reports", "0.5"),
        *("--image-behaviour", f"{tmp_path / 'factory.bin'}:crash-loop:0.3"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

    async def event(name):
        async for line in process.stdout:
            entry = json.loads(line)
            if entry["event"] == name:
                return entry
        raise AssertionError((await process.stderr.read()).decode())

    try:
        async with asyncio.timeout(30):
            restarted = await event("restarted")
            assert (restarted["why"], restarted["md5"]) == ("crashed", FACTORY_IMAGE.md5)
            assert (restarted["boots"], restarted["updates"]) >= (2, 0)
            process.stdin.write(b"behave ab900f fine\nquit\n")
            assert await event("behave") == {"event": "behave", "md5": "ab900f", "behaviour": "fine"}
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_boards_of_several_kinds_tell_as_their_firmware_does():
    stock = StockPlan(
        kind="plain",
        kind_of=[Setting("stock", 1002, 1002), Setting("alteriom", 1003, 1003)],
        reports_us=[Setting(100_000)],
    )
    told = {}
    async with (
        running_fleet(nodes=3, stock=stock) as fleet,
        Mesh.connect(f"127.0.0.1:{fleet.plan.port}", node_id=1) as mesh,
        asyncio.timeout(20),
    ):
        async for package in mesh.packages():
            told.setdefault(package["from"], set()).add(package["type"])
            if told == {1002: {604}, 1003: {200, 202, 204, 604, 605}}:
                break
        assert [image.node_id for image in fleet.images()] == [1002, 1003]


async def test_a_board_that_flaps_comes_back_in_the_end():
    async with running_fleet(nodes=3, topology="chain", stock=StockPlan()) as fleet:
        node = fleet._nodes[1]
        node.leave_soon(0.3)
        node.leave_soon(0.3)
        node.move_soon()  # while it is away it does nothing else
        await eventually(lambda: fleet.trees()[0].size == 1)
        await eventually(lambda: fleet.trees()[0].size == 3)
        assert node.parent is fleet._nodes[0]
        await fleet.apply(DropLink(1002))
        await eventually(lambda: fleet.trees()[0].size == 3)


async def test_a_board_that_left_and_is_switched_off_stays_away_until_it_is_switched_on():
    async with running_fleet(nodes=2, stock=StockPlan()) as fleet:
        node = fleet._nodes[1]
        node.leave_soon(0.1)
        await eventually(lambda: fleet.trees()[0].size == 1)
        await fleet.apply(Drop(1002))
        await asyncio.sleep(0.3)
        assert fleet.trees()[0].size == 1
        await fleet.apply(Restart(1002))
        await fleet.wait_converged()
        assert fleet.trees()[0].size == 2


async def test_a_board_moves_by_itself_and_never_below_itself():
    async with running_fleet(nodes=4, topology="star", stock=StockPlan()) as fleet:
        child, grandchild, other = fleet._nodes[1:]
        await fleet.apply(Reparent(1003, 1002))
        await fleet.wait_converged()
        for _ in range(5):
            before = child.parent
            child.move_soon()
            await eventually(lambda before=before: child.parent is not before)
            assert child.parent in {fleet._nodes[0], other}
            await fleet.wait_converged()
        fleet._nodes[0].move_soon()
        await asyncio.sleep(0.05)
        assert fleet._nodes[0].parent is None
        assert grandchild.parent is child


async def test_stories_are_acted_out_by_the_boards_of_a_fleet():
    stories = [Setting(Story("crash", 1.0), 1002, 1002), Setting(Story("silent", 1.0), 1003, 1003)]
    async with running_fleet(
        nodes=3, topology="star", stock=StockPlan(downtime_us=50_000, stories=stories)
    ) as fleet:
        told = []
        fleet.on_restart(lambda image, why: told.append((image.node_id, why)))
        await eventually(lambda: told[:2] == [(1002, "crashed"), (1002, "crashed")])
        assert not fleet._nodes[2].on


async def test_meshward_boards_send_telemetry_over_tcp_whoever_is_hostile():
    stock = StockPlan(
        kind="meshward", telemetry_us=1_000_000, stories=[Setting(Story("hostile", 50.0), 1003, 1003)]
    )
    told = set()
    async with (
        running_fleet(nodes=3, topology="star", stock=stock) as fleet,
        Mesh.connect(f"127.0.0.1:{fleet.plan.port}", node_id=1) as mesh,
        asyncio.timeout(20),
    ):
        await mesh.send_package({"type": 713, "routing": 2})
        async for package in mesh.packages(712):
            told.add(package["from"])
            if told >= {1001, 1002, 1003}:
                break
        assert [tree.size for tree in fleet.trees()] == [4]
