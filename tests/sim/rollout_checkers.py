"""What must hold of every rollout, looked at from outside: the boards' flash, and what was sent to whom."""

from collections import Counter, defaultdict

from meshward.ota.states import FINAL as FINAL_NODE
from meshward.ota.states import NodeState
from meshward.rollout.states import FINAL
from meshward.store import audit
from tests.sim.rollout_scenes import GOOD


class FlashWatch:
    """How many bytes of which image, "old" or "new", were written to the flash of every board."""

    def __init__(self, scene):
        self._names = {scene.md5(sha256): "old" for sha256 in scene.old.values()}
        self._names |= {scene.md5(sha256): "new" for sha256 in scene.new.values()}
        self.written = defaultdict(Counter)
        for node, board in scene.boards.items():
            self._watch(node, board.flash)

    def _watch(self, node, flash):
        write = flash.write

        def watched(data):
            if data and flash.updating:
                self.written[node][self._names.get(flash._update.md5, "?")] += len(data)
            return write(data)

        flash.write = watched

    def touched(self):
        """Boards that took any part of any image."""
        return set(self.written)


def flashed(scene):
    """The boards that ever started an image that an update brought."""
    return {node for node in scene.boards if scene.booted(node)}


def assert_only(scene, nodes):
    """Nobody else was ever touched."""
    assert flashed(scene) <= set(nodes), (
        f"{scene.where()}: {sorted(flashed(scene) - set(nodes))} were flashed"
    )


def assert_sound(scene):
    """What holds at every moment and in every state."""
    doc = scene.doc
    assert_only(scene, scene.targets())
    for node, board in scene.boards.items():
        assert board.running is not None, f"{scene.where()}: board {node} does not start any more"
        assert set(scene.booted(node)) <= {"new", "old"}
    entries = Counter(entry.node for entry in doc.nodes)
    assert max(entries.values(), default=1) == 1, "two entries for one node"
    for entry in doc.nodes:
        if entry.state is NodeState.COMPLETED:
            assert runs_new(scene, entry.node), f"{scene.where()}: {entry.node} does not run the image"


def assert_ended_well(scene):
    """After the end: every node has a final state, which says what the board runs."""
    assert_sound(scene)
    assert scene.doc.state in FINAL, scene.where()
    for entry in scene.doc.nodes:
        assert entry.state in FINAL_NODE, f"{scene.where()}: {entry.node} is {entry.state}"
        if entry.state is NodeState.ROLLED_BACK:
            assert not runs_new(scene, entry.node)
    for node in flashed(scene):
        entry = next(entry for entry in scene.doc.nodes if entry.node == node)
        assert entry.touched, f"{node} was flashed, and nobody wrote that down"


def assert_updated_once(scene):
    """Every target got the image exactly once, and nobody else got any."""
    assert_ended_well(scene)
    assert scene.doc.state == "completed", scene.where()
    for node in scene.boards:
        expected = ["new"] if node in scene.targets() else []
        assert scene.booted(node) == expected, f"{scene.where()}: {node} started {scene.booted(node)}"
    states = scene.states()
    assert all(states[node] in GOOD for node in scene.targets())


def assert_store_sound(scene):
    """The store is intact, and its audit log unbroken."""
    connection = scene.gateway.connection
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert audit.verify(connection).ok


def assert_wave_order(scene):
    """No board of a wave took the image before all waves before it had passed."""
    doc = scene.doc
    for earlier, later in zip(doc.waves, doc.waves[1:], strict=False):
        if later.started_s is not None:
            assert earlier.outcome in {"passed", "skipped"}
            assert earlier.ended_s is not None
            assert earlier.ended_s <= later.started_s
    for entry in doc.nodes:
        if entry.state is NodeState.COMPLETED and entry.wave is not None:
            wave = doc.waves[entry.wave]
            assert wave.started_s is not None
            assert wave.started_s <= entry.updated_at_s


def runs_new(scene, node):
    """Whether a board runs the new image for its hardware."""
    board = scene.boards[node]
    return board.running is not None and board.running.md5 == scene.md5(scene.new[board.hardware])


def idle(scene, node):
    """Whether nothing of an update is left on a board."""
    return scene.boards[node].receiver.part == 0
