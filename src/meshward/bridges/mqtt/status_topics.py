"""What lies on the topics of status, worked out from what the gateway shows; without any waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from meshward.bridges.mqtt.profiles.profile import Profile, Told
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.topics import Topics
from meshward.bridges.picture import Changed, Picture
from meshward.gateway.bridge_views import OfferView, ProgressView
from meshward.gateway.health_views import MeshStatus, NodeStatus
from meshward.gateway.views import HealthView, NodeView, TopologyView

NODE_TOPICS = ("", "health", "availability", "update")
Place = tuple[bool, int | None, int | None]


class StatusTopics:
    """Puts on the shelf what changed. `now_s` is Unix time."""

    def __init__(self, profile: Profile, topics: Topics, retained: Retained, told: Told) -> None:
        self._profile = profile
        self._topics = topics
        self._retained = retained
        self._told = told
        self._picture = Picture()
        self._stamps: dict[str, float] = {}
        """When a topic got what lies there; for those of `_keep`, and gone with their nodes."""
        self._places: dict[int, Place] = {}
        """Where each node was when last looked at: those that the picture has."""
        self._statuses: dict[int, NodeStatus] = {}
        self._status: MeshStatus | None = None
        self._offers: Mapping[int, OfferView] = {}
        self._runs: dict[int, ProgressView] = {}
        self._rules: dict[int, list[str]] = {}

    def take(
        self, picture: Picture, changed: Changed, topology: Callable[[], TopologyView], now_s: float
    ) -> list[int]:
        """What is different in the picture. Returns nodes of which `statuses` should tell."""
        self._picture = picture
        nodes = set(picture.nodes) if changed.everything else changed.nodes
        gone = self._places.keys() - picture.nodes.keys()
        came_or_went = moved = bool(gone)
        for node in gone:
            self._forget(node)
        for node in sorted(nodes & picture.nodes.keys()):
            view = picture.nodes[node]
            place, before = (view.online, view.parent, view.depth), self._places.get(node)
            came_or_went |= before is None or before[0] != place[0]
            moved |= before != place
            self._places[node] = place
            self._tell_node(view, now_s)
        if changed.everything or changed.gateway:
            moved = True
            self._keep(
                self._topics.bridge("info"),
                lambda at_s: self._profile.bridge_info(picture, self._told, at_s),
                now_s,
            )
        if moved:
            tree = topology()
            self._keep(
                self._topics.status("topology"),
                lambda at_s: self._profile.topology(picture, tree, at_s),
                now_s,
            )
        if changed.everything or changed.alerts:
            self._tell_alerts(now_s)
        if came_or_went or changed.everything:
            self._keep(
                self._topics.status("nodes"),
                lambda at_s: self._profile.nodes(picture, self._status, at_s),
                now_s,
            )
        return [node for node in sorted(nodes & picture.nodes.keys()) if node not in self._statuses]

    def statuses(self, statuses: Iterable[NodeStatus], now_s: float) -> None:
        """How some nodes do, between two periods."""
        for status in statuses:
            self._statuses[status.node] = status
            self._tell_health(status.node, now_s)

    def period(
        self, picture: Picture, status: MeshStatus, health: HealthView, sent: int, dropped: int, now_s: float
    ) -> None:
        """What changes all the time. `sent`, `dropped`: messages and events, see `payloads.BridgeHealth`."""
        self._picture = picture
        self._status = status
        self._statuses = {one.node: one for one in status.nodes if one.node in picture.nodes}
        put, topics, profile = self._retained.put, self._topics, self._profile
        nodes = topics.status("nodes")
        put(nodes, profile.nodes(picture, status, now_s))
        self._stamps[nodes] = now_s
        put(topics.status("metrics"), profile.metrics(picture, status, now_s))
        for node in sorted(self._statuses):
            self._tell_health(node, now_s)
        put(topics.bridge("health"), profile.bridge_health(picture, health, sent, dropped, now_s))

    def offers(self, offers: Mapping[int, OfferView], now_s: float) -> None:
        """What nodes could be updated to."""
        before, self._offers = self._offers, offers
        for node in self._picture.nodes:
            if before.get(node) != offers.get(node):
                self._tell_update(node, now_s)

    def progress(self, runs: Iterable[ProgressView], now_s: float) -> None:
        """Nodes in runs that are under way, all of them."""
        before, self._runs = self._runs, {one.node: one for one in runs}
        for node in sorted(before.keys() | self._runs.keys()):
            if before.get(node) != self._runs.get(node):
                self._tell_update(node, now_s)

    # -- inside ------------------------------------------------------------------------------

    def _tell_node(self, view: NodeView, now_s: float) -> None:
        profile, topics = self._profile, self._topics
        self._keep(topics.node(view.id, "availability"), lambda at_s: profile.availability(view, at_s), now_s)
        self._keep(topics.node(view.id), lambda at_s: profile.node(view, at_s), now_s)
        self._tell_update(view.id, now_s)

    def _tell_update(self, node: int, now_s: float) -> None:
        view = self._picture.nodes.get(node)
        if view is None:
            return
        offer, progress = self._offers.get(node), self._runs.get(node)
        self._keep(
            self._topics.node(node, "update"),
            lambda at_s: self._profile.update(view, offer, progress, at_s),
            now_s,
        )

    def _tell_alerts(self, now_s: float) -> None:
        picture, before = self._picture, self._rules
        self._keep(self._topics.status("alerts"), lambda at_s: self._profile.alerts(picture, at_s), now_s)
        self._rules = {}
        for alert in picture.alerts.values():
            # What follows from the trouble of another is none of its own.
            if alert.state == "firing" and alert.node is not None and alert.quiet != "explained":
                self._rules.setdefault(alert.node, []).append(alert.rule)
        for rules in self._rules.values():
            rules.sort()
        for node in sorted(before.keys() | self._rules.keys()):
            if before.get(node) != self._rules.get(node):
                self._tell_health(node, now_s)

    def _tell_health(self, node: int, now_s: float) -> None:
        view, status = self._picture.nodes.get(node), self._statuses.get(node)
        if view is not None and status is not None:
            topic, rules = self._topics.node(node, "health"), self._rules.get(node, [])
            if view.online:
                self._stamps[topic] = now_s
                self._retained.put(topic, self._profile.health(view, status, rules, now_s))
            else:  # nothing is measured of it, so nothing new is to be told every period
                self._keep(topic, lambda at_s: self._profile.health(view, status, rules, at_s), now_s)

    def _keep(self, topic: str, make: Callable[[float], bytes], now_s: float) -> None:
        """Put what `make` gives for a time; where only the time would be another, what lies there stays."""
        stamp_s = self._stamps.get(topic)
        if stamp_s is not None and self._retained.get(topic) == make(stamp_s):
            return
        self._stamps[topic] = now_s
        self._retained.put(topic, make(now_s))

    def _forget(self, node: int) -> None:
        del self._places[node]
        self._statuses.pop(node, None)
        for what in NODE_TOPICS:
            topic = self._topics.node(node, what)
            self._stamps.pop(topic, None)
            self._retained.drop(topic)
