"""Who is meant by a rollout, as far as it is known before anybody was asked."""

from __future__ import annotations

from dataclasses import dataclass

from meshward.rollout.spec import Target


@dataclass(frozen=True, slots=True)
class KnownNode:
    """What is known of a node; "" where it is not known yet."""

    node: int
    hardware: str
    role: str
    tags: frozenset[str]
    version: str
    image: str
    """SHA-256 of the firmware that it was last proven to run."""
    excluded: str | None
    """Why a user left it out of all updates; None where nobody did."""


def why_not(target: Target, node: KnownNode) -> str | None:
    """Why a node is no target, for people; None where it may be one.

    Stock boards tell their role and hardware only when asked, so what is not known is not held against them.
    """
    if node.excluded is not None:
        return f"excluded from updates: {node.excluded}" if node.excluded else "excluded from updates"
    if target.nodes and node.node not in target.nodes:
        return "not among the nodes of this rollout"
    if node.node in target.exclude:
        return "left out of this rollout"
    if missing := [tag for tag in target.tags if tag not in node.tags]:
        return f"has no tag {_listed(missing)}"
    if target.versions and node.version not in target.versions:
        runs = f"runs version {node.version!r}" if node.version else "its version is not known"
        return f"{runs}, the rollout is for {_listed(target.versions)}"
    if node.role and node.role not in target.roles:
        return f"has the role {node.role!r}, the rollout is for {_listed(target.roles)}"
    return None


def _listed(words: tuple[str, ...] | list[str], most: int = 5) -> str:
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(map(repr, words[:most])) + more
