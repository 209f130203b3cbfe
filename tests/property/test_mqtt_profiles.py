"""Whatever the gateway shows, a payload of either profile is JSON, fits its schema, and stays small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshward.bridges.mqtt.profiles.choice import make_profile
from meshward.bridges.mqtt.profiles.profile import Told
from meshward.bridges.picture import Picture
from meshward.gateway.bridge_views import OfferView, ProgressView
from meshward.gateway.health_views import (
    AlertView,
    LeakView,
    MeshStatus,
    NodeStatus,
    ReadingView,
    Score,
    ScorePart,
)
from meshward.gateway.views import EventView, HealthView, NodeView, TopologyNode, TopologyView
from meshward.ota.states import NodeState
from meshward.rollout.states import RolloutState
from meshward.status.metrics import METRICS
from tests.support.health_values import NOW_S, coverage
from tests.support.mqtt_schemas import check

NODE_BYTES_MAX = 16_384
"""Of one node's topics: what people and boards can put there at most, in letters of four bytes."""

ids = st.integers(1, 2**32 - 1)
texts = st.text(st.characters(), max_size=40) | st.sampled_from(
    ["x" * 10_000, "\N{PILE OF POO}" * 5000, "\ud800", "\x1b[2J", "\N{RIGHT-TO-LEFT OVERRIDE}", '"\\', ""]
)
numbers = st.floats() | st.integers(-(2**70), 2**70).map(float)
moments = st.sampled_from(["2026-11-25T12:00:00.000Z", "2026-01-01T00:00:00.000Z"])
states = st.sampled_from([*NodeState, "", "new in some version"]).map(str)
nodes = st.builds(
    NodeView,
    id=ids,
    name=texts,
    online=st.booleans(),
    parent=st.none() | ids,
    depth=st.none() | st.integers(1, 500),
    children=st.lists(ids, max_size=80),
    hardware=texts,
    role=texts | st.sampled_from(["gateway", "bridge", "sensor"]),
    version=texts,
    firmware=st.sampled_from(["", "ab" * 32]),
    tags=st.lists(texts, max_size=80),
    excluded=st.booleans(),
    first_seen_at=st.none() | moments,
    last_seen_at=st.none() | moments,
    up_since_at=st.none() | moments,
    update_state=st.none() | states,
    rollout=st.none() | texts,
    health=st.none() | st.integers(0, 100),
    alerts=st.integers(0, 50),
)
scores = st.builds(
    Score,
    value=st.integers(0, 100),
    parts=st.lists(st.builds(ScorePart, points=st.integers(0, 100), reason=texts), max_size=60),
)
statuses = st.builds(
    NodeStatus,
    node=ids,
    online=st.booleans(),
    health=scores,
    silent_s=st.none() | numbers,
    metrics=st.dictionaries(
        st.sampled_from(list(METRICS)),
        st.builds(ReadingView, value=numbers, age_s=st.floats(0, 1000), source=st.just("mesh")),
    ),
    restarts=st.lists(moments, max_size=5),
    boots=st.integers(0, 2**40),
    boot_at=st.none() | moments,
    leak=st.none()
    | st.builds(LeakView, bytes_per_h=numbers, hours_left=numbers, hours_low=numbers, hours_high=numbers),
)
alerts = st.builds(
    AlertView,
    id=texts,
    fingerprint=st.just("f" * 16),
    rule=texts,
    severity=st.sampled_from(["info", "warning", "critical"]),
    state=st.sampled_from(["pending", "firing"]),
    quiet=st.sampled_from(["", "acknowledged", "explained"]),
    text=texts,
    labels=st.dictionaries(st.sampled_from(["metric", "node"]), texts | st.sampled_from(list(METRICS))),
    node=st.none() | ids,
    name=texts,
    value=st.none() | numbers,
    threshold=st.none() | numbers,
    behind=st.lists(ids, max_size=40),
    since_at=moments,
)
offers = st.builds(
    OfferView,
    node=ids,
    installed=texts,
    latest=texts,
    title=texts,
    notes=texts,
    available=st.booleans(),
    refusal=texts,
)
runs = st.builds(
    ProgressView,
    node=ids,
    rollout=texts,
    state=states,
    parts_done=st.integers(-5, 10_000),
    parts=st.integers(-5, 10_000),
)
events = st.builds(
    EventView, id=ids, at=moments, kind=texts, severity=texts, text=texts, node=st.none() | ids, rollout=texts
)
json_like = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
both = pytest.mark.parametrize("name", ["meshward", "alteriom"])


def size_of(profile, topic, payload):
    check(profile, topic, payload)
    return len(payload)


@both
@given(
    node=nodes,
    status=statuses,
    offer=st.none() | offers,
    run=st.none() | runs,
    rules=st.lists(texts, max_size=9),
)
def test_topics_of_a_node(name, node, status, offer, run, rules):
    profile = make_profile(name)
    sizes = [
        size_of(name, "mesh/status/node/7", profile.node(node, NOW_S)),
        size_of(name, "mesh/status/node/7/availability", profile.availability(node, NOW_S)),
        size_of(name, "mesh/status/node/7/update", profile.update(node, offer, run, NOW_S)),
    ]
    assert max(sizes) < NODE_BYTES_MAX
    size_of(name, "mesh/status/node/7/health", profile.health(node, status, rules, NOW_S))


@both
@given(
    every=st.lists(nodes, max_size=5),
    told=st.lists(statuses, max_size=5),
    open_alerts=st.lists(alerts, max_size=5),
    own_id=st.none() | ids,
    summary=texts,
    score=scores,
)
def test_topics_of_the_mesh(name, every, told, open_alerts, own_id, summary, score):
    profile = make_profile(name, summary)
    picture = Picture(
        own_id=own_id,
        nodes={node.id: node for node in every},
        alerts={str(place): alert for place, alert in enumerate(open_alerts)},
    )
    status = MeshStatus(
        at="2026-11-25T12:00:00.000Z",
        summary=summary,
        health=score,
        coverage=coverage(len(every), []),
        nodes=[*told, *(NodeStatus(node=node.id, online=True, health=score) for node in every)],
    )
    tree = TopologyView(
        own_id=own_id or 0,
        nodes=[TopologyNode(id=node.id, parent=node.parent, depth=node.depth or 0) for node in every],
    )
    info = Told(mesh=summary, profile=name, period_s=30.0, control=True, signed=True)
    gateway = HealthView(
        ok=True,
        version="1",
        uptime_s=5.5,
        mesh_connected=True,
        nodes_online=1,
        nodes_known=2,
        store_writable=True,
        alarms=[summary] * 60,
    )
    check(name, "mesh/status/nodes", profile.nodes(picture, status, NOW_S))
    check(name, "mesh/status/nodes", profile.nodes(picture, None, NOW_S))
    check(name, "mesh/status/topology", profile.topology(picture, tree, NOW_S))
    check(name, "mesh/status/metrics", profile.metrics(picture, status, NOW_S))
    check(name, "mesh/status/alerts", profile.alerts(picture, NOW_S))
    check(name, "mesh/bridge/info", profile.bridge_info(picture, info, NOW_S))
    check(name, "mesh/bridge/health", profile.bridge_health(picture, gateway, 1, 2, NOW_S))
    check(name, "mesh/bridge/state", profile.bridge_state(online=False, now_s=NOW_S))


@both
@given(event=events, action=texts, transaction=texts, data=json_like, ok=st.booleans(), state=texts)
def test_events_and_answers(name, event, action, transaction, data, ok, state):
    profile = make_profile(name)
    assert size_of(name, "mesh/event", profile.event(event, NOW_S)) < NODE_BYTES_MAX
    answer = {"status": "ok", "data": data} if ok else {"status": "error", "error": state, "code": state}
    check(name, "mesh/ota/response/start", profile.response(action, transaction, answer, NOW_S))


@given(state=st.sampled_from(list(RolloutState)).map(str) | texts, more=json_like)
def test_rollouts_of_profile_alteriom(state, more):
    payload = make_profile("alteriom").rollout({"state": state, "more": more, "percent": 12}, NOW_S)
    check("alteriom", "mesh/ota/status/r1", payload)
