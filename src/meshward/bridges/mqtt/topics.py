"""The topics of one mesh at one broker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of topics below a prefix, as "mesh"."""

    prefix: str

    # Status, retained.
    def status(self, what: str) -> str:
        """What: nodes, topology, metrics or alerts."""
        return f"{self.prefix}/status/{what}"

    def node(self, node: int, what: str = "") -> str:
        """A node: all that is known, or "health", "availability" or "update"."""
        return f"{self.prefix}/status/node/{node}" + (f"/{what}" if what else "")

    def bridge(self, what: str) -> str:
        """What: state, info or health."""
        return f"{self.prefix}/bridge/{what}"

    @property
    def all_retained(self) -> tuple[str, ...]:
        """Filters for everything of ours that lies at the broker."""
        return (f"{self.prefix}/status/#", f"{self.prefix}/bridge/+", f"{self.prefix}/ota/status/#")

    # What happens, not retained.
    @property
    def event(self) -> str:
        """What happened, one by one."""
        return f"{self.prefix}/event"

    # Commands.
    def request(self, action: str) -> str:
        """An action asked for; "+" for all."""
        return f"{self.prefix}/ota/request/{action}"

    def response(self, action: str) -> str:
        """Its answer."""
        return f"{self.prefix}/ota/response/{action}"

    @property
    def command(self) -> str:
        """Commands of another form, one topic for all."""
        return f"{self.prefix}/ota/command"

    def update_status(self, rollout: str = "") -> str:
        """Retained: updates under way, or one of them."""
        return f"{self.prefix}/ota/status" + (f"/{rollout}" if rollout else "")

    def node_update(self, node: int | str) -> str:
        """Where Home Assistant asks for the update of a node; "+" for all."""
        return f"{self.prefix}/ota/node/{node}/install"

    # Texts and commands through the mesh.
    def message_from(self, node: int) -> str:
        """Texts of a node."""
        return f"{self.prefix}/message/{node}"

    def message_to(self, node: int | str) -> str:
        """Texts for a node: its id, "all", or "+" to subscribe."""
        return f"{self.prefix}/message/{node}/send"

    def command_to(self, node: int | str) -> str:
        """Commands of Alteriom's for a node: its id, "all", or "+" to subscribe."""
        return f"{self.prefix}/command/{node}/send"
