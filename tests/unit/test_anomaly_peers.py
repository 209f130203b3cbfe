import random

import pytest

from meshward.status.anomaly.peers import COMPARED, outliers
from meshward.status.facts import Fact, NodeFacts, Outlier


def facts(node, age_s=30.0, depth=1, firmware="abc", **values):
    metrics = {name: Fact(value, age_s, "telemetry") for name, value in values.items()}
    return NodeFacts(
        node, hardware="ESP32", version="1.0", firmware=firmware, online=True, depth=depth, metrics=metrics
    )


def group(*odd, name="heap_free_bytes", usual=180_000, step=500, count=8):
    return [facts(node, **{name: usual + step * (node % 3)}) for node in range(count)] + list(odd)


def test_a_node_unlike_its_peers_is_told():
    found = outliers(group(facts(99, heap_free_bytes=90_000)))
    assert found == {99: (Outlier("heap_free_bytes", 90_000, 180_500, 8),)}


def test_only_what_is_worse_is_trouble():
    assert not outliers(group(facts(99, heap_free_bytes=300_000)))
    assert not outliers(group(facts(99, temperature_c=5.0), name="temperature_c", usual=45, step=1))
    assert outliers(group(facts(99, temperature_c=80.0), name="temperature_c", usual=45, step=1)).keys() == {
        99
    }


def test_what_differs_little_is_none():
    assert not outliers(group(facts(99, heap_free_bytes=150_000), step=0))
    assert not outliers(group(facts(99, loop_max_ms=90), name="loop_max_ms", usual=10, step=1))


def test_delays_are_compared_by_hop():
    nodes = [facts(depth, depth=depth, delay_ms=30.0 * depth + depth % 3) for depth in range(1, 9)]
    assert not outliers([*nodes, facts(99, depth=10, delay_ms=310.0)])
    assert outliers([*nodes, facts(99, depth=0, delay_ms=310.0)]).keys() == {99}
    found = outliers([*nodes, facts(99, depth=2, delay_ms=400.0)])
    ((outlier,),) = found.values()
    assert outlier.value == 400
    assert outlier.peers == pytest.approx(60, abs=4)


def test_a_few_are_no_measure():
    assert not outliers(group(facts(99, heap_free_bytes=20_000), count=3))
    assert outliers(group(facts(99, heap_free_bytes=20_000), count=4))


def test_old_values_do_not_count():
    odd = facts(99, heap_free_bytes=20_000)
    assert not outliers(group(facts(99, age_s=601, heap_free_bytes=20_000)))
    old = [facts(node, age_s=601, heap_free_bytes=180_000) for node in range(8)]
    assert not outliers([*old, odd])


@pytest.mark.parametrize(
    "other",
    [
        {"firmware": "def"},
        {"hardware": "ESP8266"},
        {"role": "bridge"},
        {"online": False},
        {"updating": True},
        {"excluded": True},
        {"firmware": "", "version": ""},
    ],
    ids=str,
)
def test_others_are_no_peers(other):
    odd = facts(99, heap_free_bytes=20_000)
    for name, value in other.items():
        setattr(odd, name, value)
    assert not outliers(group(odd))


@pytest.mark.parametrize("field", ["told_md5", "firmware_md5", "firmware", "version"])
def test_the_firmware_may_be_known_in_any_way(field):
    nodes = group(facts(99, heap_free_bytes=20_000))
    for node in nodes:
        node.firmware = node.version = ""
        setattr(node, field, "0aBc" if node.node % 2 else "0AbC")
    assert outliers(nodes).keys() == {99}


@pytest.mark.parametrize(("count", "most"), [(5, 8), (6, 8), (10, 8), (40, 8)])
def test_groups_of_equals_have_none(count, most):
    rng = random.Random(count)
    wrong = 0
    for _ in range(500):
        nodes = [facts(node, heap_block_bytes=50_000 + rng.gauss(0, 8_000)) for node in range(count)]
        wrong += bool(outliers(nodes))
    assert wrong <= most


def test_nothing_told_is_nothing_found():
    assert outliers([]) == {}
    assert outliers([facts(node) for node in range(20)]) == {}
    assert len({compared.name for compared in COMPARED}) == len(COMPARED)
