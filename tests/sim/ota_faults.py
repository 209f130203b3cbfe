"""What can befall an update: each a change to a scene's boards before it starts, or a plan of what happens in it."""

from functools import partial

from meshward.sim.board import Board
from meshward.sim.faults import UpdateFaults
from meshward.sim.flash import Flash
from meshward.sim.sender import SimSender
from tests.sim.ota_scenes import Scene

LATE_ID = 1099
NO_ROOM = ({"failed"}, ("slot", "flash", "room"))
AWAY = ({"lost", "unreachable"}, ("did not come back", "answers nothing"))


def some(scene, count):
    return scene.rng.sample(sorted(scene.boards.items()), count)


# Before the start.


def one_or_two_parts_lost(scene):
    for _, board in some(scene, len(scene.boards) // 2):
        lost = [scene.rng.randrange(scene.parts_count) for _ in range(scene.rng.choice((1, 2)))]
        board.faults = UpdateFaults(lose_parts=lost)


def a_part_lost_twice(scene):
    for _, board in some(scene, 3):
        board.faults = UpdateFaults(lose_parts=[scene.rng.randrange(scene.parts_count)] * 2)


def last_part_lost(scene):
    for _, board in some(scene, 4):
        board.faults = UpdateFaults(lose_parts=[scene.parts_count - 1])


def first_part_lost(scene):
    for _, board in some(scene, 4):
        board.faults = UpdateFaults(lose_parts=[0])


def boards_restart(scene):
    for _, board in some(scene, 2):
        board.faults = UpdateFaults(reboot_at_part=scene.rng.randrange(scene.parts_count))


def others_in_the_mesh(scene):
    for index, (_, board) in enumerate(some(scene, 4)):
        if index % 2:
            board.role = "gate"
        else:
            board.hardware = "ESP8266"


def some_of_2019(scene):
    for _, board in some(scene, 3):
        board.upstream_2019 = True


def all_of_2019(scene):
    for board in scene.boards.values():
        board.upstream_2019 = True


def some_full(scene):
    for node_id, board in some(scene, 2):
        board.flash = Flash(slot_bytes=len(scene.image) // 2)
        scene.hopeless[node_id] = NO_ROOM


def flash_fails(scene):
    for node_id, board in some(scene, 2):
        board.faults = UpdateFaults(fail_write_at_part=scene.rng.randrange(scene.parts_count))
        scene.hopeless[node_id] = NO_ROOM


def flash_fails_once(scene):
    for _, board in some(scene, 2):
        board.faults = UpdateFaults(fail_write_at_part=scene.rng.randrange(scene.parts_count), fail_writes=1)


# While it runs. Each is called once the sender has started, with the mesh whole.


def relays_restart(scene):
    scene.after(scene.rng.random() * 6, lambda: scene.rng.choice(scene.hosts).reboot())
    scene.after(scene.rng.random() * 6, lambda: scene.hosts[0].reboot(3_000_000))


def a_node_moves(scene):
    scene.after(scene.rng.random() * 6, partial(_move, scene))


def _move(scene):
    if len(scene.gateway.node.nodes()) < len(scene.hosts):
        scene.after(1, partial(_move, scene))
        return
    host = scene.rng.choice(scene.hosts[1:])
    elsewhere = [other for other in scene.hosts if host.node_id not in scene.path(other.node_id)]
    host.reparent(scene.rng.choice(elsewhere))


def killed_and_resumed(scene):
    scene.after(scene.rng.random() * 12, partial(_kill, scene, with_journal=True))


def killed_and_begun_anew(scene):
    scene.after(scene.rng.random() * 12, partial(_kill, scene, with_journal=False))


def killed_twice(scene):
    scene.after(2 + scene.rng.random() * 3, partial(_kill, scene, with_journal=True, pause_s=2))
    scene.after(8 + scene.rng.random() * 3, partial(_kill, scene, with_journal=True, pause_s=2))


def _kill(scene, *, with_journal, pause_s=20):
    if scene.sender is None or scene.ended():
        return
    snapshots = scene.kill_sender()
    scene.restart_sender(snapshots if with_journal else None, scene.rng.random() * pause_s)


def another_image_half_way(scene):
    """Of the same sender, which was killed in the middle of it."""
    scene.sender.stop()
    other = b"\xe9" + scene.rng.randbytes(100_000)  # more than gets through in this time
    first = SimSender(scene.gateway, scene.update(image=other))
    scene.world.run_for(0.5 + scene.rng.random() * 3)
    first.stop()
    scene.start()


def two_senders(scene):
    second = scene.add_sender_host(2, scene.hosts[-1])
    scene.after(scene.rng.random() * 4, lambda: SimSender(second, scene.update()))


def one_joins_late(scene):
    board = scene.boards[LATE_ID] = Board("sensor", "ESP32")
    neighbour = scene.rng.choice(scene.hosts)

    def join():
        host = scene.world.add_node(LATE_ID, loop_ms=10, setup=scene.setup)
        host.dial([neighbour])

    assert board.running is not None
    scene.after(scene.rng.random() * 5, join)


def one_sleeps_for_good(scene):
    leaves = [host for host in scene.hosts if len(host.neighbours()) == 1]
    sleeper = scene.rng.choice(leaves)
    scene.hopeless[sleeper.node_id] = AWAY
    scene.after(scene.rng.random() * 2.5, lambda: sleeper.kill("close"))


def one_sleeps_a_while(scene):
    leaves = [host for host in scene.hosts if len(host.neighbours()) == 1]
    sleeper = scene.rng.choice(leaves)
    scene.after(scene.rng.random() * 4, lambda: sleeper.reboot(40_000_000, "close"))


BEFORE = (
    one_or_two_parts_lost,
    a_part_lost_twice,
    last_part_lost,
    first_part_lost,
    boards_restart,
    others_in_the_mesh,
    some_of_2019,
    all_of_2019,
    some_full,
    flash_fails,
    flash_fails_once,
)
DURING = (
    relays_restart,
    a_node_moves,
    killed_and_resumed,
    killed_and_begun_anew,
    killed_twice,
    another_image_half_way,
    two_senders,
    one_joins_late,
    one_sleeps_for_good,
    one_sleeps_a_while,
)


def run(fault, seed, strategy, part_bytes=1024, **options):
    """A scene with this fault, to its end."""
    scene = Scene(
        seed, strategy, part_bytes=part_bytes, prepare=fault if fault in BEFORE else None, **options
    )
    scene.start()
    if fault in DURING:
        fault(scene)
    return scene.run()
