"""What the bridge sends to an MQTT broker in an hour, by profile (virtual time)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.settings import Settings
from bench.table import Cell, Table
from meshward.bridges.mqtt.messages import Publication
from meshward.bridges.mqtt.profiles.choice import make_profile
from meshward.bridges.mqtt.profiles.profile import Told
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.status_topics import StatusTopics
from meshward.bridges.mqtt.topics import Topics
from meshward.config.bridges import Profile
from tests.sim.bridge_scene import BridgeScene
from tests.sim.health_scenes import HOUR, MINUTE

SUMMARY = "bytes of the MQTT bridge per hour, by profile (virtual time)"
NODES = 10
PERIOD_S, SLOW_S = 30.0, 300.0
WARM_S = 30 * MINUTE
PROFILES: tuple[Profile, ...] = ("meshward", "alteriom")
PROPOSED_BYTES = 20_000
"""Per hour for 10 nodes at 30 s, as the proposal has it."""
GROUPS = {
    "all": "all topics",
    "mesh": "status/nodes, topology, metrics, alerts",
    "node": "status/node/ID and below",
    "bridge": "bridge/info, health",
}
COUNTED = (
    "A quiet hour of boards with telemetry and names of 12 characters; what did not change is not sent. Ids"
    " have 4 digits here; those of boards have 10, which adds 6 bytes wherever one stands. Bytes are topic"
    " and payload; framed are PUBLISH packets of MQTT 5 with QoS 1 and no properties. The broker's PUBACKs"
    " (4 bytes each), TCP, TLS and IP come to it."
)
PROPOSAL = (
    f"The proposal's figure is {PROPOSED_BYTES // 1000} KB (of 1000 bytes) an hour, which is"
    f" {PROPOSED_BYTES / (HOUR / PERIOD_S):.0f} bytes at each of {HOUR / PERIOD_S:.0f} times: room for a"
    " summary, and not for ten nodes one by one. Without being told to it sends no topics of single nodes, so"
    " the row of the four mesh topics is what compares with it."
)


def measure(settings: Settings) -> list[Table]:
    """One table: by profile and group of topics."""
    hours = max(0.1, settings.seconds(1.0))
    rows: list[Sequence[Cell]] = []
    for profile in PROFILES:
        for period_s in (PERIOD_S, SLOW_S):
            counts = run(profile, period_s, hours)
            for group, words in GROUPS.items():
                count = counts[group]
                hourly = [round(value / hours) for value in (count.messages, count.bytes, count.framed_bytes)]
                rows.append((profile, round(period_s), words, *hourly, count.at_once_bytes))
    columns = (
        "profile",
        "every s",
        "topics",
        "messages/h",
        "bytes/h",
        "framed bytes/h",
        "framed, on connecting",
    )
    return [Table(f"The MQTT bridge with {NODES} nodes", columns, rows, (COUNTED, PROPOSAL))]


@dataclass(slots=True)
class Count:
    """What was sent of a group of topics."""

    messages: int = 0
    bytes: int = 0
    framed_bytes: int = 0
    at_once_bytes: int = 0
    """When everything is sent, as after connecting."""


@dataclass(slots=True)
class Counts:
    """By group."""

    groups: dict[str, Count] = field(default_factory=lambda: {group: Count() for group in GROUPS})

    def add(self, publication: Publication) -> None:
        """One more message."""
        size_bytes = len(publication.topic.encode()) + len(publication.payload)
        for group in ("all", group_of(publication.topic)):
            count = self.groups[group]
            count.messages += 1
            count.bytes += size_bytes
            count.framed_bytes += framed(publication)


def group_of(topic: str) -> str:
    """Which group a topic belongs to."""
    if topic.startswith("mesh/bridge/"):
        return "bridge"
    return "node" if topic.startswith("mesh/status/node/") else "mesh"


def framed(publication: Publication) -> int:
    """Bytes of the packet: header, length, topic with its length, packet id, no properties, payload."""
    rest = 2 + len(publication.topic.encode()) + 2 + 1 + len(publication.payload)
    length = 1 + sum(rest >= limit for limit in (128, 16_384, 2_097_152))
    return 1 + length + rest


def run(profile: Profile, period_s: float, hours: float) -> dict[str, Count]:
    """A quiet mesh for so long, after it has settled."""
    scene = _Quiet()
    shelf, topics = Retained(), Topics("mesh")
    told = Told(mesh="garden", profile=profile, period_s=period_s, control=False, signed=False)
    status = StatusTopics(make_profile(profile, "garden"), topics, shelf, told)
    counts = Counts()
    first = True

    def period() -> None:
        nonlocal first
        look = scene.look({})
        look.changed.everything, first = first, False
        status.take(look.picture, look.changed, scene.book.topology, look.now_s)
        status.period(look.picture, look.status, look.health, counts.groups["all"].messages, 0, look.now_s)
        for publication in _new(shelf):
            if scene.now_s > WARM_S:
                counts.add(publication)

    scene.every(period_s, period, 1.0)
    scene.run(WARM_S + hours * HOUR)
    shelf.send_all()
    for publication in _new(shelf):
        for group in ("all", group_of(publication.topic)):
            counts.groups[group].at_once_bytes += framed(publication)
    return counts.groups


class _Quiet(BridgeScene):
    def __init__(self) -> None:
        super().__init__("mqtt-bytes", NODES)
        for place, view in enumerate(self.book.views.values()):
            view.name = f"Greenhouse {place}"


def _new(shelf: Retained) -> Iterator[Publication]:
    while (publication := shelf.take()) is not None:
        yield publication
