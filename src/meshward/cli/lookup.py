"""Nodes by id or name, and rollouts, alerts and silences by the beginning of their id."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from meshward.cli.errors import UsageError
from meshward.cli.options import parse_node_id
from meshward.errors import UnknownItemError
from meshward.gateway.health_views import AlertView, SilenceView
from meshward.gateway.views import NodeView, RolloutSummary
from meshward.rollout.states import FINAL, RolloutState

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway

ACTIVE = [state.value for state in RolloutState if state not in FINAL]
ALERT_STATES = ["pending", "firing", "resolved"]
_ALERTS_MAX = 2000
"""Among so many of the newest alerts the beginning of an id is looked for."""


class NodeNames:
    """Finds nodes by id or by the name that a user gave them."""

    def __init__(self, nodes: Iterable[NodeView]) -> None:
        self._nodes = list(nodes)

    def __call__(self, text: str) -> int:
        """The node's id. An id need not be known. Raises ValueError for a name that is not, or is twice."""
        if text.isascii() and text.isdigit():
            return parse_node_id(text)
        named = [node.id for node in self._nodes if node.name and node.name.casefold() == text.casefold()]
        if not named:
            raise ValueError(f"no node has the id or name {text!r}: list them with `meshward status`")
        if len(named) > 1:
            raise ValueError(f"nodes {', '.join(map(str, named))} are all called {text!r}: give the id")
        return named[0]


async def node_names(gateway: "Gateway") -> NodeNames:
    """All nodes that the gateway knows."""
    return NodeNames(await gateway.every("nodes", NodeView))


async def find_node(gateway: "Gateway", text: str) -> int:
    """The id of the node meant. Raises UsageError."""
    try:
        return parse_node_id(text) if text.isdigit() else (await node_names(gateway))(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


async def find_nodes(gateway: "Gateway", texts: Sequence[str]) -> list[int]:
    """The ids of the nodes meant, each once. Raises UsageError."""
    names = await node_names(gateway) if any(not text.isdigit() for text in texts) else NodeNames(())
    try:
        return list(dict.fromkeys(names(text) for text in texts))
    except ValueError as error:
        raise UsageError(str(error)) from None


async def find_rollout(gateway: "Gateway", text: str | None) -> str:
    """The id of the rollout meant: by its beginning, or the one that is active. Raises UsageError."""
    if text is None:
        return _only(await gateway.every("rollouts", RolloutSummary, {"state": ACTIVE}))
    rollouts = await gateway.every("rollouts", RolloutSummary)
    return _begun([rollout.id for rollout in rollouts], text, "rollout", "rollout list")


async def find_alert(gateway: "Gateway", text: str) -> str:
    """The id of the alert meant, by its beginning; rather one that is not over. Raises UsageError."""
    going_on = [alert.id for alert in await gateway.every("alerts", AlertView, limit=_ALERTS_MAX)]
    if text in going_on:
        return text
    over = await gateway.every("alerts", AlertView, {"state": "resolved"}, _ALERTS_MAX)
    ids = [alert.id for alert in over]
    meant = text not in ids and any(known.startswith(text) for known in going_on)
    return _begun(going_on if meant else ids, text, "alert", "alerts list --all")


async def find_silence(gateway: "Gateway", text: str) -> str:
    """The id of the silence or maintenance window meant, by its beginning. Raises UsageError."""
    silences = await gateway.get("silences", list[SilenceView])
    return _begun([silence.id for silence in silences], text, "silence", "alerts silences")


def _begun(ids: Sequence[str], text: str, noun: str, command: str) -> str:
    """The one id that begins so, or is just that."""
    found = [known for known in ids if text and known.startswith(text)]
    if text in found:
        return text
    if not found:
        raise UnknownItemError(f"there is no {noun} {text}: list them with `meshward {command}`")
    if len(found) > 1:
        raise UsageError(f"{text} begins the ids of {len(found)} {noun}s: {', '.join(found[:5])}")
    return found[0]


def _only(active: list[RolloutSummary]) -> str:
    if not active:
        raise UsageError("no rollout is under way: give the id of one; see `meshward rollout list`")
    if len(active) > 1:
        listed = ", ".join(f"{rollout.id} ({rollout.name})" for rollout in active[:5])
        raise UsageError(f"{len(active)} rollouts are under way, so say which: {listed}")
    return active[0].id
