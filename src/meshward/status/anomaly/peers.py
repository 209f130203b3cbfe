"""Nodes that are unlike the others of the same hardware and firmware: the place differs, or the board."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from meshward.status.anomaly.robust import SIGMAS_PER_MAD
from meshward.status.facts import NodeFacts, Outlier
from meshward.status.metrics import METRICS

GROUP_MIN = 5
FRESH_S = 600.0
Z_LIMIT = 5.0
Z_OF_FEW = 8.0
"""The spread of a few may be small by chance: of five so much more is asked, of twice as many half of that.
With normal noise, one group in 100 or fewer has an outlier."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A metric that is compared. Only one direction is trouble: more free heap than others have is none."""

    name: str
    sign: int
    """1 where more is worse, -1 where less is."""
    least: float
    """To be off by less than this is no matter, ..."""
    share: float
    """... nor by less than this share of what peers have."""
    per_hop: bool = False
    """Whether it grows with the depth in the mesh."""


COMPARED = (
    Compared("heap_free_bytes", -1, 4096, 0.25),
    Compared("heap_block_bytes", -1, 4096, 0.4),
    Compared("loop_max_ms", 1, 100, 1.0),
    Compared("cpu_percent", 1, 30, 0.5),
    Compared("temperature_c", 1, 12, 0.0),
    Compared("delay_ms", 1, 50, 1.0, per_hop=True),
    Compared("probe_loss_percent", 1, 20, 0.0),
    Compared("loss_percent", 1, 20, 0.0),
)


def outliers(nodes: Iterable[NodeFacts]) -> dict[int, tuple[Outlier, ...]]:
    """Those that are out of line now; whether they stay so is for the caller to wait for."""
    found: dict[int, tuple[Outlier, ...]] = {}
    for group in _groups(nodes):
        for compared in COMPARED:
            for node, outlier in _compare(compared, group):
                found[node] = (*found.get(node, ()), outlier)
    return found


def _groups(nodes: Iterable[NodeFacts]) -> list[list[NodeFacts]]:
    groups: dict[tuple[str, str, str], list[NodeFacts]] = {}
    for node in nodes:
        build = node.firmware_md5 or node.told_md5 or node.firmware or node.version
        if node.online and build and not node.updating and not node.excluded:
            key = node.hardware.lower(), node.role.lower(), build.lower()
            groups.setdefault(key, []).append(node)
    return [group for group in groups.values() if len(group) >= GROUP_MIN]


def _compare(compared: Compared, group: Sequence[NodeFacts]) -> Iterable[tuple[int, Outlier]]:
    told = [
        (fact.value / _hops(compared, node), node)
        for node in group
        if (fact := node.metrics.get(compared.name)) is not None and fact.age_s <= FRESH_S
    ]
    if len(told) < GROUP_MIN:
        return
    values = [value for value, _ in told]
    usual = median(values)
    spread = SIGMAS_PER_MAD * median([abs(value - usual) for value in values])
    z_limit = Z_LIMIT + Z_OF_FEW * GROUP_MIN / len(values)
    limit = max(
        z_limit * max(spread, METRICS[compared.name].quantum), compared.least, compared.share * abs(usual)
    )
    for at, (value, node) in enumerate(told):
        if compared.sign * (value - usual) > limit:
            hops = _hops(compared, node)
            peers = median(values[:at] + values[at + 1 :]) * hops
            yield node.node, Outlier(compared.name, value * hops, peers, len(values) - 1)


def _hops(compared: Compared, node: NodeFacts) -> int:
    return max(1, node.depth) if compared.per_hop else 1
