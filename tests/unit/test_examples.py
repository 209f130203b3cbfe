"""The examples: what they say must be so, as far as it can be seen without running them."""

import json
import re
from pathlib import Path, PurePosixPath
from string import Template

import pytest
import yaml

from meshward.config.reading import load_config
from meshward.gateway.unit import unit
from tests.support.programs import ROOT

EXAMPLES = ROOT / "examples"
STACK = EXAMPLES / "stack"
COMPOSE = yaml.safe_load((STACK / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
ENV = {"MESH_NODES": "10.1.2.1", "MQTT_PASSWORD": "secret", "GRAFANA_PASSWORD": "secret", "BIND": "127.0.0.1"}
MADE_BY_USERS = {STACK / "secrets" / "meshward-token", STACK / "mosquitto" / "passwords", STACK / ".env"}
NODES = json.loads((EXAMPLES / "node-red" / "meshward-flow.json").read_text("utf-8"))
CORE_NODES = {
    *("tab", "comment", "mqtt-broker", "mqtt in", "mqtt out", "http in", "http response"),
    *("function", "template", "debug", "inject", "link in", "link out"),
}


def files(pattern):
    return [pytest.param(path, id=str(path.relative_to(EXAMPLES))) for path in sorted(EXAMPLES.glob(pattern))]


def mounts(service):
    """Source, target, and whether it is read only."""
    for text in service.get("volumes", []):
        source, target, *mode = text.split(":")
        yield source, target, mode == ["ro"]


def loaded(path, tmp_path, **environ):
    return load_config(path, {"MESHWARD_DATA": str(tmp_path), **environ})


@pytest.mark.parametrize("path", files("**/*.toml"))
def test_configurations_are_right(path, tmp_path):
    config = loaded(path, tmp_path)
    assert config.mqtt.all_brokers or config.influx.urls


@pytest.mark.parametrize("path", files("**/*.y*ml"))
def test_yaml_files_are_whole(path):
    assert yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize("path", files("**/*.md"))
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text("utf-8")):
        assert (path.parent / link).exists(), link


def test_examples_name_no_machine_of_ours():
    for path in EXAMPLES.rglob("*"):
        if path.is_file():
            assert str(ROOT) not in path.read_text("utf-8"), path


# -- the stack -------------------------------------------------------------------------------


def test_everything_that_is_mounted_is_there():
    for name, service in SERVICES.items():
        for source, target, _ in mounts(service):
            assert PurePosixPath(target).is_absolute(), (name, target)
            if source.startswith("."):
                path = (STACK / source).resolve()
                assert path.exists() or path in MADE_BY_USERS, (name, source)
            else:
                assert source in COMPOSE["volumes"], (name, source)
    used = {source for service in SERVICES.values() for source, _, _ in mounts(service)}
    assert set(COMPOSE["volumes"]) <= used


def test_files_of_the_project_are_mounted_for_reading_only():
    for name, service in SERVICES.items():
        for source, _, read_only in mounts(service):
            # Mosquitto's own start makes its folder belong to its user.
            assert read_only or not source.startswith(".") or name == "mosquitto", (name, source)


def test_images_are_pinned_to_a_version():
    for name, service in SERVICES.items():
        assert "build" in service or re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), name


def test_the_gateway_is_built_from_the_project():
    build = SERVICES["gateway"]["build"]
    context = (STACK / build["context"]).resolve()
    assert context == ROOT
    dockerfile = (context / build["dockerfile"]).read_text("utf-8")
    assert "\nUSER meshward\n" in dockerfile
    assert f"VOLUME {SERVICES['gateway']['environment']['MESHWARD_DATA']}" in dockerfile


def test_no_two_services_have_a_port_and_most_are_for_this_machine():
    ports = {}
    for name, service in SERVICES.items():
        for text in service["ports"]:
            *where, port, _ = re.sub(r"\$\{BIND:-([\d.]+)\}", r"\1", text).split(":")
            assert port not in ports, (name, port)
            ports[port] = where
    assert {port for port, where in ports.items() if where != ["127.0.0.1"]} == {"1883"}


def test_every_variable_is_in_the_example_of_env():
    text = (STACK / "compose.yaml").read_text("utf-8")
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    listed = dict(re.findall(r"^([A-Z_]+)=(.*)$", (STACK / "env.example").read_text("utf-8"), re.MULTILINE))
    assert used == set(listed) == set(ENV)
    assert not listed["MQTT_PASSWORD"] + listed["GRAFANA_PASSWORD"], "nobody should run with the same ones"


def test_the_gateway_of_the_stack_reaches_what_is_in_it(tmp_path):
    told = {
        name: re.sub(r"\$\{([A-Z_]+)[^}]*\}", lambda found: ENV[found[1]], value)
        for name, value in SERVICES["gateway"]["environment"].items()
    }
    config = loaded(STACK / "meshward.toml", tmp_path, **told)
    addresses = [*config.mqtt.all_brokers]
    assert [broker.host for broker in addresses] == ["mosquitto"]
    assert config.mqtt.password == ENV["MQTT_PASSWORD"]
    for url in (*config.prometheus.alertmanagers, *config.influx.urls):
        host, port = re.match(r"http://([\w-]+):(\d+)", url).groups()
        assert any(text.endswith(f":{port}") for text in SERVICES[host]["ports"]), url
    assert config.http.address.port == 8080
    database = SERVICES["influxdb"]["environment"]["INFLUXDB_DB"]
    assert config.influx.urls[0].endswith(f"?db={database}")


def test_prometheus_of_the_stack_finds_its_files_and_targets():
    config = yaml.safe_load((EXAMPLES / "prometheus" / "prometheus.yml").read_text("utf-8"))
    there = {target for _, target, _ in mounts(SERVICES["prometheus"])}
    (job,) = config["scrape_configs"]
    for name in (*config["rule_files"], job["authorization"]["credentials_file"]):
        assert f"/etc/prometheus/{name}" in there
    (managers,) = config["alerting"]["alertmanagers"]
    for target in (*job["static_configs"][0]["targets"], *managers["static_configs"][0]["targets"]):
        host, port = target.split(":")
        assert any(text.endswith(f":{port}") for text in SERVICES[host]["ports"]), target


def test_grafana_of_the_stack_finds_datasources_and_dashboards():
    folder = EXAMPLES / "grafana" / "provisioning"
    (provider,) = yaml.safe_load((folder / "dashboards" / "meshward.yaml").read_text("utf-8"))["providers"]
    targets = {target: source for source, target, _ in mounts(SERVICES["grafana"])}
    assert list((STACK / targets[provider["options"]["path"]]).glob("*.json"))
    for source in yaml.safe_load((folder / "datasources" / "meshward.yaml").read_text("utf-8"))[
        "datasources"
    ]:
        url = Template(source["url"]).substitute(SERVICES["grafana"]["environment"])
        assert any(text.endswith(url.rpartition(":")[2]) for text in SERVICES[source["type"]]["ports"]), url


# -- Node-RED --------------------------------------------------------------------------------


def test_the_flow_needs_no_more_than_node_red_has():
    assert {node["type"] for node in NODES} == CORE_NODES


def test_wires_lead_to_nodes():
    ids = [node["id"] for node in NODES]
    assert len(set(ids)) == len(ids)
    for node in NODES:
        for output in node.get("wires", []):
            assert set(output) <= set(ids), node["name"]


def test_the_flow_holds_no_secret_and_takes_its_broker_from_the_environment():
    (broker,) = [node for node in NODES if node["type"] == "mqtt-broker"]
    assert (broker["broker"], broker["port"]) == ("${MQTT_HOST}", "${MQTT_PORT}")
    assert "credentials" not in json.dumps(NODES)
    assert {"MQTT_HOST", "MQTT_PORT"} <= set(SERVICES["node-red"]["environment"])


def test_node_red_is_locked_by_hashes_and_to_no_address():
    folder = ROOT / "scripts" / "node-red"
    wanted = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    packages = json.loads((folder / "package-lock.json").read_text("utf-8"))["packages"]
    assert packages[""]["dependencies"] == wanted
    assert packages["node_modules/node-red"]["version"] == wanted["node-red"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or package.get("inBundle") or package["integrity"].startswith("sha512-"), name


# -- the Raspberry Pi ------------------------------------------------------------------------


def test_the_unit_is_what_init_writes():
    written = (EXAMPLES / "raspberry-pi" / "meshward.service").read_text("utf-8")
    expected = unit("/opt/meshward/bin/meshward", Path("/etc/meshward/meshward.toml"))
    assert written == expected, "run scripts/write-examples"


def test_systemd_hands_over_the_password(tmp_path):
    text = (EXAMPLES / "raspberry-pi" / "mqtt.conf").read_text("utf-8")
    name, path = re.search(r"^LoadCredential=([\w-]+):(\S+)$", text, re.MULTILINE).groups()
    assert path in (EXAMPLES / "raspberry-pi" / "README.md").read_text("utf-8")
    variable, value = re.search(r"^Environment=(\w+)=(\S+)$", text, re.MULTILINE).groups()
    assert value == f"%d/{name}"
    config = loaded(EXAMPLES / "raspberry-pi" / "meshward.toml", tmp_path, **{variable: "/x/mqtt-password"})
    assert config.mqtt.password_file == "/x/mqtt-password"


def test_every_file_for_the_pi_is_put_somewhere():
    folder = EXAMPLES / "raspberry-pi"
    readme = (folder / "README.md").read_text("utf-8")
    for path in folder.iterdir():
        assert path.name == "README.md" or f" {path.name} " in readme, path.name
