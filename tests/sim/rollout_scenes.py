"""Rollouts in virtual time: a fleet of two kinds of hardware and two roles, and the gateway that updates it."""

import hashlib
from random import Random

from meshward.ota.states import NodeState
from meshward.rollout.spec import Health, RolloutSpec, Target, Wave
from meshward.rollout.states import FINAL
from meshward.sim.board import Board, boards_on_hosts
from meshward.sim.flash import Flash, Image
from meshward.sim.gateway import SimGateway, SimImages, booted
from meshward.sim.world import World
from meshward.topologies import parents

FIRST_ID = 1001
GATEWAY_ID = 1
ROLES = ("sensor", "gate")
HARDWARE = ("ESP32", "ESP8266")
SOAK_S = 30.0


def waves(soak_s=SOAK_S, **last):
    return (
        Wave(name="canary", size="2", soak_s=soak_s, success_min="100%", errors_max="0"),
        Wave(name="early", size="25%", soak_s=soak_s),
        Wave(name="everyone", soak_s=soak_s, **last),
    )


class RolloutScene:
    """A mesh of boards that all run an old image, and a gateway that has a new one."""

    def __init__(
        self, seed, *, n=40, kind="random", parts=8, part_bytes=1024, loop_ms=10, images=None, **board
    ):
        self.seed = seed
        self.rng = Random(f"{seed}/rollout")
        self.images = SimImages(part_bytes)
        self.old = {hardware: self.image(parts, "old") for hardware in HARDWARE}
        self.new = {hardware: self.image(parts, "new") for hardware in HARDWARE}
        self.boards = {}
        for index in range(n):
            hardware = HARDWARE[index % 4 == 3]
            flash = Flash(Image.of(self.images.content[self.old[hardware]]), gzip=hardware == "ESP8266")
            flash.md5_file = self.md5(self.old[hardware])
            self.boards[FIRST_ID + index] = Board(ROLES[index % 5 == 4], hardware, flash=flash, **board)
        self.world = World(seed=seed)
        self.hosts = self.world.build(
            parents(kind, n, 4, self.rng), FIRST_ID, loop_ms=loop_ms, setup=boards_on_hosts(self.boards)
        )
        host = self.world.add_node(GATEWAY_ID, listening=False)
        host.dial([self.hosts[0]])
        assert self.world.run_until(self.world.converged, 120)
        self.gateway = SimGateway(host, self.images, seed)
        self.rollout_id = ""

    def image(self, parts, name):
        data = b"\xe9" + self.rng.randbytes(parts * self.images.part_bytes - 100)
        sha256 = hashlib.sha256(data).hexdigest()
        self.images.content[sha256] = data
        return sha256

    def md5(self, sha256):
        return hashlib.md5(self.images.content[sha256]).hexdigest()

    def spec(self, **changes):
        values = {
            "name": "test",
            "images": tuple(self.new.values()),
            "target": Target(roles=ROLES[:1]),
            "waves": waves(),
            "rollback_to": tuple(self.old.values()),
            "health": Health(),
        }
        return RolloutSpec(**{**values, **changes})

    def start(self, **changes):
        self.rollout_id = self.gateway.create(self.spec(**changes), self.new, self.old)
        return self

    @property
    def doc(self):
        return self.gateway.doc(self.rollout_id)

    def ended(self):
        return self.gateway.kills >= 0 and self.doc.state in FINAL

    def run(self, limit_s=3000):
        assert self.world.run_until(self.ended, limit_s, step_us=500_000), self.where()
        return self

    def run_until_state(self, state, limit_s=1500):
        assert self.world.run_until(lambda: self.doc.state == state, limit_s, step_us=200_000), self.where()
        return self

    def where(self):
        doc = self.doc
        states = {}
        for entry in doc.nodes:
            states.setdefault(entry.state.value, []).append(entry.node)
        return f"seed {self.seed}: {doc.state} ({doc.reason}), wave {doc.wave}, {states}"

    def targets(self):
        return sorted(node for node, board in self.boards.items() if board.role == ROLES[0])

    def states(self):
        return {entry.node: entry.state for entry in self.doc.nodes}

    def booted(self, node):
        """Images that updates brought to a board, as "old", "new" or "?"."""
        hardware = self.boards[node].hardware
        names = {self.md5(self.old[hardware]): "old", self.md5(self.new[hardware]): "new"}
        return [names.get(md5, "?") for md5 in booted(self.boards[node].flash.booted)]

    def outcome(self):
        """What an undisturbed run and a disturbed one must have in common."""
        doc = self.doc
        return {
            "state": doc.state,
            "waves": [
                (wave.outcome, sorted(e.node for e in doc.nodes if e.wave == index))
                for index, wave in enumerate(doc.waves)
            ],
            "nodes": {e.node: (e.state, e.error) for e in doc.nodes},
            "boards": {node: self.booted(node) for node in self.boards},
        }


GOOD = {NodeState.COMPLETED, NodeState.ALREADY_INSTALLED}


def disturb(scene, kills, *, mean_steps):
    """Kill the gateway so many times, at random steps, and start it again a little later."""
    rng = Random(f"{scene.seed}/disturb")
    gateway = scene.gateway

    def plan_next():
        if gateway.kills < kills:
            gateway.kill_after(1 + int(rng.random() * 2 * mean_steps))

    def look():
        if not gateway.host.alive:
            gateway.restart()
            plan_next()
        scene.world.kernel.after(200_000 + int(rng.random() * 3_000_000), look)

    plan_next()
    look()
    return scene
