"""The schemas and the reference of profile "meshward" are those of its types."""

import json
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest

from meshward.bridges.mqtt.examples import EXAMPLES
from meshward.bridges.mqtt.reference import page
from meshward.bridges.mqtt.schemas import PUBLISHED, TAKEN, encoded, field_texts, file_name, schema
from tests.support.mqtt_schemas import ALTERIOM, ALTERIOM_SCHEMAS, check

DOCS = Path(__file__).parents[2] / "docs"
EVERY = (*PUBLISHED, *TAKEN)
WRITE = "run scripts/write-mqtt-docs"


@pytest.mark.parametrize("described", EVERY, ids=lambda one: one.name)
def test_the_schema_in_the_documentation_is_up_to_date(described):
    assert (DOCS / "schemas" / "mqtt" / file_name(described)).read_bytes() == encoded(described), WRITE


def test_there_is_no_schema_of_what_is_not_there_any_more():
    files = {path.name for path in (DOCS / "schemas" / "mqtt").iterdir()}
    assert files == {file_name(described) for described in EVERY}, WRITE


def test_the_reference_is_up_to_date():
    assert (DOCS / "mqtt-reference.md").read_text("utf-8") == page(), WRITE


@pytest.mark.parametrize("described", EVERY, ids=lambda one: one.name)
def test_every_schema_is_one_and_its_example_fits(described):
    jsonschema_rs.meta.validate(schema(described))
    example = msgspec.json.encode(EXAMPLES[described.payload])
    jsonschema_rs.validate(schema(described), json.loads(example))
    msgspec.json.decode(example, type=described.payload)


def test_a_schema_says_what_the_fields_mean_and_which_are_times():
    node = schema(next(one for one in PUBLISHED if one.name == "node"))
    assert node["$id"] == "urn:meshward:mqtt:node"
    assert node["properties"]["firmware"]["description"].startswith("SHA-256")
    assert node["properties"]["up_since_at"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert field_texts()["NodeItem"]["alerts"] == "Of its own that are firing."


def test_every_key_in_the_reference_has_a_meaning():
    rows = [line for line in page().splitlines() if line.startswith("| `") and line.count("|") == 4]
    assert not [row for row in rows if row.endswith("|  |")]


@pytest.mark.parametrize("wrong", [b'{"state":"gone"}', b"{}", b'{"state":"online","more":1}'])
def test_what_does_not_fit_its_schema_is_found(wrong):
    with pytest.raises(jsonschema_rs.ValidationError):
        check("meshward", "mesh/bridge/state", wrong)


def test_what_is_not_alteriom_s_is_found():
    assert set(ALTERIOM_SCHEMAS) == {published.topic for published in PUBLISHED}
    assert "MIT License" in (ALTERIOM / "LICENSE").read_text("utf-8")
    with pytest.raises(jsonschema_rs.ValidationError):
        check("alteriom", "mesh/bridge/state", json.dumps({"schema_version": 1}).encode())
