"""The gateway in virtual time: the rollout engine and a real store on a host, to be killed at any moment."""

import sqlite3
from collections.abc import Sequence
from random import Random

from meshward.errors import StoreError
from meshward.ota.frames import Offer
from meshward.ota.parts import Parts
from meshward.rollout.documents import RolloutDoc, WaveEntry
from meshward.rollout.engine import Engine, EngineSettings
from meshward.rollout.runs import Payload
from meshward.rollout.spec import RolloutSpec, Transfer
from meshward.rollout.states import Action, RolloutState
from meshward.rollout.targets import KnownNode
from meshward.sim.flash import Image
from meshward.sim.host import Host
from meshward.sim.sender import SimSender
from meshward.store import apply, nodes, rollouts
from meshward.store.connection import MEMORY, open_connection

WALL_S = 1_767_225_600.0
"""Unix time when the world begins: 2026-01-01."""


class SimImages:
    """A firmware library in memory: content by SHA-256, cut into parts of one size."""

    def __init__(self, part_bytes: int) -> None:
        self.part_bytes = part_bytes
        self.content: dict[str, bytes] = {}

    def payload(self, image: str, hardware: str, role: str, transfer: Transfer) -> Payload:  # noqa: ARG002
        """The firmware as it is, uncompressed."""
        data = self.content.get(image)
        if data is None:
            raise StoreError(f"firmware {image[:12]} is not in the library any more: put it there again")
        return Payload(Offer(Image.of(data).md5, hardware, role), Parts(data, self.part_bytes))


class SimGateway:
    """What `meshward run` is in a real mesh. Its store outlives it, as a disk does."""

    def __init__(self, host: Host, images: SimImages, seed: int, *, probe_every_s: float = 30.0) -> None:
        self.host = host
        self.images = images
        self.connection = open_connection(MEMORY)
        self.settings = EngineSettings(probe_every_us=int(probe_every_s * 1e6))
        self.created = 0
        self.kills = 0
        self.steps_left: int | None = None
        """Steps until it is killed: before a step is stored, after it, or while its frames are sent."""
        self._seed = seed
        self._rng = Random(f"{seed}/kills")  # noqa: S311  to be repeatable is the point
        self.engine: Engine
        self.sender: SimSender[Engine]
        self._start()

    # -- what a user does --------------------------------------------------------------------

    def create(self, spec: RolloutSpec, images: dict[str, str], back: dict[str, str] | None = None) -> str:
        """A new rollout; `images` and `back` are hardware to SHA-256."""
        self.created += 1
        doc = RolloutDoc(
            id=f"r{self.created}",
            spec=spec,
            state=RolloutState.AWAITING_APPROVAL if spec.approval else RolloutState.SCHEDULED,
            images=images,
            back=back or {},
            waves=[WaveEntry() for _ in spec.waves],
            created_by="test",
            created_s=self.wall_s,
        )
        self.engine.add(doc, self._now_us)
        self.sender.step()
        return doc.id

    def act(self, rollout_id: str, action: Action, reason: str = "") -> None:
        """Do something with a rollout."""
        doc = rollouts.get(self.connection, rollout_id)
        if rollout_id in self.engine.rollouts:
            doc = self.engine.rollouts[rollout_id].doc
        self.engine.act(doc, action, "test", reason, self._now_us)
        self.sender.step()

    def doc(self, rollout_id: str) -> RolloutDoc:
        """A rollout as it is stored."""
        return rollouts.get(self.connection, rollout_id)

    # -- what can befall it ------------------------------------------------------------------

    def kill_after(self, steps: int) -> None:
        """Kill it in the middle of the step after so many."""
        self.steps_left = steps

    def kill(self) -> None:
        """`kill -9`: the process is gone, and its links with it."""
        self.kills += 1
        self.steps_left = None
        self.sender.stop()
        if self.host.alive:
            self.host.kill("reset")

    def restart(self) -> None:
        """Start it again, from a copy of its store, as if the disk had been moved to another machine."""
        copy = sqlite3.connect(MEMORY, isolation_level=None)
        copy.deserialize(self.connection.serialize())
        self.connection.close()
        self.connection = copy
        self.host.boot()
        self._start()

    # -- inside ------------------------------------------------------------------------------

    @property
    def wall_s(self) -> float:
        """Unix time."""
        return WALL_S + self._now_us / 1e6

    @property
    def _now_us(self) -> int:
        return self.host.world.kernel.now_us

    def _start(self) -> None:
        rng = Random(f"{self._seed}/gateway/{self.kills}")  # noqa: S311  as above
        self.engine = Engine(self.images, rng, self.settings)
        self.engine.wall_s = self.wall_s
        self.engine.known = {row.id: _known(row) for row in nodes.load_all(self.connection)}
        active = rollouts.load_active(self.connection)
        health = rollouts.load_health(self.connection)
        clock_us = rollouts.last_clock_us(self.connection)
        self.engine.restore(active.rollouts, active.runs, health, self._now_us, clock_us)
        self.sender = SimSender(self.host, self.engine, on_step=self._step)

    def _step(self) -> None:
        """Store what the engine did, before anything of it is sent; or be killed right there."""
        dies = self._dies()
        place = self._rng.random() if dies else 1.0
        changes = self.engine.take_changes()
        if place >= 0.3 and changes:
            apply.apply(self.connection, changes, self.wall_s)
        self.engine.wall_s = self.wall_s
        if dies and place < 0.65:
            self.kill()
        elif dies:
            self.host.world.kernel.after(0, self.kill)

    def _dies(self) -> bool:
        if self.steps_left is None:
            return False
        self.steps_left -= 1
        return self.steps_left < 0


def _known(row: nodes.NodeRow) -> KnownNode:
    return KnownNode(
        row.id,
        row.hardware,
        row.role,
        frozenset(row.tags),
        row.version,
        row.firmware,
        row.exclusion_reason if row.excluded else None,
    )


def booted(board_images: Sequence[Image | None]) -> list[str]:
    """MD5 of every image that updates brought to a board, in order; "" for one that did not start."""
    return ["" if image is None else image.md5 for image in board_images]
