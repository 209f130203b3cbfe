"""A day of a mesh with faults, and what bridges of both profiles put on their shelves in it."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import msgspec

from meshward.bridges.mqtt.control.progress import progress_of
from meshward.bridges.mqtt.profiles.choice import make_profile
from meshward.bridges.mqtt.profiles.profile import Told
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.status_topics import StatusTopics
from meshward.bridges.mqtt.topics import Topics
from meshward.bridges.picture import Picture
from meshward.gateway.bridge_views import OfferView, ProgressView
from meshward.gateway.health_views import AlertView, MeshStatus
from meshward.gateway.views import EventView, RolloutSummary, TopologyView
from meshward.sim.stories import Story
from meshward.status.alerts.defaults import DEFAULTS
from tests.sim import health_cases as cases
from tests.sim.bridge_scene import BridgeScene, Look
from tests.sim.health_nodes import ESP8266
from tests.sim.health_scenes import DAY, FIRST_ID, HOUR, MINUTE
from tests.support.mqtt_schemas import check

HOSTILE = (
    "x" * 10_000,
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.evil \x1b[2J\r\n\x00",
    "\N{PILE OF POO}" * 3000,
    "\ud800 half a letter \udfff",
    '"},{"id":1,"name":"',
    "",
)
"""Names and versions that people and boards could give."""
ODD = (math.nan, math.inf, -math.inf, 1e300, -1e300, -0.0, 2.0**63)
STATES = ("scheduled", "downloading", "paused", "verifying", "rebooting", "completed", "failed", "lost")
STEP_S = 5 * MINUTE


class Desk:
    """A bridge of one profile, and all that it ever published."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.profile = make_profile(name, "garden")
        self.topics = Topics("mesh")
        self.shelf = Retained()
        told = Told(mesh="garden", profile=name, period_s=30.0, control=True, signed=False)
        self.status = StatusTopics(self.profile, self.topics, self.shelf, told)
        self.seen: dict[str, list[dict]] = {}
        """Messages by the last words of their topic."""
        self.largest_bytes = 0

    def tell(
        self,
        look: Look,
        topology: Callable[[], TopologyView],
        offers: Mapping[int, OfferView],
        runs: list[ProgressView],
    ) -> None:
        """Put it on the shelf and take it from there, each message held against its schema."""
        now_s = look.now_s
        missing = self.status.take(look.picture, look.changed, topology, now_s)
        self.status.statuses([one for one in look.status.nodes if one.node in missing], now_s)
        self.status.offers(offers, now_s)
        self.status.progress(runs, now_s)
        self.status.period(look.picture, look.status, look.health, 5, 0, now_s)
        while (publication := self.shelf.take()) is not None:
            if publication.payload:
                self.check(publication.topic, publication.payload)

    def check(self, topic: str, payload: bytes) -> None:
        value = check(self.name, topic, payload)
        self.largest_bytes = max(self.largest_bytes, len(payload))
        kind = topic.rpartition("/")[2]
        self.seen.setdefault("node" if kind.isdecimal() else kind, []).append(value)


class BridgeDay(BridgeScene):
    """Twelve boards; see `befall` for what happens to them."""

    def __init__(self, seed: int | str) -> None:
        self.desks = [Desk("meshward"), Desk("alteriom")]
        self.events = 0
        self.forgotten = 0
        super().__init__(
            f"bridge-day/{seed}", 12, stories={3: (Story("leak", 2500.0),)}, hardware={3: ESP8266}
        )
        for place, text in enumerate(HOSTILE):
            self._name(FIRST_ID + place, text)
        self.every(STEP_S, self.step, 30.0)
        self.befall()

    def _name(self, node: int, text: str) -> None:
        self.identities[node] = replace(self.identities[node], name=text, version=text, role=text)
        view = self.book.views[node]
        view.name = view.version = view.role = view.hardware = text
        view.tags = [text] * 200

    def befall(self) -> None:
        """Reboots, moves, losses, a leak, a weak link, an update of all with failures."""
        leaf = next(node for node in reversed(self.nodes) if not self.below(node))
        self.forgotten = leaf
        others = [node for node in self.nodes if node != leaf]
        loop, mover, faint, top = others[-1], others[-2], others[-3], others[1]
        self.at(1 * HOUR, lambda: self.fade(faint, HOUR, 40.0, 0.5))
        for number in range(8):
            self.at(3 * HOUR + 200.0 * number, lambda: self.restart(loop, 5.0))
            self.at(5 * HOUR + 150.0 * number, lambda: self.move(mover, 5.0))
        self.at(7 * HOUR, lambda: self.lose_gateway(10 * MINUTE))
        self.at(8 * HOUR, lambda: cases.roll_out(self))
        self.at(14 * HOUR, lambda: setattr(self.nodes[faint], "heap_most", 3000.0))
        self.at(16 * HOUR, lambda: self.unlink(top))
        self.at(17 * HOUR, lambda: self.link(top))
        self.at(19 * HOUR, lambda: self.lose_power(leaf, 30.0))
        self.at(22 * HOUR, self._forget)

    def _forget(self) -> None:
        self.book.drop(self.forgotten)
        self.monitor.forget(self.forgotten)

    def live(self) -> "BridgeDay":
        self.run(DAY)
        return self

    def step(self) -> None:
        """As the gateway's feed and the end of a period do."""
        busy = [node for nodes in self.busy.values() for node in nodes]
        shift = int(self.now_s / STEP_S)
        states = {
            node: (cases.ROLLOUT, STATES[(place + shift) % len(STATES)]) for place, node in enumerate(busy)
        }
        look = self.look(states)
        look.changed.gateway = True
        if shift % 5 == 0:
            _make_odd(look.status)
        if look.picture.nodes[FIRST_ID].online:
            look.health.alarms = [HOSTILE[0]]
        rollouts = [_rollout(states)] if states else []
        events, runs = list(self._events_of(look)), self._under_way(states)
        for desk in self.desks:
            desk.tell(look, self.book.topology, self._offers(look.picture), runs)
            for event in events:
                desk.check(desk.topics.event, desk.profile.event(event, look.now_s))
            for rollout in rollouts:
                progress = msgspec.to_builtins(progress_of(rollout, None, runs))
                desk.check(desk.topics.update_status(rollout.id), desk.profile.rollout(progress, look.now_s))

    def picture(self) -> Picture:
        picture = super().picture()
        if self.now_s > 23 * HOUR:
            picture.alerts |= {alert.id: alert for alert in alerts_of_every_rule()}
        return picture

    def _offers(self, picture: Picture) -> dict[int, OfferView]:
        return {
            node: OfferView(
                node=node,
                installed=view.version,
                latest=HOSTILE[node % len(HOSTILE)],
                firmware="a" * 64,
                title=view.name,
                notes=HOSTILE[0],
                available=node % 2 == 0,
                refusal="" if view.online else f"{view.name} is away",
            )
            for node, view in picture.nodes.items()
        }

    def _under_way(self, states: dict[int, tuple[str, str]]) -> list[ProgressView]:
        return [
            ProgressView(
                node=node, rollout=rollout, state=state, parts_done=node % 70, parts=66 * (node % 3 > 0)
            )
            for node, (rollout, state) in states.items()
        ]

    def _events_of(self, look: Look) -> Iterator[EventView]:
        for alert_id, state in sorted(look.alerts):
            alert = look.picture.alerts[alert_id]
            self.events += 1
            yield EventView(
                id=self.events,
                at=alert.since_at,
                kind=f"alert.{state}",
                severity=alert.severity,
                text=f"{alert.name}: {alert.text}",
                node=alert.node,
            )


def _make_odd(status: MeshStatus) -> None:
    """What cannot be, and could slip through all the same."""
    for place, node in enumerate(status.nodes):
        for number, told in enumerate(node.metrics.values()):
            told.value = ODD[(place + number) % len(ODD)]


def _rollout(states: dict[int, tuple[str, str]]) -> RolloutSummary:
    return RolloutSummary(
        id=cases.ROLLOUT,
        name=HOSTILE[1],
        state="updating",
        wave_names=["everyone"],
        counts=dict(Counter(state for _, state in states.values())),
        created_at="2026-11-25T11:40:00.000Z",
        created_by="ada",
        actions=["pause"],
    )


def alerts_of_every_rule() -> list[AlertView]:
    """One each, and some of a rule of one's own, more than are shown."""
    every = [
        AlertView(
            id=f"every-{name}",
            fingerprint="f" * 16,
            rule=name,
            severity=rule.severity,
            state="firing",
            text=HOSTILE[place % len(HOSTILE)],
            labels={"metric": rule.metric} if rule.metric else {},
            node=FIRST_ID + place if place % 2 else None,
            name=HOSTILE[place % len(HOSTILE)],
            value=ODD[place % len(ODD)],
            threshold=rule.threshold,
            behind=list(range(FIRST_ID, FIRST_ID + 5 * place)),
            since_at="2026-11-25T11:55:00.000Z",
            fired_at="2026-11-25T11:55:00.000Z",
        )
        for place, (name, rule) in enumerate(DEFAULTS.items())
    ]
    own = [
        AlertView(
            id=f"own-{place:03}",
            fingerprint="0" * 16,
            rule="cold_store",
            severity="info",
            state="firing",
            text="ambient_temperature_c is above -15",
            labels={"metric": "delay_ms"},
            node=FIRST_ID,
            since_at="2026-11-25T11:54:00.000Z",
        )
        for place in range(120)
    ]
    return every + own
