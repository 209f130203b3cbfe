"""Where the mesh is broken: nodes that are away, brought together by what explains that they are.

A node that dies takes with it all that hang below it. The topmost of these is the break; the others are
behind it, and nothing is said of them singly. Several breaks at one moment below one parent have one cause,
which is most likely that parent.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace

from meshward.status.alerts.around import DEPTH_MAX
from meshward.status.alerts.hits import FIRST, Before, Hit
from meshward.status.alerts.rule import SPLIT, Rule
from meshward.status.alerts.words import count, lasting, listed, named, named_at_start, place
from meshward.status.facts import NodeFacts

TOGETHER_S = 10.0
"""Breaks below one parent within this time have one cause."""
OWN_BREAK_S = 60.0
"""A node that is away for so much longer than its parent did not fall out with it."""
EARLY_S = 25.0
"""From when on silence counts that began before it fell out: who changes its parent is back by then."""
SILENT_BEYOND_S = 15.0
"""What is silent for so much longer than a node may be away is not on its way to another parent."""
DEAD_S = 10.0
"""From when on it counts that a node missed a sign of life before it fell out."""
HEARD_S = 62.0
"""In a mesh of up to 60 nodes each is heard at least once a minute, and a little for the way."""
UNHEARD_SHARE = 0.02
"""And one: so many are not heard in time because a frame was lost."""


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the mesh is broken."""

    at: int | None
    """The node that is named: the topmost that is away, or the living parent of several; None: us."""
    tops: tuple[int, ...]
    """The topmost nodes that are away."""
    behind: tuple[int, ...]
    """The others that are."""
    parent: int | None
    """Where the topmost hung, None for below us."""
    away_s: float

    @property
    def is_group(self) -> bool:
        """Whether the node that is named is in the mesh itself."""
        return self.at not in self.tops

    @property
    def out(self) -> tuple[int, ...]:
        """All nodes that are out of reach."""
        return self.tops + self.behind


def find_breaks(
    nodes: Mapping[int, NodeFacts],
    grouped: Container[int | None] = (),
    single: Container[int] = (),
    least: int = 3,
) -> list[Break]:
    """All breaks, in the order of the nodes' ids.

    grouped: parents whose branches are told of together already: they stay together until the last is back.
    single: nodes that are told of already, each by itself.
    least: how many nodes there must be out of reach for branches to be told of together.
    """
    away = {node: facts for node, facts in nodes.items() if not facts.online and facts.away_s is not None}
    behind: dict[int, list[int]] = {}
    for node in sorted(away):
        top = _top(node, away)
        behind.setdefault(top, [])
        if top != node:
            behind[top].append(node)
    by_parent: dict[int | None, list[int]] = {}
    for top in behind:
        by_parent.setdefault(away[top].last_parent, []).append(top)
    found: list[Break] = []
    for parent, tops in by_parent.items():
        alone = [top for top in tops if top in single]
        for together in _together([top for top in tops if top not in single], away, parent in grouped):
            total = len(together) + sum(len(behind[top]) for top in together)
            if parent in grouped or (len(together) > 1 and total >= least):
                found.append(_break(parent, together, behind, away, parent))
            else:
                alone += together
        found += [_break(top, [top], behind, away, parent) for top in alone]
    return sorted(found, key=lambda one: one.tops[0])


def is_due(found: Break, nodes: Mapping[int, NodeFacts], rule: Rule) -> bool:
    """Whether a node of it is away for long enough, as the rule of silent nodes says."""
    return any(_is_due(nodes[top], nodes, rule) for top in found.tops)


def told(found: Break, nodes: Mapping[int, NodeFacts], rule: Rule, before: Before = FIRST) -> Hit:
    """The break in words."""
    # After a restart of the gateway the alert remembers for longer than the facts do.
    found = replace(found, away_s=max(found.away_s, before.for_s))
    if found.is_group:
        text, advice = _group_words(found, nodes)
    else:
        text, advice = _single_words(found, nodes)
        if rule.name == SPLIT and not found.behind:
            text += " Those that were behind it are back by other ways."
    value = float(len(found.out)) if rule.unit == "nodes" else found.away_s
    behind = found.behind if not found.is_group else found.out
    return Hit(text, advice, value, rule.threshold, since_s=found.away_s, behind=behind)


def _is_due(facts: NodeFacts, nodes: Mapping[int, NodeFacts], rule: Rule) -> bool:
    """Neighbours may take a minute to notice that a board has no power: its silence tells before."""
    away_s = facts.away_s or 0.0
    assert rule.threshold is not None
    if facts.updating:
        return away_s >= max(rule.params["updating"], rule.threshold)
    if away_s >= rule.threshold:
        return True
    if facts.silent_s < rule.threshold + SILENT_BEYOND_S:
        return False
    was_silent = away_s >= DEAD_S and facts.silent_s - away_s >= HEARD_S
    return away_s >= EARLY_S or (was_silent and _hears_everybody(nodes))


def _hears_everybody(nodes: Mapping[int, NodeFacts]) -> bool:
    """Whether silence says something: in large meshes minutes pass until a node is asked again."""
    unheard = [facts.silent_s >= HEARD_S for facts in nodes.values() if facts.online]
    return sum(unheard) <= 1 + UNHEARD_SHARE * len(unheard)


def _top(node: int, away: Mapping[int, NodeFacts]) -> int:
    """The topmost node that fell out together with this one."""
    seen = {node}
    while len(seen) < DEPTH_MAX:
        parent = away[node].last_parent
        if parent is None or parent not in away:
            return node
        if (away[node].away_s or 0.0) > (away[parent].away_s or 0.0) + OWN_BREAK_S:
            return node
        if parent in seen:  # a circle, of what was told at different times: all of it agrees on one
            return min(_circle(parent, away))
        seen.add(parent)
        node = parent
    return node


def _circle(start: int, away: Mapping[int, NodeFacts]) -> list[int]:
    nodes = [start]
    while (parent := away[nodes[-1]].last_parent) is not None and parent != start:
        nodes.append(parent)
    return nodes


def _together(tops: list[int], away: Mapping[int, NodeFacts], already: bool) -> Iterable[list[int]]:
    """Nodes below one parent, those apart that left at one moment."""
    if already:
        return [tops] if tops else []
    heaps: list[list[int]] = []
    first_s = 0.0
    for top in sorted(tops, key=_by_absence(away)):
        away_s = away[top].away_s or 0.0
        if heaps and first_s - away_s <= TOGETHER_S:
            heaps[-1].append(top)
        else:
            heaps.append([top])
            first_s = away_s
    return heaps


def _by_absence(away: Mapping[int, NodeFacts]) -> Callable[[int], tuple[float, int]]:
    return lambda node: (-(away[node].away_s or 0.0), node)


def _break(
    at: int | None,
    tops: list[int],
    behind: Mapping[int, list[int]],
    away: Mapping[int, NodeFacts],
    parent: int | None,
) -> Break:
    others = sorted(node for top in tops for node in behind[top])
    longest_s = max(away[top].away_s or 0.0 for top in tops)
    return Break(at, tuple(sorted(tops)), tuple(others), parent, longest_s)


def _single_words(found: Break, nodes: Mapping[int, NodeFacts]) -> tuple[str, str]:
    top = found.tops[0]
    name, parent = named_at_start(top, nodes), place(found.parent, nodes)
    if not found.behind:
        text = f"{name} is silent: out of the mesh for {lasting(found.away_s)}. It hung below {parent}."
        return text, f"Check its power, then what stands between it and {parent}."
    others = f"{count(len(found.behind), 'node')} behind it"
    text = (
        f"The mesh is split at {named(top, nodes)}: it is out of reach for {lasting(found.away_s)}, and so "
        f"{'is' if len(found.behind) == 1 else 'are'} {others}: {listed(found.behind, nodes)}. "
        f"The link to {parent} is gone."
    )
    return text, f"Check the power of {named(top, nodes)}, then its link to {parent}; those behind follow it."


def _group_words(found: Break, nodes: Mapping[int, NodeFacts]) -> tuple[str, str]:
    parent = place(found.at, nodes)
    branches = count(len(found.tops), "branch", "branches")
    fell = "fell" if len(found.tops) > 1 else "that fell"
    still = "together" if len(found.tops) > 1 else "with others is still away"
    text = (
        f"The mesh is split at {parent}: {branches} below it {fell} away {still}, "
        f"{lasting(found.away_s)} ago. {count(len(found.out), 'node')} out of reach: "
        f"{listed(found.out, nodes)}."
    )
    advice = (
        f"The cause is most likely {parent} itself, which is in the mesh, or the place around it: "
        "look at its load and its Wi-Fi, and restart it if they do not come back."
    )
    return text, advice
