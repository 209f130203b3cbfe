"""A node with the health agent, in a mesh that the test plays."""

import json
from typing import Any

from meshnode.health.agent import HealthAgent
from meshnode.rng import SmallRandom
from meshward.status.telemetry import Decoded, TelemetryDecoder
from tests.support.subject import SECOND_US, Subject, frame, hello
from tests.support.telemetry import NAMES, Values, steady

ME, GATEWAY, OTHER = 1000, 7, 71
MINUTE_US = 60 * SECOND_US


class FakeBoard:
    """Measures what the test says."""

    def __init__(self) -> None:
        self.values: Values = steady()
        self.reads = 0

    def read(self, _now_us: int) -> Values:
        self.reads += 1
        return list(self.values)

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            self.values[NAMES.index(name)] = value


class AgentMesh:
    """The agent's node, with a gateway behind link "a"."""

    def __init__(self, *, later_us: int = 0, **options: Any) -> None:
        self.subject = Subject(ME)
        self.subject.now_us += later_us
        self.board = FakeBoard()
        self.come()
        self.decoder = TelemetryDecoder()
        self.agent = HealthAgent(
            self.subject.node, self.board, SmallRandom(5), self.subject.now_us, **({"boots": 3} | options)
        )
        self.subject.node.attach(self.agent)
        self.pass_s(60)
        self.subject.forget()

    def come(self) -> None:
        """The gateway dials, with another node behind it."""
        self.subject.join("a", GATEWAY, OTHER)

    def leave(self) -> None:
        self.subject.hang_up("a")

    def ask(self, kind: int = 713, **fields: Any) -> None:
        """A request of the gateway's."""
        self.subject.say("a", frame(**({"type": kind, "routing": 1, "from": GATEWAY, "dest": ME} | fields)))

    def subscribe(self) -> None:
        """The gateway asks for telemetry, and has got its snapshot."""
        self.ask()
        self.take()

    def telemetry(self) -> list[dict[str, Any]]:
        """Packages of telemetry sent since."""
        return self.subject.packages("a", 712)

    def take(self) -> list[tuple[int, Decoded]]:
        """What the gateway makes of all that was sent since."""
        decoded = []
        for at_us, data in self.subject.heard.get("a", []):
            package = json.loads(data)
            if package["type"] == 712:
                decoded.append((at_us, self.decoder.receive(package, at_us)))
        self.subject.forget()
        return decoded

    def pass_s(self, seconds: float) -> None:
        """Let time pass; the neighbours answer node sync meanwhile."""
        end_us = self.subject.now_us + int(seconds * SECOND_US)
        while self.subject.now_us < end_us:
            self.subject.run_until(min(end_us, self.subject.now_us + 2 * SECOND_US))
            for link, node_id in self.subject.node.links():
                subs = (OTHER,) if node_id == GATEWAY else ()
                self.subject.say(link, hello(node_id, *subs, kind=6))
