"""The gateway's real service in process, with a mesh that tests make up and a disk that stops taking writes."""

import asyncio
from contextlib import asynccontextmanager

from meshnode.tree import Tree
from meshward.firmware.synthetic import synthetic_image
from meshward.gateway.core_service import CoreService
from meshward.gateway.service import Caller
from meshward.rollout.spec import RolloutSpec, Target, Wave
from meshward.store import nodes
from meshward.store.database import Database
from meshward.store.layout import DATABASE, FIRMWARE
from meshward.store.library import Library

OWN_ID = 1
OPERATOR = Caller("olga", "operator", "t1")
NOW_S = 1_800_000_000.0
APP = synthetic_image(20_000, hardware="ESP32", project="lamp", version="2.0")
APP_8266 = synthetic_image(20_000, hardware="ESP8266", version="2.0")


class Clock:
    """Both clocks of the gateway, moved by the test."""

    def __init__(self):
        self.s = NOW_S

    def now_s(self):
        return self.s

    def now_us(self):
        return int(self.s * 1e6)


def mesh(*ids, depths=None):
    """Our node with all others below it, or at these depths, in preorder."""
    return Tree([OWN_ID, *ids], [0, *(depths or [1] * len(ids))])


@asynccontextmanager
async def opened_service(data, clock=None, **options):
    clock = clock or Clock()
    async with Database(data / DATABASE) as database:
        service = CoreService(
            database,
            Library(data / FIRMWARE),
            now_s=clock.now_s,
            now_us=clock.now_us,
            fixed={"data": "x"},
            **options,
        )
        await service.open()
        yield service


async def see(service, *ids, depths=None):
    """The mesh as it is now, as the conductor tells of it."""
    tree = mesh(*ids, depths=depths)
    service.monitor.on_tree(tree, service.now_us())
    moved = service.book.on_tree(tree, service.now_s())
    service.mesh_connected = bool(ids)
    for node in moved.joined:
        service.engine.known.setdefault(node, service.book.known(node))
    service.engine.on_tree(tree, service.now_us())
    await service.database.write(nodes.seen, moved.placed, service.now_s())
    await service.database.write(nodes.left, moved.left, service.now_s())
    return moved


def hear(service, node, **package):
    """A package of a node, package 604 where nothing else is said, which our neighbour passed on."""
    whole = {"type": 604, "routing": 2, "dest": 0, "from": node, **package}
    service.monitor.on_package(whole, None, service.now_us())


async def live(service, clock, seconds=5.0):
    """Let time pass, a second each, with the monitor at work and what it says kept; returns what it sends."""
    sent = []
    end_s = clock.s + seconds
    while clock.s < end_s:
        clock.s += 1
        service.monitor.wall_s = clock.s
        sent += [command.package for command in service.monitor.commands(service.now_us())]
        await service.keep_health()
    return sent


async def add(service, content=APP, name="lamp.bin", notes="", caller=OPERATOR):
    """Add a firmware file, in chunks."""
    return await service.add_firmware(chunks(content), name=name, notes=notes, caller=caller)


async def chunks(content, size=16_384):
    for start in range(0, len(content), size):
        yield content[start : start + size]


def spec(*images, **changes):
    """A rollout of one wave that soaks."""
    values = {
        "name": "trial",
        "images": images,
        "target": Target(roles=("sensor",)),
        "waves": (Wave(name="everyone", soak_s=60.0),),
        "on_failure": "pause",
    }
    return RolloutSpec(**{**values, **changes})


async def take_no_writes(database, taken=False):
    """Have the database refuse every write, as on a disk that was mounted read-only; or take them again."""
    await asyncio.get_running_loop().run_in_executor(
        database._writer, database._write_connection.execute, f"PRAGMA query_only = {int(not taken)}"
    )
