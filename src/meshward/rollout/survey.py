"""Who is a target: nodes are asked group by group, a group being one hardware and one role.

Stock boards tell neither by themselves, but answer an offer only where both are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshward.ota.record import NodeRecord
from meshward.ota.states import NodeState
from meshward.rollout.documents import NodeEntry, RolloutDoc
from meshward.rollout.states import RunKind
from meshward.rollout.surroundings import RunOrder, Surroundings
from meshward.rollout.targets import KnownNode, why_not
from meshward.rollout.waves import Candidate, assign_waves

NODES_MAX = 2000
"""Entries of one rollout; a tree has at most 1024 nodes, and who keeps on making up ids is not updated."""
Group = tuple[str, str]
"""Hardware and role."""


def groups(doc: RolloutDoc) -> list[Group]:
    """Whom the rollout is for, in the order in which they are asked."""
    return [(hardware, role) for hardware in doc.images for role in doc.spec.target.roles]


def take_in(doc: RolloutDoc, around: Surroundings) -> bool:
    """Make entries for nodes that have none; whether any node in the mesh has to be asked what it is.

    Before the first survey that is every node, later the late joiners, where those are wanted.
    """
    if doc.surveyed and not doc.spec.late_joiners:
        return bool(unasked(doc, around))
    have = {entry.node for entry in doc.nodes}
    fresh = [node for node in around.parents if node not in have]
    if not doc.surveyed:
        fresh += [node for node in _absent_targets(doc, around) if node not in have]
    room = max(0, NODES_MAX - len(doc.nodes))
    doc.nodes.extend(_new_entry(doc, node, around.known.get(node)) for node in fresh[:room])
    return bool(unasked(doc, around))


def unasked(doc: RolloutDoc, around: Surroundings) -> list[NodeEntry]:
    """The nodes in the mesh that still have to be asked what they are."""
    return [entry for entry in doc.nodes if _is_open(entry) and entry.node in around.parents]


def next_order(doc: RolloutDoc, around: Surroundings) -> RunOrder | None:
    """The next group to ask, and which nodes of it; None when all are asked."""
    every = groups(doc)
    waiting = unasked(doc, around)
    for entry in waiting:
        _skip_what_is_known(entry, every, around.known.get(entry.node))
    waiting = [entry for entry in waiting if _is_open(entry)]
    if not waiting:
        return None
    first = min(entry.asked for entry in waiting)
    hardware, role = every[first]
    nodes = tuple(sorted(entry.node for entry in waiting if entry.asked == first))
    return RunOrder(RunKind.SURVEY, doc.images[hardware], hardware, role, nodes)


def answered(doc: RolloutDoc, order: RunOrder, records: Mapping[int, NodeRecord]) -> None:
    """Take the answers of a survey run; `records` has none for nodes that left before they were asked."""
    entries = {entry.node: entry for entry in doc.nodes}
    count = len(groups(doc))
    for node in order.nodes:
        entry, record = entries.get(node), records.get(node)
        if entry is None or record is None or not _is_open(entry):
            continue
        if record.state is NodeState.ALREADY_INSTALLED:
            _is_of(entry, order)
            entry.state = NodeState.ALREADY_INSTALLED
        elif record.needs_image:
            _is_of(entry, order)
            entry.state = NodeState.PENDING
        elif record.state is NodeState.UNREACHABLE and entry.hardware:
            _wait_for(doc, entry)
        elif record.state is NodeState.UNREACHABLE:
            entry.state, entry.reason = NodeState.UNREACHABLE, record.reason
        else:
            entry.asked += 1
            if entry.asked >= count:
                _leave_out(entry, f"not of {_listed(doc)}, or takes no updates")


def draw_up_waves(doc: RolloutDoc, around: Surroundings) -> None:
    """Put every target into a wave: at first as the spec says, later all into the last one.

    Targets that are not in the mesh now go to the last wave as well.
    """
    last = len(doc.spec.waves) - 1
    targets = [entry for entry in doc.nodes if _is_target(entry) and entry.wave is None]
    here = [entry for entry in targets if entry.node in around.parents]
    places: dict[int, int] = {}
    if not doc.surveyed:
        below = around.below()
        candidates = [
            Candidate(
                entry.node,
                around.depths.get(entry.node, 1),
                around.parents[entry.node],
                entry.hardware,
                entry.role,
                below[entry.node],
            )
            for entry in here
        ]
        places = assign_waves(doc.spec.waves, candidates)
        doc.surveyed = True
    for entry in targets:
        entry.wave = places.get(entry.node, last)
        entry.image = doc.images[entry.hardware]


def _new_entry(doc: RolloutDoc, node: int, known: KnownNode | None) -> NodeEntry:
    entry = NodeEntry(node=node)
    known = known or KnownNode(node, "", "", frozenset(), "", "", None)
    entry.previous = known.image
    if (known.hardware, known.role) in groups(doc) and node not in doc.spec.target.exclude:
        entry.hardware, entry.role = known.hardware, known.role
    reason = why_not(doc.spec.target, known)
    if reason is not None:
        _leave_out(entry, reason)
    return entry


def _absent_targets(doc: RolloutDoc, around: Surroundings) -> list[int]:
    every = groups(doc)
    return [
        node
        for node, known in around.known.items()
        if node not in around.parents
        and (known.hardware, known.role) in every
        and why_not(doc.spec.target, known) is None
    ]


def _is_open(entry: NodeEntry) -> bool:
    return entry.state is NodeState.PENDING and entry.wave is None and not _is_asked(entry)


def _is_asked(entry: NodeEntry) -> bool:
    return entry.asked < 0


def _is_target(entry: NodeEntry) -> bool:
    return entry.state is NodeState.PENDING and bool(entry.hardware)


def _is_of(entry: NodeEntry, order: RunOrder) -> None:
    entry.hardware, entry.role = order.hardware, order.role
    entry.asked = -1  # its group is found


def _wait_for(doc: RolloutDoc, entry: NodeEntry) -> None:
    """It is known to be a target and answers nothing now: it has its turn at the end."""
    entry.asked = -1
    entry.wave = len(doc.spec.waves) - 1
    entry.image = doc.images[entry.hardware]


def _skip_what_is_known(entry: NodeEntry, every: list[Group], known: KnownNode | None) -> None:
    """Do not ask a node for groups that it was shown not to belong to."""
    if known is None or not (known.hardware and known.role):
        return
    group = (known.hardware, known.role)
    while entry.asked < len(every) and every[entry.asked] != group:
        entry.asked += 1
    if entry.asked >= len(every):
        _leave_out(entry, f"is {known.role!r} on {known.hardware}")


def _leave_out(entry: NodeEntry, reason: str) -> None:
    entry.state, entry.reason = NodeState.NOT_TARGETED, reason


def _listed(doc: RolloutDoc) -> str:
    roles = " or ".join(repr(role) for role in doc.spec.target.roles)
    return f"role {roles} on {' or '.join(doc.images)}"
