"""The measurement of what the bridge sends counts what is sent."""

from bench import mqtt_bytes
from bench.mqtt_bytes import GROUPS, framed, group_of
from bench.settings import Settings
from meshward.bridges.mqtt.messages import Publication


def test_a_packet_has_its_header_topic_number_and_payload():
    assert framed(Publication("a", b"")) == 1 + 1 + 2 + 1 + 2 + 1
    assert framed(Publication("a", b"x" * 121)) == 2 + 127
    assert framed(Publication("a", b"x" * 122)) == 3 + 128
    assert framed(Publication("ä", b"x")) == 2 + 2 + 2 + 2 + 1 + 1


def test_every_topic_is_in_a_group():
    assert group_of("mesh/status/nodes") == "mesh"
    assert group_of("mesh/status/node/7/health") == "node"
    assert group_of("mesh/bridge/health") == "bridge"


def test_groups_add_up_and_the_topics_of_the_mesh_stay_below_what_was_proposed():
    counts = mqtt_bytes.run("meshward", 30.0, 0.2)
    parts = [counts[group] for group in GROUPS if group != "all"]
    assert counts["all"].bytes == sum(part.bytes for part in parts) > 0
    assert counts["all"].at_once_bytes == sum(part.at_once_bytes for part in parts)
    assert counts["mesh"].framed_bytes / 0.2 < mqtt_bytes.PROPOSED_BYTES
    (table,) = mqtt_bytes.measure(Settings(scale=0.1))
    assert len(table.rows) == 2 * 2 * len(GROUPS)
