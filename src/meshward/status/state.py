"""What is known of every node of the mesh now, by whoever told it: one typed state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meshward.status.branches import Branches
from meshward.status.facts import Fact, NodeFacts
from meshward.status.floods import Sender, StrangerBook, Strangers
from meshward.status.latest import Value, take
from meshward.status.metrics import METRICS
from meshward.status.presence import MOVES_MAX, Presence, PresenceBook, within_hour
from meshward.status.probes import Probes
from meshward.status.restarts import Restarts
from meshward.status.samples import MESH, Sample
from meshward.text import printable

LEFT_US = 60_000_000
"""So long packages of a node that left, or through where it was, may still be under way."""
TEXTS_MAX = 16
SOURCES_MAX = 16
"""More than our decoders have names for; nobody else can add one."""
_NAME_CHARACTERS = 24
_REFUSED_CHARACTERS = 200
_MESH_VALUES = ("delay_ms", "jitter_ms", "probe_loss_percent", "clock_offset_ms")
_OF_FIRMWARE = ("version", "firmware_md5")
_TWO_VOICES = "another uptime than its own: somebody else speaks in its name"
_OURS = frozenset({*_MESH_VALUES, "online", "moves_per_h", "rejoins_per_h"})
"""What only we can see: no node has a say in it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a sample."""

    values: Mapping[str, float] = field(default_factory=dict)
    """Those that are the latest now: not those that came too late, or that the node itself knows better."""
    late: Mapping[str, float] = field(default_factory=dict)
    """Its own words that came after later ones, as of a frame that waited for its fifth sample: history."""
    restarted: bool = False
    """Whether it tells of a restart that was not known yet."""
    refused: int = 0
    """Values that could not be."""


@dataclass(slots=True)
class _Node:
    values: dict[str, Value] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    sources_us: dict[str, int] = field(default_factory=dict)
    """By what it told of itself, and when last."""
    restarts: Restarts = field(default_factory=Restarts)
    probes: Probes = field(default_factory=Probes)
    sender: Sender = field(default_factory=Sender)
    sampled_us: int = -1
    """When our own sample of it was taken last."""


class FleetState:
    """All nodes that are in the mesh, and those that left. Only the tree and `restore` make a node known."""

    def __init__(self) -> None:
        self._presence = PresenceBook()
        self._nodes: dict[int, _Node] = {}
        self._strangers = StrangerBook()
        self._branches = Branches({})
        self._former_tops: dict[int, tuple[int, int]] = {}
        """The branch that a node was on before, and when it left it; for a while."""

    # -- what happens ------------------------------------------------------------------------

    def on_tree(self, parents: Mapping[int, int | None], now_us: int) -> list[int]:
        """The mesh as of now: every other node and its parent, None (or our own id) where it hangs below us.

        An empty mesh is our own loss, and nobody is blamed for it. Returns nodes that were forgotten, for too
        many are away.
        """
        tops = self._branches.tops
        placed = self._presence.on_tree(parents, now_us)
        self._branches = Branches(self._presence.parents)
        for node in placed.left:
            if node in self._nodes:
                self._nodes[node].probes.cancel()
        for node in placed.joined:
            self._nodes.setdefault(node, _Node()).probes.moved()
        for node in placed.moved:
            self._nodes[node].probes.moved()
        self._keep_former_tops(tops, now_us)
        if not self._presence.parents:
            return []
        dropped = self._presence.surplus({node for node, known in self._nodes.items() if known.sources_us})
        for node in dropped:
            self.forget(node)
        return dropped

    def on_package(self, sender: int, via: int | None, now_us: int) -> bool:
        """A package came through the neighbour `via`; whether it may be looked at.

        Not where its sender is not in the mesh, or not behind that neighbour, or floods us.
        """
        if not self._is_plausible(sender, via, now_us):
            self._strangers.add(via, now_us)
            return False
        if not self._nodes[sender].sender.take(now_us):
            return False
        self._presence.heard(sender, now_us)
        return True

    def on_sign_of_life(self, sender: int, via: int | None, now_us: int) -> None:
        """A package of a node that is nobody's business here."""
        if self._is_plausible(sender, via, now_us):
            self._presence.heard(sender, now_us)

    def runs_anew(self, node: int) -> None:
        """A node restarted or got other firmware: what it said of its firmware is of before."""
        known = self._nodes.get(node)
        if known is not None:
            for name in _OF_FIRMWARE:
                known.texts.pop(name, None)

    def on_refused(self, sender: int, text: str, now_us: int) -> None:
        """A package of a node made no sense; `text` is for people."""
        node = self._nodes.get(sender)
        if node is not None:
            node.sender.refuse(1, printable(text, _REFUSED_CHARACTERS), now_us)

    def on_sample(self, sample: Sample, now_us: int) -> Taken:
        """Something was told of a node; of one that is not known nothing is taken."""
        is_own = sample.told_by is None
        teller = self._nodes.get(sample.node if sample.told_by is None else sample.told_by)
        node = self._nodes.get(sample.node)
        refused = list(sample.refused)
        if node is None:
            self._blame(teller, refused, now_us)
            return Taken(refused=len(refused))
        measured_us = now_us - max(0, sample.age_us)
        restarted = False
        if is_own and node.restarts.is_doubtful(sample.source, sample.uptime_s, measured_us):
            self._blame(node, [_TWO_VOICES], now_us)
            return Taken(refused=1)
        if is_own:
            if sample.source in node.sources_us or len(node.sources_us) < SOURCES_MAX:
                node.sources_us[sample.source] = now_us
            self._presence.heard(sample.node, measured_us)
            restarted = node.restarts.take(sample.source, sample.uptime_s, sample.boots, measured_us)
        if restarted:
            self.runs_anew(sample.node)
        taken: dict[str, float] = {}
        late: dict[str, float] = {}
        for name, value in sample.values.items():
            metric = METRICS.get(name)
            if metric is None or name in _OURS or not metric.low <= value <= metric.high:
                refused.append(printable(name, _NAME_CHARACTERS))
            elif take(node.values, name, Value(value, measured_us, sample.source, is_own)):
                taken[name] = value
            elif is_own:
                late[name] = value
        if is_own and sample.uptime_s is not None:
            self._take_uptime(node, sample, measured_us, taken)
            if "uptime_s" in taken:
                node.restarts.up_for(taken["uptime_s"], measured_us, anew=restarted)
        for name, text in sample.texts.items():
            if name in node.texts or len(node.texts) < TEXTS_MAX:
                node.texts[name] = text
        self._blame(teller, refused, now_us)
        return Taken(taken, late, restarted, len(refused))

    def on_probe(self, node: int, now_us: int, *, counts: bool = True) -> None:
        """A node is asked for its delay; `counts`: for its loss as well."""
        if node in self._presence:
            self._nodes[node].probes.ask(now_us, counts=counts)

    def on_delay(self, node: int, delay_us: int, offset_us: int, now_us: int) -> None:
        """A node answered; `offset_us` is its mesh time minus ours. Only answers to probes tell delays."""
        known = self._nodes.get(node)
        if known is None:
            return
        self._presence.heard(node, now_us)
        delay_ms = known.probes.answer(delay_us, now_us)
        if delay_ms is None:
            return
        take(known.values, "delay_ms", Value(delay_ms, now_us, MESH))
        take(known.values, "clock_offset_ms", Value(offset_us / 1000, now_us, MESH))
        if known.probes.jitter_ms is not None:
            take(known.values, "jitter_ms", Value(known.probes.jitter_ms, now_us, MESH))
        _take_loss(known, now_us)

    def forget(self, node: int) -> None:
        """A node is no longer known; if it is in the mesh, the next tree makes it known anew."""
        self._presence.forget(node)
        self._nodes.pop(node, None)
        self._former_tops.pop(node, None)

    # -- what is known from before -----------------------------------------------------------

    def restore(
        self,
        node: int,
        values: Mapping[str, tuple[float, float, str]],
        now_us: int,
        *,
        away_s: float | None = None,
        last_parent: int | None = None,
    ) -> bool:
        """Take up a node and its last values, as (value, age in seconds, source), at the gateway's start.

        away_s: since when it is out of the mesh, where that is known; else an absence begins with the first
        tree. last_parent: below whom it hung, None for us. False where there are too many nodes.
        """
        away_us = None if away_s is None else max(0, int(away_s * 1e6))
        if self._presence.add(node, now_us, away_us, last_parent) is None:
            return False
        known = self._nodes.setdefault(node, _Node())
        known.sampled_us = max(known.sampled_us, now_us)  # what is restored is in the history already
        for name, (value, age_s, source) in values.items():
            metric = METRICS.get(name)
            if metric is None or not metric.low <= value <= metric.high:
                continue
            at_us = now_us - max(0, int(age_s * 1e6))
            if take(known.values, name, Value(value, at_us, source)) and name == "uptime_s":
                known.restarts.restore_uptime(source, value, at_us)
        return True

    def restore_history(self, node: int, restarts_us: Sequence[int], moves_us: Sequence[int]) -> None:
        """When a node restarted and moved, as far as that was known before; after `restore`."""
        known, record = self._nodes.get(node), self._presence.records.get(node)
        if known is not None and record is not None:
            known.restarts.restore(restarts_us)
            record.moves_us = sorted(moves_us)[-MOVES_MAX:]

    # -- what is known now -------------------------------------------------------------------

    def nodes(self) -> list[int]:
        """All nodes that are known, also those that are away."""
        return sorted(self._nodes)

    def parents(self) -> Mapping[int, int | None]:
        """The tree as of now, None for a node below us; empty while we see nobody."""
        return self._presence.parents

    def depths(self) -> Mapping[int, int]:
        """How many links away the nodes are that are in the mesh."""
        return self._branches.depths

    def presence(self, node: int) -> Presence | None:
        """How a node comes and goes; to be read only."""
        return self._presence.records.get(node)

    def silent_us(self, node: int, now_us: int) -> int:
        """How long nothing came from a known node itself: no package, no answer, and it did not join."""
        return self._presence.silent_us(node, now_us)

    def articulation(self) -> list[tuple[int, int]]:
        """Nodes with others behind them, and how many; the most first."""
        return sorted(self._branches.counts.items(), key=lambda item: (-item[1], item[0]))

    def behind(self, node: int) -> list[int]:
        """The nodes that are out of reach without this one; of one that is away those that left with it."""
        children: dict[int | None, list[int]] = {}
        if node in self._presence:
            for child, parent in self._presence.parents.items():
                children.setdefault(parent, []).append(child)
        else:
            for child, record in self._presence.records.items():
                if child not in self._presence:
                    children.setdefault(record.last_parent, []).append(child)
        found: list[int] = []
        waiting, seen = [node], {node}
        while waiting:
            below = [child for child in children.get(waiting.pop(), ()) if child not in seen]
            seen.update(below)
            found += below
            waiting += below
        return sorted(found)

    def text(self, node: int, name: str) -> str:
        """A text of a node, "" where it told none."""
        return self.texts(node).get(name, "")

    def texts(self, node: int) -> Mapping[str, str]:
        """What a node told in words; to be read only."""
        known = self._nodes.get(node)
        return {} if known is None else known.texts

    def sources(self, node: int) -> list[str]:
        """What a node was heard through, in the order it was first."""
        known = self._nodes.get(node)
        return [] if known is None else [MESH, *known.sources_us]

    def refused(self, node: int) -> int:
        """How many values and packages of a node could not be."""
        known = self._nodes.get(node)
        return 0 if known is None else known.sender.refused_total

    def strangers(self, now_us: int) -> Strangers:
        """Packages whose sender is not who they say."""
        return self._strangers.told(now_us)

    def metrics_of(self, node: int, now_us: int) -> dict[str, Fact]:
        """The last value of each metric of a known node."""
        known, record = self._nodes[node], self._presence.records[node]
        _take_loss(known, now_us)
        facts = {
            name: Fact(one.value, max(0, now_us - one.at_us) / 1e6, one.source)
            for name, one in known.values.items()
        }
        if self._presence.parents:
            facts["online"] = Fact(int(node in self._presence), 0.0, MESH)
        facts["moves_per_h"] = Fact(within_hour(record.moves_us, now_us), 0.0, MESH)
        facts["rejoins_per_h"] = Fact(within_hour(record.rejoins_us, now_us), 0.0, MESH)
        return facts

    def mesh_sample(self, node: int, now_us: int) -> Sample:
        """What we see of a known node ourselves, for the history: what was measured since the last call.

        Nothing while we see nobody.
        """
        known, record = self._nodes[node], self._presence.records[node]
        since_us, known.sampled_us = known.sampled_us, now_us
        if not self._presence.parents:
            return Sample(node, MESH)
        values: dict[str, float] = {"online": int(node in self._presence)}
        if node in self._presence:
            _take_loss(known, now_us)
            for name in _MESH_VALUES:
                one = known.values.get(name)
                if one is not None and one.at_us > since_us and one.at_us <= now_us:
                    values[name] = one.value
            values["moves_per_h"] = within_hour(record.moves_us, now_us)
            values["rejoins_per_h"] = within_hour(record.rejoins_us, now_us)
        return Sample(node, MESH, values)

    def fill(self, facts: NodeFacts, node: int, now_us: int) -> None:
        """Set what is known here of a known node."""
        known, record = self._nodes[node], self._presence.records[node]
        away_us = self._presence.away_us(node, now_us)
        facts.online = node in self._presence
        facts.parent = self._presence.parents.get(node)
        facts.depth = self._branches.depths.get(node, 0)
        facts.last_parent = record.last_parent
        facts.away_s = None if away_us is None else away_us / 1e6
        facts.silent_s = self.silent_us(node, now_us) / 1e6
        facts.metrics = self.metrics_of(node, now_us)
        facts.restarts_us = tuple(known.restarts.at_us)
        facts.boots, facts.booted_us = known.restarts.count, known.restarts.booted_us
        facts.moves_us = tuple(record.moves_us)
        facts.packages_per_min = known.sender.packages.per_min(now_us)
        facts.refused_per_min = known.sender.refused.per_min(now_us)
        facts.refused = known.sender.last_refused

    # -- inside ------------------------------------------------------------------------------

    def _is_plausible(self, sender: int, via: int | None, now_us: int) -> bool:
        if sender not in self._nodes or not self._presence.was_there(sender, LEFT_US, now_us):
            return False
        top = self._branches.tops.get(sender)
        if via is None or top is None or via == top:
            return True
        former_top, until_us = self._former_tops.get(sender, (None, 0))
        return via == former_top and now_us - until_us <= LEFT_US

    def _keep_former_tops(self, tops: Mapping[int, int], now_us: int) -> None:
        self._former_tops = {
            node: former for node, former in self._former_tops.items() if now_us - former[1] <= LEFT_US
        }
        for node, top in tops.items():
            if node in self._nodes and self._branches.tops.get(node) != top:
                self._former_tops[node] = (top, now_us)

    def _blame(self, teller: _Node | None, refused: Sequence[str], now_us: int) -> None:
        if teller is not None and refused:
            teller.sender.refuse(len(refused), printable(", ".join(refused), _REFUSED_CHARACTERS), now_us)

    def _take_uptime(self, node: _Node, sample: Sample, measured_us: int, taken: dict[str, float]) -> None:
        assert sample.uptime_s is not None
        uptime_s = node.restarts.uptime_s(sample.source, sample.uptime_s)
        if "uptime_s" in taken:
            taken["uptime_s"] = node.values["uptime_s"].value = uptime_s
        elif "uptime_s" not in sample.values and take(
            node.values, "uptime_s", Value(uptime_s, measured_us, sample.source)
        ):
            taken["uptime_s"] = uptime_s


def _take_loss(node: _Node, now_us: int) -> None:
    node.probes.expire(now_us)
    loss_percent, at_us = node.probes.loss_percent(), node.probes.ended_us
    if loss_percent is not None and at_us is not None:
        take(node.values, "probe_loss_percent", Value(loss_percent, at_us, MESH))
