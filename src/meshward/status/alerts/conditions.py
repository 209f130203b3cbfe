"""The other conditions of nodes and of the mesh; what becomes of nodes that are away is in `breaks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from meshward.status.alerts.around import Around
from meshward.status.alerts.documents import Severity
from meshward.status.alerts.hits import ALL, MESH, UNSURE, Before, Hit, Verdict
from meshward.status.alerts.rule import UPDATE_FAILED, Rule
from meshward.status.alerts.thresholds import low_heap, node_clock, so_long, threshold, weak_link
from meshward.status.alerts.words import count, lasting, listed, measured, named, named_at_start, size
from meshward.status.anomaly.watched import ways as ways_of
from meshward.status.facts import NodeFacts
from meshward.status.metrics import METRICS
from meshward.text import printable

NodeCondition = Callable[[Rule, NodeFacts, Around, Before], Verdict]
MeshCondition = Callable[[Rule, Around, Before], Verdict]

STORM_NODES_MIN = 6
"""Of fewer nodes, two that move are a third already."""
REFUSED_CHARACTERS = 80
HOUR_S = 3600.0


def _leak(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    leak = node.leak
    assert rule.threshold is not None
    # A forecast wavers; one that was told is not taken back for that.
    if leak is None or leak.hours_left > rule.threshold * (1.25 if before.firing else 1):
        return None
    fact = node.metrics.get("heap_free_bytes")
    left = f", {size(fact.value)} are left" if fact is not None else ""
    text = (
        f"{named_at_start(node.node, around.nodes)} leaks memory: it runs out in about "
        f"{_hours(leak.hours_left)} (likely between {_hours(leak.hours_low)} and {_hours(leak.hours_high)}). "
        f"It loses {size(leak.bytes_per_h)} an hour{left}."
    )
    advice = "Restart it before then to gain time; what helps is firmware that frees what it takes."
    severity: Severity | None = "critical" if leak.hours_left < rule.params["critical"] else None
    return Hit(text, advice, leak.hours_left, rule.threshold, severity)


def _hours(hours: float) -> str:
    return lasting(min(max(hours, 0.0), 24_000.0) * 3600)


def _reboot_loop(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    assert rule.threshold is not None
    advice = "Look at its power supply first, then at its serial log. If its firmware is new, go back."
    within_s = rule.params["within"]
    restarts = _within(node.restarts_us, within_s, around)
    if restarts >= (1 if before.firing else rule.threshold):
        text = (
            f"{named_at_start(node.node, around.nodes)} restarted {count(restarts, 'time')} "
            f"within {lasting(within_s)}."
        )
        return Hit(text, advice, restarts, rule.threshold)
    # A board that tells no uptime: all that is seen of its restarts is that it comes back. Below another
    # parent, it moved.
    rejoins, moves = (node.metrics.get(name) for name in ("rejoins_per_h", "moves_per_h"))
    if rejoins is None:
        return None
    times = rejoins.value - (0 if moves is None else moves.value) - _within(node.restarts_us, HOUR_S, around)
    limit = rule.params["rejoins_per_h"]
    if times < (2 if before.firing else limit):
        return None
    text = (
        f"{named_at_start(node.node, around.nodes)} fell out of the mesh by itself and came back "
        f"{count(round(times), 'time')} within the last hour: it restarts, or its link is bad."
    )
    return Hit(text, advice, times, limit)


def _moving(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    assert rule.threshold is not None
    within_s = rule.params["within"]
    moves = _within(node.moves_us, within_s, around)
    if moves < (rule.threshold / 2 if before.firing else rule.threshold):
        return None
    text = (
        f"{named_at_start(node.node, around.nodes)} changed its parent {count(moves, 'time')} within "
        f"{lasting(within_s)}. Each change interrupts what goes through it."
    )
    advice = "It finds no parent that is clearly best: bring it closer to one, or add a node where it is."
    return Hit(text, advice, moves, rule.threshold)


def _storm(rule: Rule, around: Around, before: Before) -> Verdict:
    here = [node for node in around.nodes.values() if node.online]
    within_s = rule.params["mesh_within"]
    moved = [node.node for node in here if _within(node.moves_us, within_s, around)]
    limit = rule.params["mesh_share"] * len(here)
    if len(here) < STORM_NODES_MIN or len(moved) <= (limit / 2 if before.firing else limit):
        return None
    text = (
        f"The mesh does not settle: {len(moved)} of {len(here)} nodes changed their parent within "
        f"{lasting(within_s)}: {listed(moved, around.nodes)}."
    )
    advice = "Look for what changed: a relay that restarts, a crowded Wi-Fi channel, two boards with one id."
    return Hit(text, advice, len(moved), limit)


def _firmware_mismatch(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:  # noqa: ARG001 as all
    told, proven = node.told_md5.lower(), node.firmware_md5.lower()
    if not told or not proven or told == proven or node.updating:
        return None
    text = (
        f"{named_at_start(node.node, around.nodes)} says that it runs firmware {printable(told, 32)} (MD5), "
        f"but was last proven to run {proven[:32]}."
    )
    return Hit(text, "Somebody else updated it, or it went back by itself: update it anew, or ask who did.")


def _unwell(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    assert rule.threshold is not None
    number = ways_of(node.anomalies)  # a burst of traffic shows in four metrics, and is one thing
    if node.updating or number < rule.threshold - before.firing:
        return None
    words = ", ".join(
        f"{METRICS[one.metric].words if one.metric in METRICS else one.metric} "
        f"{measured(one.value, one.metric)} (usually {measured(one.usual, one.metric)})"
        for one in node.anomalies[:4]
    )
    text = f"{named_at_start(node.node, around.nodes)} is unlike itself in {number} ways at once: {words}."
    return Hit(text, "See in its history when it began, and what happened then.", number, rule.threshold)


def _outlier(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:  # noqa: ARG001 as all
    if not node.outliers or node.updating:
        return None
    ways = ", ".join(
        f"{METRICS[one.metric].words if one.metric in METRICS else one.metric} "
        f"{measured(one.value, one.metric)} (theirs {measured(one.peers, one.metric)})"
        for one in node.outliers[:4]
    )
    peers = max(one.count for one in node.outliers)
    text = (
        f"{named_at_start(node.node, around.nodes)} is unlike the {peers} others of its hardware and firmware"
        f"{so_long(before)}: {ways}."
    )
    return Hit(
        text, "It may stand in a bad place, have another load, or be a faulty board.", len(node.outliers)
    )


def _strange(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    assert rule.threshold is not None
    ease = 0.5 if before.firing else 1.0
    name = named_at_start(node.node, around.nodes)
    if node.packages_per_min > rule.threshold * ease:
        text = (
            f"{name} floods the mesh: {node.packages_per_min:.0f} packages a minute to us"
            f"{so_long(before)}. Those beyond what is usual are not looked at."
        )
        advice = "Look at its sketch; if it is none of yours, change the mesh's password."
        return Hit(text, advice, node.packages_per_min, rule.threshold)
    if node.refused_per_min > rule.params["refused"] * ease:
        last = f", the last: {printable(node.refused, REFUSED_CHARACTERS)}" if node.refused else ""
        text = f"{name} sends what cannot be: {node.refused_per_min:.0f} values a minute are refused{last}."
        advice = "Its sketch fills packages wrongly, or it is broken; nothing of this is shown as measured."
        return Hit(text, advice, node.refused_per_min, rule.params["refused"])
    return None


def _strangers(rule: Rule, around: Around, before: Before) -> Verdict:
    facts, limit = around.facts, rule.params["unknown"]
    if facts.unknown_senders_per_min <= limit * (0.5 if before.firing else 1):
        return None
    via = facts.unknown_sender_via
    by = f"; most come through {named(via, around.nodes)}" if via is not None else ""
    text = (
        f"{facts.unknown_senders_per_min:.0f} packages a minute name a sender that is not in the mesh, or "
        f"somewhere else in it{by}. They are not looked at."
    )
    advice = "A node there lies about who it is, or has another's id: look at the boards behind that place."
    return Hit(text, advice, facts.unknown_senders_per_min, limit)


def _cut_off(rule: Rule, around: Around, before: Before) -> Verdict:  # noqa: ARG001 as all
    if around.facts.connected:
        return None
    text = (
        f"The gateway sees nothing of the mesh{so_long(before)}: it has no neighbour. What happens there is "
        "not known, and no other alert of a node changes."
    )
    advice = (
        "Check that the node it connects to has power, and the Wi-Fi between; `meshward doctor` tells more."
    )
    return Hit(text, advice)


def _gateway_clock(rule: Rule, around: Around, before: Before) -> Verdict:  # noqa: ARG001 as all
    if around.facts.clock_is_sane:
        return None
    text = f"The clock of the gateway is not set{so_long(before)}: times in its history are wrong."
    return Hit(text, "Give it a way to a time server, or set its clock.")


def failed_updates(around: Around) -> Iterator[tuple[str, Hit]]:
    """A hit for each rollout that failed, by its id."""
    for failed in around.facts.failed_updates:
        left = (
            f" {count(len(failed.nodes), 'node')}: {listed(failed.nodes, around.nodes)}."
            if failed.nodes
            else ""
        )
        name = printable(failed.name, 60) or failed.rollout
        text = f"The update {name!r} failed: {printable(failed.reason, 200).rstrip('.')}.{left}"
        advice = f"See `meshward rollout show {failed.rollout}` for what became of each node."
        yield failed.rollout, Hit(text, advice, float(len(failed.nodes)) if failed.nodes else None)


def _within(moments_us: tuple[int, ...], within_s: float, around: Around) -> int:
    since_us = around.now_us - int(within_s * 1e6)
    return sum(moment_us > since_us for moment_us in moments_us)


NODE_CONDITIONS: Mapping[str, NodeCondition] = {
    "threshold": threshold,
    "low_heap": low_heap,
    "weak_link": weak_link,
    "node_clock": node_clock,
    "leak": _leak,
    "reboot_loop": _reboot_loop,
    "moving": _moving,
    "firmware_mismatch": _firmware_mismatch,
    "unwell": _unwell,
    "outlier": _outlier,
    "strange_packages": _strange,
}
"""By the kind of a rule; held against each node."""

MESH_CONDITIONS: Mapping[str, MeshCondition] = {
    "gateway_cut_off": _cut_off,
    "gateway_clock": _gateway_clock,
    "moving": _storm,
    "strange_packages": _strangers,
}
"""Held against the mesh as a whole."""

OF_THE_GATEWAY = frozenset({"gateway_cut_off", "gateway_clock", UPDATE_FAILED})
"""Kinds that can be judged while nothing is seen of the mesh."""
WHILE_AWAY = frozenset({"reboot_loop"})
"""Kinds that are held against nodes out of the mesh as well: the silence of these does not explain them."""


def judge_node(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    """A rule held against a node that is in the mesh, or was."""
    if not node.online and rule.kind not in WHILE_AWAY:
        return UNSURE if before.firing else None
    verdict = NODE_CONDITIONS[rule.kind](rule, node, around, before)
    if isinstance(verdict, Hit) and (behind := around.below(node.node)):
        hang = "hangs" if behind == 1 else "hang"
        return _with_text(verdict, f"{verdict.text} {count(behind, 'node')} {hang} behind it.")
    return verdict


def _with_text(hit: Hit, text: str) -> Hit:
    return Hit(text, hit.advice, hit.value, hit.threshold, hit.severity, hit.since_s, hit.behind)


__all__ = ["ALL", "MESH", "failed_updates", "judge_node"]
