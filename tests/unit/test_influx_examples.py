"""The example files fit the programs that read them."""

import re
import tomllib

from meshward.bridges.influx.points import EVENT, MESH, NODE, ROLLOUT
from meshward.config import check_influx, load_config
from tests.support.programs import ROOT

FOLDER = ROOT / "examples" / "influx"


def test_the_configuration_is_one():
    config = load_config(FOLDER / "meshward.toml", {})

    assert config.name == "garden"
    assert config.influx.urls == ("http://localhost:8086/write?db=mesh",)


def test_every_address_in_it_can_be_configured():
    text = (FOLDER / "meshward.toml").read_text("utf-8") + (FOLDER / "telegraf.conf").read_text("utf-8")
    addresses = re.findall(r'"(https?://[^"]+)"', text)

    assert len(addresses) == 8
    for address in addresses:
        check_influx(address)


def test_telegraf_listens_where_the_addresses_say():
    text = (FOLDER / "telegraf.conf").read_text("utf-8")
    inputs = tomllib.loads(text)["inputs"]

    assert f"http://localhost:{inputs['influxdb_listener'][0]['service_address'].split(':')[1]}/write" in text
    (listener,) = inputs["http_listener_v2"]
    port = listener["service_address"].split(":")[1]
    assert f"http://localhost:{port}{listener['paths'][0]}" in text


def test_every_measurement_is_explained():
    text = (ROOT / "docs" / "influxdb.md").read_text("utf-8")

    assert all(f"`{name}`" in text for name in (NODE, MESH, ROLLOUT, EVENT))
