"""Filters, sorting and pages of the node list, which is known from memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from meshward.gateway.views import NodeView, Page
from meshward.web.problems import refusal_of_field

SORT_FIELDS = (
    *("id", "name", "online", "parent", "depth", "hardware", "role", "version", "excluded"),
    *("first_seen_at", "last_seen_at", "up_since_at", "delay_ms", "free_heap_bytes", "update_state"),
    *("health", "alerts"),
)
SORT_KEYS_MAX = 5


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """Nodes that meet all that is given."""

    online: bool | None = None
    excluded: bool | None = None
    role: str | None = None
    hardware: str | None = None
    version: str | None = None
    tags: Sequence[str] = ()
    q: str = ""
    """Part of the name or of the id."""

    def fits(self, node: NodeView) -> bool:
        """Whether the node is meant."""
        exact = (
            (self.online, node.online),
            (self.excluded, node.excluded),
            (self.role, node.role),
            (self.hardware, node.hardware),
            (self.version, node.version),
        )
        return (
            all(wanted is None or wanted == actual for wanted, actual in exact)
            and all(tag in node.tags for tag in self.tags)
            and (self.q.casefold() in node.name.casefold() or self.q in str(node.id))
        )


def sort_nodes(nodes: list[NodeView], sort: str) -> list[NodeView]:
    """Sorted by `field,-field`; what is not known comes last both ways, and equals go by their id."""
    ordered = sorted(nodes, key=lambda node: node.id)
    keys = [key for key in sort.split(",") if key]
    if len(keys) > SORT_KEYS_MAX:
        raise refusal_of_field("sort", f"at most {SORT_KEYS_MAX} fields")
    for key in reversed(keys):
        name = key.removeprefix("-")
        if name not in SORT_FIELDS:
            raise refusal_of_field(
                "sort", f"there is no field {name[:40]!r} to sort by, but {', '.join(SORT_FIELDS)}"
            )
        known = [node for node in ordered if getattr(node, name) is not None]
        unknown = [node for node in ordered if getattr(node, name) is None]
        known.sort(key=_by(name), reverse=key.startswith("-"))
        ordered = known + unknown
    return ordered


def page_nodes(nodes: list[NodeView], limit: int, cursor: str | None) -> Page[NodeView]:
    """The part after the cursor, which names the last node shown and its place: where that node went
    meanwhile, the place decides.
    """
    start = _start(nodes, cursor) if cursor else 0
    items = nodes[start : start + limit]
    end = start + len(items)
    following = f"{items[-1].id}.{end}" if items and end < len(nodes) else None
    return Page(items=items, total=len(nodes), next=following)


def _start(nodes: list[NodeView], cursor: str) -> int:
    node_id, _, place = cursor.partition(".")
    if not (node_id.isascii() and node_id.isdigit() and place.isascii() and place.isdigit()):
        raise refusal_of_field("cursor", "use `next` of the page before as it is")
    for index, node in enumerate(nodes):
        if str(node.id) == node_id:
            return index + 1
    return int(place)


def _by(name: str) -> Callable[[NodeView], Any]:
    def key(node: NodeView) -> Any:
        value = getattr(node, name)
        return value.casefold() if isinstance(value, str) else value

    return key
