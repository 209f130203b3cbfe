"""Meshes without a wire, over months of virtual time: boards that live, a real `Monitor`, and what it tells people.

What passes between boards and gateway is handed over as the decoders would: samples in batches of five, answers
to probes, trees. So a mesh of five lives through a month in half a minute.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random

from meshnode.tree import Tree
from meshward.sim.life import WALL_S, Life
from meshward.sim.stories import Story
from meshward.status.alerts.documents import AlertDoc, Notification
from meshward.status.alerts.notify import NotifySettings
from meshward.status.monitor import Identity, Monitor, Surroundings
from meshward.status.samples import QUERY, TELEMETRY, Sample
from meshward.topologies import parents
from tests.sim.health_nodes import ESP32, ESP8266, IMAGES, Fade, Node, S

OWN = 1
FIRST_ID = 1001
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0

SAMPLE_S = 60.0
BATCH = 5
PROBES_PER_MINUTE = 60
TICK_S = 5.0
COARSE_S = 120.0
"""Between two looks at a mesh in which nothing is going on; what goes on is looked at every five seconds."""
COURIER_S = 1.0
"""How often the gateway looks whether there is something to deliver."""
LOSS = 0.01
"""Of frames, on their whole way."""
SETTLE_US = 120 * S
"""So long after the last change of the tree something is going on."""


@dataclass(frozen=True, slots=True)
class Told:
    """A notification, and when it was handed over."""

    at_s: float
    doc: Notification

    @property
    def rules(self) -> list[str]:
        return [alert.rule for alert in self.doc.alerts]

    @property
    def nodes(self) -> list[int | None]:
        return [alert.node for alert in self.doc.alerts]


class HealthScene:
    """One mesh and its gateway. Times are seconds since the beginning."""

    def __init__(
        self,
        seed: int | str,
        n: int,
        *,
        shape: Sequence[int | None] | None = None,
        stories: dict[int, tuple[Story, ...]] | None = None,
        hardware: dict[int, str] | None = None,
        weekday: int = 0,
        time_of_day_s: float = 0.0,
    ) -> None:
        """shape: as `topologies.parents` gives it, by chance where none is given.

        stories, hardware: by the index of a node. weekday: on which it begins, 0 for a Monday;
        time_of_day_s: and when.
        """
        self.rng = Random(f"health/{seed}/{n}")
        self.now_us = 0
        self.told: list[Told] = []
        self.look_every_s = COARSE_S
        self.monitor = Monitor(
            Random(f"monitor/{seed}"),
            notify=NotifySettings(receivers={"people": "warning"}),
            telemetry=False,
        )
        self.nodes: dict[int, Node] = {}
        self.cut = False
        """Whether the gateway's own link is down."""
        self._weekday = weekday
        self._begins_s = WALL_S + time_of_day_s
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._number = count()
        self._changed_us = 0
        self._courier_us = self._attending_us = -1
        for index, above in enumerate(shape or parents("random", n, rng=self.rng)):
            made = (hardware or {}).get(index) or self.rng.choice((ESP8266, ESP32))
            parent = OWN if above is None else FIRST_ID + above
            life = Life(
                FIRST_ID + index,
                made,
                seed=self.rng.getrandbits(32),
                stories=(stories or {}).get(index, ()),
                wall_s=self._begins_s,
                mesh_nodes=n,
                parent_id=parent,
            )
            node = Node(FIRST_ID + index, parent, life, made, Random(self.rng.getrandbits(64)))
            self.nodes[node.id] = node
            self.every(SAMPLE_S, lambda node=node: self._sample(node), self.rng.uniform(1, SAMPLE_S))
        probe_s = max(SAMPLE_S, n * 60 / PROBES_PER_MINUTE)
        for index, node in enumerate(self.nodes.values()):
            self.every(probe_s, lambda node=node: self._probe(node), 1 + index * probe_s / n)
        self.identities: dict[int, Identity] = {
            node.id: Identity(
                hardware=node.hardware,
                role="sensor",
                version="1.0",
                firmware="a" * 64,
                firmware_md5=IMAGES[0],
            )
            for node in self.nodes.values()
        }
        self.busy: dict[str, list[int]] = {}
        self.every(30.0, self._tell_surroundings, 0.0)
        self.grow()
        for node in self.nodes.values():
            self._tell_texts(node)

    # -- time --------------------------------------------------------------------------------

    @property
    def now_s(self) -> float:
        return self.now_us / S

    def at(self, at_s: float, what: Callable[[], None]) -> None:
        """Do something at a time of the scene."""
        heapq.heappush(self._events, (max(self.now_us, round(at_s * S)), next(self._number), what))

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self.at(self.now_s + seconds, what)

    def every(self, seconds: float, what: Callable[[], None], first_s: float) -> None:
        """Do something again and again, the first time at `first_s`."""

        def again() -> None:
            self.at(self.now_s + seconds, again)
            what()

        self.at(first_s, again)

    def now_and_then(self, every_s: float, what: Callable[[], None]) -> None:
        """Do something by chance, so often on average."""

        def again() -> None:
            self.after(self.rng.expovariate(1 / every_s), again)
            what()

        self.after(self.rng.expovariate(1 / every_s), again)

    def run(self, seconds: float) -> "HealthScene":
        """Let time pass."""
        end_us = self.now_us + round(seconds * S)
        while self._events[0][0] <= end_us:
            self.now_us, _, what = heapq.heappop(self._events)
            what()
        self.now_us = end_us
        return self

    def look_closely(self) -> None:
        """From now on rules are looked at as often as by a real gateway: to measure how long something takes."""
        self.look_every_s = TICK_S
        self.grow()

    # -- what befalls the mesh -----------------------------------------------------------------

    def lose_power(self, node_id: int, notice_s: float) -> None:
        """A board is dead from now on; its parent notices after a while."""
        self.nodes[node_id].alive = False
        self.after(notice_s, lambda: self.unlink(node_id))

    def unlink(self, node_id: int) -> None:
        """The link of a node to its parent is seen to be down."""
        self.nodes[node_id].linked = False
        self.grow()

    def link(self, node_id: int, parent: int | None = None) -> None:
        """A node is back, below its parent or another one; with it those that stayed with it."""
        node = self.nodes[node_id]
        if not node.alive:
            return
        if parent is not None:
            node.parent = node.life.parent_id = parent
        before = self.present
        node.linked = True
        self.grow()
        for back in sorted(self.present - before):
            self.after(self.rng.uniform(1, 4), lambda back=back: self._flush(self.nodes[back]))

    def restart(self, node_id: int, off_s: float, notice_s: float = 0.0) -> None:
        """A board boots, and is back after a while."""
        node = self.nodes[node_id]
        node.alive = False

        def back() -> None:
            node.alive = True
            node.boot(self.now_us)
            self._tell_texts(node)
            self.link(node_id)

        self.after(min(notice_s, off_s), lambda: self.unlink(node_id))
        self.after(off_s, back)

    def move(self, node_id: int, off_s: float, parent: int | None = None) -> None:
        """A node takes another parent, or the same, and is back after so long."""
        if not self.nodes[node_id].linked:
            return
        self.unlink(node_id)
        self.after(off_s, lambda: self.link(node_id, parent or self.other_parent(node_id)))

    def lose_gateway(self, seconds: float) -> None:
        """The gateway's own link breaks for a time."""
        self.cut = True
        self.grow()

        def back() -> None:
            self.cut = False
            self.grow()

        self.after(seconds, back)

    def fade(self, node_id: int, seconds: float, less_db: float, loss: float) -> None:
        """A node hears its parent worse for a time."""
        self.nodes[node_id].fade = Fade(self.now_us + round(seconds * S), less_db, loss)

    # -- the tree ------------------------------------------------------------------------------

    @property
    def present(self) -> set[int]:
        """The nodes that the gateway sees."""
        return set() if self.cut else {node for node in self.nodes if self._is_linked(node)}

    def below(self, node_id: int) -> set[int]:
        """All that hang below a node."""
        return {node for node in self.nodes if node != node_id and node_id in self._way(node)}

    def children(self, node_id: int) -> list[int]:
        """Those that hang right below a node."""
        return [node.id for node in self.nodes.values() if node.parent == node_id]

    def depth(self, node_id: int) -> int:
        """How many links away a node is."""
        return len(self._way(node_id)) + 1

    def other_parent(self, node_id: int) -> int:
        """Somebody else for a node to hang below; who it has where there is nobody."""
        node, below = self.nodes[node_id], self.below(node_id)
        if node.parent == OWN:
            return OWN  # the gateway's neighbour, which the whole mesh hangs on
        others = [
            one
            for one in self.nodes
            if one not in below
            and one not in (node_id, node.parent)
            and self._is_linked(one)
            and self._runs(one)
        ]
        return self.rng.choice(others) if others else node.parent

    def grow(self) -> None:
        """Tell the monitor the tree as it is now."""
        children: dict[int, list[int]] = {}
        for node in self.nodes.values():
            if node.linked:
                children.setdefault(node.parent, []).append(node.id)
        ids, depths, waiting = [], [], [(OWN, 0)]
        while waiting:
            node_id, depth = waiting.pop()
            ids.append(node_id)
            depths.append(depth)
            if not self.cut:
                waiting += [(child, depth + 1) for child in reversed(children.get(node_id, ()))]
        self._changed_us = self.now_us
        self._depths = dict(zip(ids, depths, strict=True))
        self.monitor.tick_us = round(TICK_S * S)
        self.monitor.on_tree(Tree(ids, depths), self.now_us)
        self._attend_when_due()

    def _way(self, node_id: int) -> list[int]:
        way: list[int] = []
        at = self.nodes[node_id].parent
        while at != OWN and at not in way:
            way.append(at)
            at = self.nodes[at].parent
        return way

    def _is_linked(self, node_id: int) -> bool:
        return self.nodes[node_id].linked and all(self.nodes[one].linked for one in self._way(node_id))

    def _runs(self, node_id: int) -> bool:
        return self.nodes[node_id].alive and all(self.nodes[one].alive for one in self._way(node_id))

    def _reaches(self, node: Node) -> bool:
        """Whether a frame gets from a node to the gateway now."""
        if self.cut or node.id not in self._depths or not self._runs(node.id):
            return False
        return node.rng.random() >= LOSS

    # -- what passes between ---------------------------------------------------------------------

    def _sample(self, node: Node) -> None:
        if not node.alive:
            return
        days = int(self.now_s // DAY) + self._weekday
        values = node.measure(self.now_us, days % 7 >= 5)
        node.batch = [*node.batch[1 - BATCH :], (self.now_us, values)]
        if node.crossed(values) or len(node.batch) >= BATCH:
            self._flush(node)

    def _flush(self, node: Node) -> None:
        batch, node.batch = node.batch, []
        if not node.alive or not batch or not self._reaches(node):
            return
        self._set_wall()
        for at_us, values in batch:
            uptime_s = (at_us - node.booted_us) / S
            age_us = self.now_us - at_us
            sample = Sample(node.id, TELEMETRY, values, age_us=age_us, uptime_s=uptime_s, boots=node.boots)
            self.monitor.take(sample, self.now_us)

    def _tell_texts(self, node: Node) -> None:
        """After its boot a board says what it runs; the gateway asks until it knows."""

        def tell() -> None:
            if not self._reaches(node):
                self.after(10.0, tell)
                return
            uptime_s = (self.now_us - node.booted_us) / S
            texts = {"firmware_md5": node.image}
            sample = Sample(node.id, QUERY, texts=texts, uptime_s=uptime_s, boots=node.boots)
            self.monitor.take(sample, self.now_us)

        self.after(4.0, tell)

    def _probe(self, node: Node) -> None:
        depth = self._depths.get(node.id)
        if depth is None:
            return
        self.monitor.on_probe(node.id, self.now_us)
        loss = node.fade.loss if self.now_us < node.fade.until_us else 0.0
        if not self._reaches(node) or node.rng.random() < loss:
            return
        delay_s = min(2.0, sum(0.004 + node.rng.expovariate(1 / 0.006) for _ in range(depth)))
        offset_us = round(node.rng.gauss(0, 3000))
        self.after(
            2 * delay_s,
            lambda: self.monitor.on_delay(node.id, round(delay_s * S), offset_us, self.now_us),
        )

    # -- the gateway -----------------------------------------------------------------------------

    def _set_wall(self) -> None:
        self.monitor.wall_s = self._begins_s + self.now_s

    def _tell_surroundings(self) -> None:
        updating = {node for nodes in self.busy.values() for node in nodes}
        identities = {
            node: known if known.updating == (node in updating) else replace(known, updating=node in updating)
            for node, known in self.identities.items()
        }
        self.monitor.around = Surroundings(identities)
        self._set_wall()
        self.monitor.alerts.updating(self.busy, self.monitor.wall_s)

    def tell_updates(self, busy: dict[str, Iterable[int]]) -> None:
        """Rollouts that are at work, and the nodes that they may restart."""
        self.busy = {rollout: sorted(nodes) for rollout, nodes in busy.items() if nodes}
        self._tell_surroundings()

    def _attend_when_due(self) -> None:
        """As the driver does: call the monitor when it wants to be."""
        due_us = max(self.now_us, self.monitor.next_deadline_us())
        if not self.now_us <= self._attending_us <= due_us:
            self._attending_us = due_us
            self.at(due_us / S, lambda: self._attend(due_us))

    def _attend(self, due_us: int) -> None:
        if due_us != self._attending_us:
            return  # it wanted to be called earlier since
        self._attending_us = -1
        self._look()
        self._attend_when_due()

    def _look(self) -> None:
        self._set_wall()
        monitor = self.monitor
        busy = self.now_us - self._changed_us < SETTLE_US or len(self._depths) <= len(self.nodes)
        waiting = any(doc.state == "pending" or waits(doc) for doc in monitor.alerts.open_alerts())
        monitor.tick_us = round((TICK_S if busy or waiting else self.look_every_s) * S)
        monitor.commands(self.now_us)
        monitor.take_samples()
        monitor.take_notes()
        monitor.alerts.take_changes()
        if self._courier_us < 0:
            self._courier_us = self.now_us
            self._deliver()

    def _deliver(self) -> None:
        """Look every second as long as somebody waits to be told."""
        self._set_wall()
        for doc in self.monitor.alerts.notifier.due(self.now_us):
            self.told.append(Told(self.now_s, doc))
            self.monitor.alerts.notifier.delivered(doc.id, "people")
        waiting = any(waits(doc) for doc in self.monitor.alerts.open_alerts())
        self._courier_us = self.now_us if waiting or len(self.monitor.alerts.notifier.outbox) else -1
        if self._courier_us >= 0:
            self.after(COURIER_S, self._deliver)

    # -- what people were told ---------------------------------------------------------------

    def firing(self) -> list[Told]:
        """What people were told that they did not know: neither repeats nor ends."""
        return [told for told in self.told if told.doc.status == "firing" and told.doc.reason != "repeat"]


def waits(doc: AlertDoc) -> bool:
    """Whether people are about to be told of an alert."""
    quiet = doc.silenced_by or doc.inhibited_by or doc.acked_by or doc.clear_since_s is not None
    return doc.state == "firing" and doc.told_s is None and doc.severity != "info" and not quiet
