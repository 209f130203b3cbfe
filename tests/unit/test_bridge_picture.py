"""The picture of the mesh that bridges have, from the gateway's feed."""

import asyncio

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from meshward.bridges.picture import ENDED_KEPT, Changed, Follower
from meshward.gateway.feed import RING_DELTAS, Feed
from meshward.gateway.health_views import AlertView
from meshward.gateway.views import EventView, NodeView, RolloutSummary


class Shown:
    """What a gateway shows, told change by change as it tells it."""

    def __init__(self):
        self.nodes, self.rollouts, self.alerts = {}, {}, {}
        self.connected = False
        self.feed = Feed("epoch", self.snapshot)

    def snapshot(self):
        return {
            "own_id": 1,
            "mesh_connected": self.connected,
            "alarms": [],
            "nodes": list(self.nodes.values()),
            "rollouts": list(self.rollouts.values()),
            "alerts": list(self.alerts.values()),
        }

    def tell(self, kind, key, value):
        self.feed.publish([{"kind": kind, "id": key, "value": msgspec.to_builtins(value)}])

    def node(self, number, **fields):
        self.nodes[number] = NodeView(id=number, online=True, **fields)
        self.tell("node", number, self.nodes[number])

    def forget(self, number):
        if self.nodes.pop(number, None) is not None:
            self.tell("node", number, None)

    def alert(self, number, state):
        view = AlertView(
            id=f"a{number}",
            fingerprint="f",
            rule="silent",
            severity="warning",
            state=state,
            text="It is silent.",
            since_at="2026-11-25T12:00:00Z",
        )
        if state == "resolved":
            self.alerts.pop(view.id, None)
        else:
            self.alerts[view.id] = view
        self.tell("alert", view.id, view)

    def rollout(self, number, state, ended_at=None):
        self.rollouts[f"r{number}"] = RolloutSummary(
            id=f"r{number}",
            name="x",
            state=state,
            wave_names=[],
            counts={},
            created_at="",
            created_by="",
            actions=[],
            ended_at=ended_at,
        )
        self.tell("rollout", f"r{number}", self.rollouts[f"r{number}"])


def same(follower, shown):
    picture = follower.picture
    return (
        picture.nodes == shown.nodes
        and picture.alerts == shown.alerts
        and picture.rollouts == shown.rollouts
        and picture.own_id == 1
    )


async def test_the_first_look_is_everything():
    shown = Shown()
    shown.node(7, name="Kitchen")
    follower = Follower(shown.feed)
    changed = await follower.next()
    assert changed.everything
    assert same(follower, shown)


async def test_what_changes_is_told():
    shown = Shown()
    follower = Follower(shown.feed)
    await follower.next()
    waiting = asyncio.create_task(follower.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    shown.node(7, name="Kitchen")
    shown.alert(1, "firing")
    shown.connected = True
    shown.tell("gateway", "gateway", {"mesh_connected": True, "own_id": 1, "alarms": ["no room"]})
    event = EventView(id=3, at="2026-11-25T12:00:00Z", kind="node.joined", severity="info", text="7 joined")
    shown.tell("event", 3, event)
    changed = await waiting
    assert changed.nodes == {7}
    assert changed.alerts == {"a1"}
    assert changed.events == [event]
    assert changed.gateway
    assert not changed.everything
    assert follower.picture.mesh_connected
    assert follower.picture.alarms == ["no room"]


async def test_an_alert_that_is_over_is_told_once_and_gone():
    shown = Shown()
    shown.alert(1, "firing")
    follower = Follower(shown.feed)
    await follower.next()
    shown.alert(1, "resolved")
    changed = await follower.next()
    assert [alert.id for alert in changed.ended_alerts] == ["a1"]
    assert follower.picture.alerts == {}


async def test_of_rollouts_that_are_over_the_latest_stay():
    shown = Shown()
    shown.rollout(0, "updating")
    follower = Follower(shown.feed)
    await follower.next()
    for number in range(1, ENDED_KEPT + 4):
        shown.rollout(number, "completed", ended_at=f"2026-11-25T12:{number:02}:00Z")
    changed = await follower.next()
    kept = {"r0", *(f"r{number}" for number in range(4, ENDED_KEPT + 4))}
    assert follower.picture.rollouts.keys() == kept
    assert {"r1", "r2", "r3"} <= changed.rollouts


async def test_one_that_is_slow_starts_over():
    shown = Shown()
    follower = Follower(shown.feed)
    await follower.next()
    for _ in range(RING_DELTAS + 1):
        shown.node(7)
    assert (await follower.next()).everything
    assert same(follower, shown)


def test_nothing_new_is_nothing_told():
    shown = Shown()
    follower = Follower(shown.feed)
    follower.catch_up()
    changed = follower.catch_up()
    assert changed == Changed()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("node"), st.integers(1, 5)),
        st.tuples(st.just("forget"), st.integers(1, 5)),
        st.tuples(st.just("alert"), st.integers(1, 3), st.sampled_from(["pending", "firing", "resolved"])),
        st.tuples(st.just("rollout"), st.integers(1, 3), st.sampled_from(["running", "paused", "completed"])),
        st.tuples(st.just("look")),
    ),
    max_size=40,
)


@given(STEPS)
def test_it_is_what_the_gateway_shows_whenever_it_looks(steps):
    shown = Shown()
    follower = Follower(shown.feed)
    for step, *arguments in steps:
        if step == "look":
            follower.catch_up()
            assert same(follower, shown)
        else:
            getattr(shown, step)(*arguments)
    follower.catch_up()
    assert same(follower, shown)
