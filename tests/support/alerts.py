"""A mesh for the alert engine to look at, in virtual time."""

from random import Random

from meshward.status.alerts.documents import AlertDoc, Notification, SilenceDoc
from meshward.status.alerts.engine import AlertEngine
from meshward.status.alerts.notify import NotifySettings
from meshward.status.alerts.rules import RuleBook
from meshward.status.facts import Fact, MeshFacts, NodeFacts

WALL_S = 1_790_000_000.0
TICK_S = 5

#: 1 - (2 - (3 - 4, 5), 6), 7: nodes 1 and 7 hang below us.
MESH = {1: None, 2: 1, 3: 2, 4: 3, 5: 2, 6: 1, 7: None}
NAMES = {1: "Garage", 2: "Hall", 3: "Kitchen"}


def alert(**more):
    """An alert of a silent node."""
    fields = {
        "id": "1", "fingerprint": "ab" * 8, "rule": "silent_node", "labels": {"node": "1005"}, "node": 1005,
        "name": "Kitchen", "severity": "warning", "state": "firing", "since_s": 1_790_000_000.0,
        "text": "Kitchen (1005) is silent: out of the mesh for 75 s. It hung below Garage (1001).",
        "advice": "Check its power.", "fired_s": 1_790_000_060.0,
    } | more  # fmt: skip
    return AlertDoc(**fields)


class Scene:
    """A mesh, its clocks, and an engine that looks at it every five seconds."""

    def __init__(self, mesh=MESH, rules="", receivers=None, *, seed=1):
        self.now_s = 1000.0
        self.wall_s = WALL_S
        self.facts = MeshFacts(0, 0.0)
        self.nodes = {
            node: NodeFacts(node, NAMES.get(node, ""), online=True, parent=parent, last_parent=parent)
            for node, parent in mesh.items()
        }
        for node in self.nodes:
            self.nodes[node].depth = self._depth(node)
        self.book = RuleBook(rules)
        self.rng = Random(seed)
        self.receivers = {"hook": "info"} if receivers is None else receivers
        self.engine = self._new_engine()
        self.stored = {}
        """Documents by id, as a store keeps them."""
        self.sent: list[Notification] = []
        self.told: list[tuple[float, Notification]] = []
        """What was delivered, and when."""

    def _depth(self, node):
        depth = 1
        while (node := self.nodes[node].parent) is not None:
            depth += 1
        return depth

    def _new_engine(self):
        return AlertEngine(self.book, self.rng, NotifySettings(receivers=self.receivers))

    @property
    def now_us(self):
        return int(self.now_s * 1e6)

    def run(self, seconds, *, tick_s=TICK_S, deliver=True):
        """Let time pass."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.pass_(min(tick_s, end_s - self.now_s))
            self.look(deliver=deliver)
        return self

    def pass_(self, seconds):
        self.now_s += seconds
        self.wall_s += seconds
        for facts in self.nodes.values():
            if self.facts.connected:
                facts.away_s = None if facts.away_s is None else facts.away_s + seconds
            if not facts.online:
                facts.silent_s += seconds

    def look(self, *, deliver=True):
        facts = self.facts
        facts.now_us, facts.wall_s, facts.nodes = self.now_us, self.wall_s, dict(self.nodes)
        self.engine.evaluate(facts)
        if deliver:
            for notification in self.engine.notifier.due(self.now_us):
                self.told.append((self.now_s, notification))
                for receiver in notification.pending:
                    self.engine.notifier.delivered(notification.id, receiver)
        self.store()

    def store(self):
        for change in self.engine.take_changes():
            never_fired = (
                isinstance(change, AlertDoc) and change.state == "resolved" and change.fired_s is None
            )
            if type(change).__name__ == "Gone" or never_fired:
                self.stored.pop(change.id, None)
            else:
                self.stored[change.id] = change

    def restart(self, downtime_s=0.0, wall_jump_s=0.0):
        """The gateway dies and comes back, with another monotonic clock."""
        docs = list(self.stored.values())
        self.now_s = 50.0
        self.wall_s += downtime_s + wall_jump_s
        self.engine = self._new_engine()
        self.engine.restore(
            [doc for doc in docs if isinstance(doc, AlertDoc) and doc.state != "resolved"],
            [doc for doc in docs if type(doc).__name__ == "SilenceDoc"],
            [doc for doc in docs if isinstance(doc, Notification)],
            self.now_us,
            self.wall_s,
        )
        return self

    def leave(self, *nodes, silent_s=70.0):
        """These fall out of the mesh."""
        for node in nodes:
            facts = self.nodes[node]
            facts.online, facts.parent, facts.away_s, facts.silent_s = False, None, 0.0, silent_s
        return self

    def back(self, *nodes, **parents):
        """These are back, below the parent they had unless another is given, as n4=2."""
        for node in [*nodes, *(int(name[1:]) for name in parents)]:
            facts = self.nodes[node]
            facts.last_parent = parents.get(f"n{node}", facts.last_parent)
            facts.online, facts.parent, facts.away_s, facts.silent_s = True, facts.last_parent, None, 0.0
        return self

    def set(self, node, age_s=0.0, source="604", **metrics):
        facts = self.nodes[node]
        facts.metrics = {
            **facts.metrics,
            **{name: Fact(value, age_s, source) for name, value in metrics.items()},
        }
        return self

    # What there is.

    def open(self, rule=None):
        return [doc for doc in self.engine.open_alerts() if rule in (None, doc.rule)]

    def firing(self, rule=None):
        return [doc for doc in self.open(rule) if doc.state == "firing"]

    def one(self, rule):
        (doc,) = self.firing(rule)
        return doc

    def silences(self):
        """As they are stored, without those that are over."""
        self.store()
        docs = [doc for doc in self.stored.values() if isinstance(doc, SilenceDoc)]
        return [doc for doc in docs if doc.ends_s > self.wall_s]

    def notices(self, status=None):
        return [notification for _, notification in self.told if status in (None, notification.status)]

    def rules_told(self, status="firing"):
        return [alert.rule for notification in self.notices(status) for alert in notification.alerts]
