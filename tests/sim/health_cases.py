"""What befalls meshes: a month without a fault, and faults, one each; and what people were told of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from random import Random

from meshward.sim.stories import Story
from meshward.status.monitor import Identity
from meshward.topologies import parents
from tests.sim.health_nodes import ESP32, ESP8266, IMAGES
from tests.sim.health_scenes import DAY, FIRST_ID, HOUR, MINUTE, HealthScene, Told

WARM_S = 20 * MINUTE
ROLLOUT = "0123456789abcdef"
SOAK_S = 10 * MINUTE
NOTICE_S = (10.0, 70.0)
"""How long it takes until a neighbour notices that a board has no power any more."""


# -- without a fault -------------------------------------------------------------------------


def live(scene: HealthScene, days: float) -> HealthScene:
    """Normal life: boards take another parent about once a week, links fade, and once all are updated."""
    rng = scene.rng
    for node in scene.nodes:
        scene.now_and_then(
            7 * DAY, lambda node=node: scene.move(node, rng.uniform(3, 25), _some_parent(scene, node))
        )
        scene.now_and_then(
            2 * DAY,
            lambda node=node: scene.fade(
                node, rng.uniform(60, 300), rng.uniform(8, 18), rng.uniform(0.05, 0.25)
            ),
        )
    scene.now_and_then(3 * DAY, lambda: scene.lose_gateway(10))
    scene.at(scene.now_s + rng.uniform(0.3, 0.7) * days * DAY, lambda: roll_out(scene))
    return scene.run(days * DAY)


def roll_out(scene: HealthScene) -> None:
    """Update all boards, a quarter at a time, the deepest first."""
    nodes = sorted(scene.nodes, key=lambda node: -scene.depth(node))
    size = ceil(len(nodes) / 4)
    waves = [nodes[at : at + size] for at in range(0, len(nodes), size)]

    def begin(number: int) -> None:
        if number == len(waves):
            scene.tell_updates({})
            return
        wave = waves[number]
        scene.tell_updates({ROLLOUT: wave})
        for at, node in enumerate(wave):
            scene.after(30.0 + 30.0 * at, lambda node=node: _update(scene, node))
        scene.after(30.0 + 30.0 * len(wave) + SOAK_S, lambda: prove(number))

    def prove(number: int) -> None:
        for node in waves[number]:
            hardware = scene.nodes[node].hardware
            scene.identities[node] = Identity(
                hardware=hardware, role="sensor", version="1.1", firmware="b" * 64, firmware_md5=IMAGES[1]
            )
            scene.monitor.watch.updated(node, scene.now_us)
        begin(number + 1)

    begin(0)


def _update(scene: HealthScene, node_id: int) -> None:
    rng, off_s = scene.rng, scene.rng.uniform(8, 40)
    scene.nodes[node_id].image = IMAGES[1]
    scene.restart(node_id, off_s)
    for child in scene.children(node_id):
        if rng.random() < 0.5:
            scene.move(child, rng.uniform(20, 60))
        else:  # it waits for its parent
            scene.move(child, off_s + rng.uniform(2, 15), node_id)


def _some_parent(scene: HealthScene, node_id: int) -> int | None:
    """Every other time a board finds its way back to where it was."""
    return scene.nodes[node_id].parent if scene.rng.random() < 0.5 else None


# -- faults ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Outcome:
    """What came of a fault."""

    after_s: float | None
    """From the fault until people were told of it; None for never."""
    told: list[Told] = field(default_factory=list)
    """All that they were told by the end."""

    @property
    def surplus(self) -> int:
        """Notifications besides the one that was due."""
        return len(self.told) - (self.after_s is not None)


def silence(seed: int, n: int = 20) -> Outcome:
    """The power of a board fails that nobody hangs behind."""
    scene = HealthScene(f"silence/{seed}", n).run(WARM_S + Random(seed).uniform(0, 60))
    leaf = scene.rng.choice([node for node in scene.nodes if not scene.below(node)])
    return _after(scene, lambda: scene.lose_power(leaf, scene.rng.uniform(*NOTICE_S)), "silent_node", leaf)


def parent_dies(seed: int, ways: str) -> Outcome:
    """A relay with 30 nodes behind it dies; those come back "elsewhere" soon, after "minutes", or "never"."""
    rng = Random(f"parent/{seed}")
    shape = relay_with(rng, 12, 30)
    scene = HealthScene(f"parent/{ways}/{seed}", len(shape), shape=shape).run(WARM_S + rng.uniform(0, 60))
    relay = FIRST_ID + 12
    assert len(scene.below(relay)) == 30
    notice_s = rng.uniform(*NOTICE_S)
    spans = {"elsewhere": (20, 60), "minutes": (180, 900)}

    def die() -> None:
        orphans = scene.children(relay)
        scene.lose_power(relay, notice_s)
        for child in orphans:
            scene.after(notice_s, lambda child=child: scene.unlink(child))
            if ways in spans:
                scene.after(
                    notice_s + rng.uniform(*spans[ways]),
                    lambda child=child: scene.link(child, scene.other_parent(child)),
                )

    return _after(scene, die, ("mesh_split", "silent_node"), relay, watch_s=25 * MINUTE)


def split(seed: int) -> Outcome:
    """The link above a board breaks that at least three others hang behind, all of them alive."""
    scene = HealthScene(f"split/{seed}", 20).run(WARM_S)
    tops = [node for node in scene.nodes if len(scene.below(node)) >= 3 and scene.depth(node) > 1]
    top = scene.rng.choice(tops)
    return _after(scene, lambda: scene.unlink(top), "mesh_split", top)


def crash_loop(seed: int) -> Outcome:
    """A board crashes again and again; counted from its third restart."""
    scene = HealthScene(f"crash/{seed}", 12).run(WARM_S)
    node = scene.rng.choice(list(scene.nodes)[1:])
    every_s = scene.rng.uniform(45, 400)
    third_s = 3 * every_s

    def crash() -> None:
        for number in range(12):
            scene.after(every_s * (number + 1), lambda: scene.restart(node, scene.rng.uniform(2, 8)))

    outcome = _after(scene, crash, "reboot_loop", node, watch_s=every_s * 12)
    if outcome.after_s is not None:
        outcome.after_s -= third_s
    return outcome


def weak_link(seed: int) -> Outcome:
    """A board hears its parent with some -90 dBm from now on."""
    scene = HealthScene(f"weak/{seed}", 12).run(WARM_S + Random(seed).uniform(0, 300))
    node = scene.rng.choice(list(scene.nodes)[1:])
    usual_dbm = scene.nodes[node].measure(scene.now_us, weekend=False)["rssi_dbm"]
    return _after(
        scene, lambda: scene.fade(node, DAY, usual_dbm + 90, 0.1), "weak_link", node, watch_s=40 * MINUTE
    )


def low_heap(seed: int) -> Outcome:
    """Something takes nearly all of a board's memory at once."""
    scene = HealthScene(f"heap/{seed}", 12).run(WARM_S)
    node = scene.nodes[scene.rng.choice(list(scene.nodes))]
    most = {ESP8266: 5200.0, ESP32: 7600.0}[node.hardware]
    return _after(scene, lambda: setattr(node, "heap_most", most), "low_heap", node.id, watch_s=20 * MINUTE)


def moving(seed: int) -> Outcome:
    """A board changes its parent every two to five minutes; counted from the fifth change."""
    scene = HealthScene(f"moving/{seed}", 12).run(WARM_S)
    node = scene.rng.choice([one for one in scene.nodes if scene.depth(one) > 1])
    every_s = scene.rng.uniform(120, 300)

    def move() -> None:
        for number in range(10):
            scene.after(every_s * number, lambda: scene.move(node, 5.0))

    outcome = _after(scene, move, "moving", node, watch_s=every_s * 10)
    if outcome.after_s is not None:
        outcome.after_s -= every_s * 4 + 5
    return outcome


def storm(seed: int) -> Outcome:
    """More than half of all nodes change their parents within four minutes, some more than once."""
    scene = HealthScene(f"storm/{seed}", 20).run(WARM_S)
    nodes = [node for node in scene.nodes if scene.depth(node) > 1]
    chosen = scene.rng.sample(nodes, 11)

    def move() -> None:
        for node in chosen:
            scene.after(
                scene.rng.uniform(0, 240), lambda node=node: scene.move(node, scene.rng.uniform(3, 12))
            )

    return _after(scene, move, "moving", None, watch_s=20 * MINUTE)


def cut_off(seed: int) -> Outcome:
    """The gateway's own link is gone."""
    scene = HealthScene(f"cut/{seed}", 20).run(WARM_S + Random(seed).uniform(0, 60))
    return _after(scene, lambda: scene.lose_gateway(HOUR), "gateway_cut_off", None, watch_s=30 * MINUTE)


def _after(
    scene: HealthScene,
    fault: Callable[[], None],
    rules: str | tuple[str, ...],
    node: int | None,
    *,
    watch_s: float = 20 * MINUTE,
) -> Outcome:
    scene.look_closely()
    since_s, wanted = scene.now_s, {rules} if isinstance(rules, str) else set(rules)
    assert not scene.firing()
    fault()
    scene.run(watch_s)
    told = scene.firing()
    right = [one for one in told if set(one.rules) <= wanted and one.nodes == [node]]
    return Outcome(right[0].at_s - since_s if right else None, told)


# -- leaks -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeakOutcome:
    """When a leak was told, and when it ended, in hours after the boot."""

    told_h: float | None
    end_h: float
    surplus: int

    @property
    def early_h(self) -> float:
        """How long before the end; 0 for never."""
        return 0.0 if self.told_h is None else self.end_h - self.told_h


def leak(seed: int, hardware: str, bytes_per_h: float) -> LeakOutcome:
    """A board that leaks from its boot on, beside one that does not, until it has no memory."""
    scene = HealthScene(
        f"leak/{seed}/{hardware}",
        2,
        stories={1: (Story("leak", bytes_per_h),)},
        hardware={1: hardware},
        weekday=seed % 7,
        time_of_day_s=Random(seed).uniform(0, DAY),
    )
    leaking = scene.nodes[FIRST_ID + 1]
    end_us = leaking.life.exhausted_us()
    assert end_us is not None
    scene.run(end_us / 1e6 - 60)
    told = [one for one in scene.firing() if "leak" in one.rules and leaking.id in one.nodes]
    allowed = {"leak", "low_heap"}
    surplus = [one for one in scene.firing() if not set(one.rules) <= allowed or one.nodes != [leaking.id]]
    return LeakOutcome(told[0].at_s / HOUR if told else None, end_us / 3.6e9, len(surplus))


# -- shapes ----------------------------------------------------------------------------------


def relay_with(rng: Random, others: int, behind: int) -> list[int | None]:
    """A mesh of `others` nodes, a relay below one of them, and a branch of `behind` nodes behind it."""
    shape = parents("random", others, rng=rng)
    shape.append(rng.randrange(others))
    # The relay takes the place of the branch's top, and has more children the flatter the branch is.
    branch = parents("random", behind + 1, rng=rng)
    shape += [others + above for above in branch[1:] if above is not None]
    return shape
