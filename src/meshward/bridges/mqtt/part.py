"""What the bridge to a broker is made of: parts, which share one connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from meshward.bridges.mqtt.messages import Publication, Received


class Session(Protocol):
    """One connection to a broker, from its beginning to its end."""

    async def publish(self, publication: Publication) -> int | None:
        """Returns when the broker took it (QoS 1 and 2), or when it is handed over (0).

        Else it returns the broker's reason code: the refusal was told, and nobody tries again. What must not
        be lost may be taken later where `reasons.is_passing`. Raises LinkLostError when the connection ends.
        """

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Messages on these come to `on_message` of the part, until the connection ends.

        Raises LinkLostError. What the broker refuses is reported by the link.
        """


class Part(Protocol):
    """Something that a broker gets, or is asked for.

    `run` is started anew for every connection and cancelled at its end; what has to outlive a connection
    is kept in the part. `work` runs once, connected or not. A part that fills the shelf promises so when it
    is made (`Retained.promise`): nothing is cleared at the broker before, and the bridge stays offline there,
    which it does for 40 s at most.
    """

    @property
    def filters(self) -> Sequence[str]:
        """Topics to be subscribed to; may be none."""

    async def work(self) -> None:
        """For ever, with or without a broker: keep what is retained up to date."""

    async def run(self, session: Session) -> None:
        """While connected, after what is retained then was sent; a part without anything to do returns."""

    async def on_message(self, message: Received) -> None:
        """A message on one of its topics, after `run` began.

        Takes long work elsewhere: messages come one after another, to all parts.
        """
