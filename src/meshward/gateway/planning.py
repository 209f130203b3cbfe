"""What a rollout would do, worked out before anything is sent, from what is known by now."""

from __future__ import annotations

from collections.abc import Mapping

from meshward.gateway.views import PlannedWave, RolloutPlan
from meshward.ota.states import NodeState
from meshward.push.plan import ASSUMED_LINK_BYTES_PER_S
from meshward.rollout import survey
from meshward.rollout.documents import RolloutDoc
from meshward.rollout.runs import Images
from meshward.rollout.surroundings import Surroundings
from meshward.rollout.targets import KnownNode, why_not

RESTART_S = 12.0
"""From the last part to the proof of a node."""
SURVEY_S = 20.0


def plan(doc: RolloutDoc, around: Surroundings, images: Images) -> RolloutPlan:
    """The plan of a rollout that was not begun. Raises UpdateRefusedError, StoreError for its images."""
    every = survey.groups(doc)
    payloads = {
        (hardware, role): images.payload(doc.images[hardware], hardware, role, doc.spec.transfer)
        for hardware, role in every
    }
    unknown, installed = [], []
    left_out: dict[str, str] = {}
    survey.take_in(doc, around)
    for entry in doc.nodes:
        known = around.known.get(entry.node) or KnownNode(entry.node, "", "", frozenset(), "", "", None)
        reason = _why_left_out(doc, known)
        if reason is not None:
            left_out[str(entry.node)] = reason
            entry.state = NodeState.NOT_TARGETED
        elif not (known.hardware and known.role):
            unknown.append(entry.node)
            entry.state = NodeState.NOT_TARGETED
        elif known.image and known.image == doc.images[known.hardware]:
            installed.append(entry.node)
            entry.state = NodeState.ALREADY_INSTALLED
    survey.draw_up_waves(doc, around)
    targets = [entry for entry in doc.nodes if entry.wave is not None]
    image_bytes = {
        group: sum(payload.parts.frame_bytes(part) for part in range(len(payload.parts)))
        for group, payload in payloads.items()
    }
    hops = {entry.node: around.depths.get(entry.node, 1) for entry in targets}
    all_links = sum(image_bytes[entry.hardware, entry.role] * hops[entry.node] for entry in targets)
    return RolloutPlan(
        waves=[
            PlannedWave(
                name=wave.name,
                nodes=sorted(entry.node for entry in targets if entry.wave == index),
                soak_s=wave.soak_s,
            )
            for index, wave in enumerate(doc.spec.waves)
        ],
        already_installed=sorted(installed),
        not_targeted=left_out,
        unknown=sorted(unknown),
        bytes_all_links=all_links,
        estimated_s=round(_estimate_s(doc, image_bytes), 1),
        rollback={hardware: doc.back.get(hardware, "") for hardware in doc.images},
        warnings=_warnings(doc, unknown, around.known),
    )


def _why_left_out(doc: RolloutDoc, known: KnownNode) -> str | None:
    if known.hardware and known.hardware not in doc.images:
        return f"is a {known.hardware}, and there is no image for that"
    return why_not(doc.spec.target, known)


def _estimate_s(doc: RolloutDoc, image_bytes: Mapping[tuple[str, str], int]) -> float:
    """Survey, transfers, restarts and soaks, at the rate of a board with a 10 ms main loop."""
    total_s = SURVEY_S * len(image_bytes)
    for index, wave in enumerate(doc.spec.waves):
        groups = {(e.hardware, e.role) for e in doc.nodes if e.wave == index}
        if groups:
            transfer_s = sum(image_bytes[group] for group in groups) / ASSUMED_LINK_BYTES_PER_S
            total_s += 1.1 * transfer_s + RESTART_S * len(groups) + wave.soak_s + SURVEY_S
    return total_s


def _warnings(doc: RolloutDoc, unknown: list[int], known: Mapping[int, KnownNode]) -> list[str]:
    found = []
    if unknown:
        found.append(
            f"{len(unknown)} nodes were never asked for their role and hardware; the survey at the start does"
        )
    if doc.spec.on_failure == "rollback":
        for hardware in doc.images:
            lacking = [
                e.node
                for e in doc.nodes
                if e.hardware == hardware
                and e.wave is not None
                and not (doc.back.get(hardware) or e.previous)
            ]
            if (lacking or unknown) and not doc.back.get(hardware):
                found.append(
                    f"no image is known to roll {hardware} boards back to: name the last good one with "
                    "--rollback-to, else a failure only pauses the rollout"
                )
    if not known:
        found.append("no node was ever seen: is the gateway in the mesh?")
    return found
