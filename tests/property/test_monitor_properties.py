"""Whatever comes in, the monitor stays whole: nothing raises, and nothing that is not bounded grows."""

import base64
import json
import random

from hypothesis import given
from hypothesis import strategies as st

from meshnode.tree import Tree
from meshward.status.metrics import METRICS
from meshward.status.monitor import Monitor

NODES = (7, 8, 9)
KINDS = (
    200,
    202,
    203,
    204,
    205,
    400,
    600,
    601,
    602,
    603,
    604,
    605,
    610,
    611,
    612,
    613,
    614,
    710,
    711,
    712,
    713,
)
KEYS = (
    *(
        "mem",
        "uptime",
        "wifi",
        "fw",
        "fwMD5",
        "heap",
        "rssi",
        "nodes",
        "alerts",
        "connections",
        "nodeId",
        "m",
        "d",
    ),
    *(
        "up",
        "boot",
        "q",
        "g",
        "temp",
        "bat",
        "ts",
        "dest",
        "routing",
        "lastSeen",
        "quality",
        "latency",
        "from",
        "to",
    ),
    *(
        "internetConnected",
        "routerRSSI",
        "previousBridge",
        "priority",
        "ntpTime",
        "status",
        "health",
        "crashes",
    ),
)

numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([0, 1, 255, 65_535, 2**32 - 1, 2**32, -1, 1e308, 0.5]),
)
texts = st.one_of(st.text(max_size=30), st.sampled_from(["null", "<b>x</b>", "\u202e", "x" * 5000, "NaN"]))
frames = st.binary(max_size=70).map(lambda data: base64.b64encode(data).decode())
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts, frames),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from([*KEYS, *METRICS]), inner, max_size=6),
    ),
    max_leaves=8,
)
packages = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | values, "from": st.sampled_from([*NODES, 99]) | values},
    optional=dict.fromkeys(KEYS[:-24], values) | {"m": values, "d": frames | values},
)


@given(
    st.lists(
        st.tuples(packages, st.integers(0, 120_000_000), st.sampled_from([*NODES, None])),
        min_size=1,
        max_size=20,
    )
)
def test_no_package_harms_the_monitor(received):
    monitor = Monitor(random.Random(1))
    now_us = 0
    monitor.on_tree(Tree([1, *NODES], [0, 1, 1, 2]), now_us)
    for package, later_us, via in received:
        now_us += later_us
        monitor.wall_s = 1.8e9 + now_us / 1e6
        monitor.on_package(package, via, now_us)
        monitor.commands(now_us)
    assert set(monitor.facts.nodes) <= set(NODES)
    for facts in monitor.facts.nodes.values():
        for name, fact in facts.metrics.items():
            assert METRICS[name].low <= fact.value <= METRICS[name].high
            assert fact.age_s >= 0
    json.dumps([doc.text for doc in monitor.alerts.open_alerts()], allow_nan=False)
    json.dumps(monitor.watch.snapshots(NODES), allow_nan=False)
