"""Updates in virtual time: boards in a mesh, a sender beside them, what befalls them, and what must hold after."""

import hashlib
from random import Random

from meshward.ota.frames import Offer
from meshward.ota.parts import Parts
from meshward.ota.record import NodeRecord
from meshward.ota.shape import Shape
from meshward.ota.states import GOOD
from meshward.ota.update import Options, Update
from meshward.sim.board import Board, boards_on_hosts
from meshward.sim.sender import SimSender
from meshward.sim.world import World
from meshward.topologies import parents

FIRST_ID = 1001
SENDER_ID = 1
ROLE, HARDWARE = "sensor", "ESP32"


class Scene:
    """One mesh of boards, one image, and the sender that is to bring it to them."""

    def __init__(
        self,
        seed,
        strategy="broadcast",
        *,
        kind="random",
        n=12,
        parts=20,
        part_bytes=1024,
        prepare=None,
        loss=0.0,
        loop_ms=10,
        sender_loop_ms=None,
        slow=(),
        image_bytes=None,
        **options,
    ):
        """`prepare(scene)` changes the boards before they start. `slow`: indices of boards with 40 ms loops."""
        self.rng = Random(f"{seed}/{strategy}/{kind}/{n}")
        self.image = b"\xe9" + self.rng.randbytes((image_bytes or parts * part_bytes - 100) - 1)
        self.part_bytes = part_bytes
        self.parts_count = len(Parts(self.image, part_bytes))
        self.offer = Offer(hashlib.md5(self.image).hexdigest(), HARDWARE, ROLE)
        self.options = Options(strategy=strategy, **options)
        self.boards = {FIRST_ID + index: Board(ROLE, HARDWARE) for index in range(n)}
        self.hopeless = {}  # node id -> states and a word of the reason it must end with
        self.sender = None
        if prepare is not None:
            prepare(self)
        setup = boards_on_hosts(self.boards)
        if loss:
            setup = _losing(setup, Random(f"loss {seed}"), loss)
        self.setup = setup
        self.world = World(seed=seed)
        self.hosts = []
        for index, parent in enumerate(parents(kind, n, 4, self.rng)):
            host = self.world.add_node(
                FIRST_ID + index, loop_ms=40 if index in slow else loop_ms, setup=setup
            )
            if parent is not None:
                host.dial([self.hosts[parent]])
            self.hosts.append(host)
        self.gateway = self.add_sender_host(SENDER_ID, self.hosts[0], sender_loop_ms)
        assert self.world.run_until(self.world.converged, 120)

    # -- senders -----------------------------------------------------------------------

    def add_sender_host(self, node_id, neighbour, loop_ms=None):
        host = self.world.add_node(node_id, listening=False, loop_ms=loop_ms)
        host.dial([neighbour])
        return host

    def update(self, *, restored=(), image=None):
        """A new update, of this scene's image or another."""
        data = self.image if image is None else image
        offer = Offer(hashlib.md5(data).hexdigest(), HARDWARE, ROLE)
        return Update(offer, Parts(data, self.part_bytes), self.options, self.rng, restored=restored)

    def start(self, *, restored=()):
        """Let the sender begin; the update that ends is the scene's."""
        self.sender = SimSender(self.gateway, self.update(restored=restored))
        return self

    def kill_sender(self):
        """The sender's program is gone; what its journal would have of the nodes."""
        snapshots = [record.snapshot() for record in self.sender.update.records.values()]
        self.sender.stop()
        return snapshots

    def restart_sender(self, snapshots, after_s):
        """Start it again later, from its journal or (None) knowing nothing."""
        self.sender = None
        records = [NodeRecord.restored(snapshot) for snapshot in snapshots or ()]
        self.after(after_s, lambda: self.start(restored=records))

    # -- time --------------------------------------------------------------------------

    def after(self, seconds, do):
        self.world.kernel.after(round(seconds * 1e6), do)

    def run(self, limit_s=1500):
        assert self.world.run_until(self.ended, limit_s, step_us=100_000), self.open_records()
        return self

    def ended(self):
        return self.sender is not None and self.sender.ended_us is not None

    # -- what came of it ---------------------------------------------------------------

    @property
    def result(self):
        return self.sender.update

    def open_records(self):
        records = self.sender.update.records.values() if self.sender is not None else ()
        return [record for record in records if not record.is_final]

    def runs_image(self, node_id):
        running = self.boards[node_id].running
        return running is not None and running.md5 == self.offer.md5

    def is_right(self, node_id):
        board = self.boards[node_id]
        return (board.role, board.hardware) == (ROLE, HARDWARE)

    def path(self, node_id):
        return Shape(self.gateway.node.tree()).path(node_id)

    def assert_as_it_should_be(self):
        """Every right node completed, every other with a true reason, no wrong image, no link starved."""
        records = self.result.records
        assert set(self.boards) <= set(records)
        for node_id, board in self.boards.items():
            record = records[node_id]
            assert (record.state in GOOD) == self.runs_image(node_id), record
            if node_id in self.hopeless:
                states, words = self.hopeless[node_id]
                assert record.state in states, record
                assert any(word in record.reason for word in words), record
            elif self.is_right(node_id):
                assert record.state in GOOD, record
            else:
                assert record.state == "not_targeted", record
                assert "role" in record.reason
                assert not board.flash.booted
            wrong = [image for image in board.flash.booted if image is None or image.md5 != self.offer.md5]
            assert not wrong, record
        assert not self.silence_closes()

    def silence_closes(self):
        """Links that a node gave up because nothing came over them."""
        return [
            (host.node_id, reason)
            for host in self.world.hosts
            for reason in host.close_reasons
            if "silent" in reason
        ]


def _losing(setup, rng, share):
    """Relays that lose frames at random: those they pass on, not those between neighbours."""

    def set_up(host):
        setup(host)
        relay = host.node.relay
        pass_on = relay.relay

        def lossy(source, targets, frame, now_us):
            pass_on(source, [target for target in targets if rng.random() >= share], frame, now_us)

        relay.relay = lossy

    return set_up
