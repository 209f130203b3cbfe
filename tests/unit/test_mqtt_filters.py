import time

import pytest
from aiomqtt import Topic
from hypothesis import given
from hypothesis import strategies as st

from meshward.bridges.mqtt.filters import Filters

NAMES = st.sampled_from(["a", "b", ""])  # that + and # do not mean $SYS is not known to the other side
TOPIC = st.lists(NAMES, min_size=1, max_size=4).map("/".join).filter(bool)
FILTER = st.builds(
    lambda levels, end: "/".join([*levels, *end]),
    st.lists(st.one_of(NAMES, st.just("+")), min_size=1, max_size=4),
    st.sampled_from([(), ("#",)]),
).filter(bool)


def filters(*texts):
    made = Filters()
    for text in texts:
        made.add(text)
    return made


@given(st.lists(FILTER, max_size=4), TOPIC)
def test_filters_take_what_their_definition_says(texts, topic):
    assert filters(*texts).match(topic) == any(Topic(topic).matches(text) for text in texts)


@pytest.mark.parametrize(
    ("text", "topic", "fits"),
    [
        ("mesh/ota/request/+", "mesh/ota/request/start", True),
        ("mesh/ota/request/+", "mesh/ota/request/start/now", False),
        ("mesh/ota/request/+", "mesh/ota/request/#", False),
        ("mesh/#", "mesh", True),
        ("#", "$SYS/broker", False),
        ("+/broker", "$SYS/broker", False),
        ("$SYS/#", "$SYS/broker", True),
        ("a/b", "a", False),
    ],
)
def test_a_filter_takes_a_topic_or_does_not(text, topic, fits):
    assert filters(text).match(topic) is fits


def test_filters_keep_their_order_and_come_once():
    assert list(filters("b", "a", "b")) == ["b", "a"]


def test_a_filter_for_each_of_a_thousand_nodes_costs_next_to_nothing():
    many = filters(*(f"homeassistant/+/meshward_{node}/+/config" for node in range(1000)))
    began_s = time.process_time()
    for _ in range(200):
        assert not many.match("mesh/ota/request/start")
    assert many.match("homeassistant/sensor/meshward_7/heap/config")
    assert time.process_time() - began_s < 0.1  # one by one it is 0.4 s on a fast machine
