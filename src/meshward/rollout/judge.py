"""Holding the nodes that run a new image against what they were before it, and against those without it."""

from __future__ import annotations

from msgspec.structs import replace

from meshward.ota.states import NodeState
from meshward.rollout.documents import NodeEntry, RolloutDoc
from meshward.rollout.health import Verdict
from meshward.rollout.states import ErrorClass
from meshward.rollout.surroundings import Surroundings
from meshward.rollout.wave_work import members, set_state, targets, wave_of

SOAK_LIMIT = 3
"""A soak that takes so many times its time, because nodes restart, is over."""
SOAK_SLACK_US = 60_000_000
FORGIVEN_EVERY_US = 12 * 3_600_000_000
"""For each so long that a node is watched, one more restart is forgiven."""
_WITHOUT = frozenset({NodeState.PENDING, NodeState.NOT_TARGETED})


def fail_sick(doc: RolloutDoc, around: Surroundings) -> list[NodeEntry]:
    """Fail the nodes whose health broke with the image; those that did."""
    peers = _peers(doc)
    failed = []
    for entry in targets(doc):
        if entry.state is not NodeState.COMPLETED or doc.spec.waves[entry.wave or 0].soak_s <= 0:
            continue
        verdict = _verdict(doc, entry, peers, around)
        if verdict.outcome == "failed":
            state = NodeState.LOST if verdict.error is ErrorClass.LOST else NodeState.FAILED
            set_state(entry, state, around, verdict.reason, verdict.error)
            failed.append(entry)
    return failed


def still_soaking(doc: RolloutDoc, around: Surroundings) -> list[NodeEntry]:
    """The nodes of the current wave that were not up for long enough yet."""
    if wave_of(doc).soak_s <= 0:
        return []
    peers = _peers(doc)
    soaking = [entry for entry in members(doc) if entry.state is NodeState.COMPLETED]
    return [entry for entry in soaking if _verdict(doc, entry, peers, around).outcome == "wait"]


def is_overdue(doc: RolloutDoc, around: Surroundings) -> bool:
    """Whether the soak of the current wave takes longer than it may."""
    since_us = doc.waves[doc.wave].soak_since_us or around.now_us
    limit_us = SOAK_LIMIT * int(wave_of(doc).soak_s * 1e6) + SOAK_SLACK_US
    return around.now_us - since_us > limit_us


def soak_left_us(doc: RolloutDoc, around: Surroundings) -> int:
    """How long the nodes of the current wave still have to hold out, if none of them restarts."""
    soak_us = int(wave_of(doc).soak_s * 1e6)
    left_us = 0
    for entry in members(doc):
        record = around.health.record(entry.node)
        if entry.state is NodeState.COMPLETED and record is not None:
            since_us = max(record.updated_us or 0, record.up_since_us or 0)
            left_us = max(left_us, soak_us - (around.now_us - since_us))
    return left_us


def _peers(doc: RolloutDoc) -> dict[str, list[int]]:
    """By hardware, the nodes that were not updated: what the updated ones are held against."""
    peers: dict[str, list[int]] = {}
    for entry in doc.nodes:
        if entry.state in _WITHOUT:
            peers.setdefault(entry.hardware, []).append(entry.node)
    return peers


def _verdict(doc: RolloutDoc, entry: NodeEntry, peers: dict[str, list[int]], around: Surroundings) -> Verdict:
    soak_us = int(doc.spec.waves[entry.wave or 0].soak_s * 1e6)
    watched_us = max(0, around.now_us - (around.now_us if entry.completed_us is None else entry.completed_us))
    limits = doc.spec.health
    # A rollout may last for days, in which a healthy board restarts now and then as well.
    limits = replace(limits, restarts_max=limits.restarts_max + watched_us // FORGIVEN_EVERY_US)
    return around.health.verdict(entry.node, peers.get(entry.hardware, []), limits, soak_us, around.now_us)
