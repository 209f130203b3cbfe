"""What is obeyed from which broker, as it is configured; and what cannot be, told at the start with its key."""

from pathlib import Path
from random import Random

import pytest

from meshward.bridges.mqtt.make import check_brokers, mqtt_bridges
from meshward.config import load_config
from meshward.errors import SettingsError
from tests.support.home_service import HomeService

ALL = "control = true\nmessages = true\ncommands = true\n[homeassistant]\nenabled = true\n"
CONTROL = {"mesh/ota/request/+", "mesh/ota/command"}
TEXTS = {"mesh/message/+/send"}
COMMANDS = {"mesh/command/+/send"}
INSTALL = {"mesh/ota/node/+/install"}


def loaded(folder: Path, lines: str, address: str = "mqtt://pi"):
    file = folder / "meshward.toml"
    file.write_text(f'[mqtt]\nbrokers = "{address}"\n{lines}')
    return load_config(file, {"HOME": str(folder)})


def bridge(folder: Path, lines: str, address: str = "mqtt://pi"):
    config = loaded(folder, lines, address)
    (made,) = mqtt_bridges(HomeService(), config, folder, folder / "bridges", Random(1))
    return made


def obeyed(made) -> set[str]:
    """Filters of what is to be done."""
    filters = {topic for part in made._parts for topic in part.filters}
    return filters & (CONTROL | TEXTS | COMMANDS | INSTALL)


@pytest.mark.parametrize(
    ("address", "lines", "filters"),
    [
        ("mqtt://pi", ALL, CONTROL | TEXTS | COMMANDS | INSTALL),
        ("mqtt://pi?control=no", ALL, set()),
        ("mqtt://pi?control=no", "commands = true\n", set()),
        ("mqtt://pi", ALL.replace("control = true", "control = false"), TEXTS | COMMANDS | INSTALL),
        ("mqtt://pi?control=yes", "control = false\n", CONTROL),
        ("mqtt://pi", "messages = true\n", TEXTS),
        ("mqtt://pi", "commands = true\n", COMMANDS),
        ("mqtt://pi", "", set()),
    ],
)
def test_only_what_is_switched_on_is_obeyed_and_nothing_where_a_broker_has_no_control(
    tmp_path, address, lines, filters
):
    assert obeyed(bridge(tmp_path, lines, address)) == filters


def test_where_a_broker_has_no_control_it_is_not_told_of_commands(tmp_path):
    assert bridge(tmp_path, ALL, "mqtt://pi?control=no").record.view().extras == [
        "home assistant",
        "messages",
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('control_key_file = "gone"\n', r"^mqtt\.control_key_file: .*cannot be read"),
        ('image_hosts = "010.0.0.5"\n', r"^mqtt\.image_hosts: '010\.0\.0\.5' is not a host"),
        ('image_hosts = ["ci.example", "xn--a"]\n', r"^mqtt\.image_hosts: 'xn--a' is not a host"),
    ],
)
def test_what_cannot_be_is_told_with_its_key(tmp_path, lines, words):
    config = loaded(tmp_path, lines)
    with pytest.raises(SettingsError, match=words):
        check_brokers(config)
    assert not (tmp_path / "bridges").exists()


def test_the_memory_of_signed_commands_is_begun_at_the_start(tmp_path):
    key = tmp_path / "mqtt.key"
    key.write_text("0123456789abcdef")
    key.chmod(0o600)
    lines = 'control_key_file = "mqtt.key"\n'
    check_brokers(loaded(tmp_path, lines))
    assert not (tmp_path / "bridges").exists()
    bridge(tmp_path, lines)
    assert (tmp_path / "bridges" / "mqtt-transactions.json").exists()
