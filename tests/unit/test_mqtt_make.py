"""Bridges as they are configured: what cannot be is told at the start, and not only when a broker is there."""

from pathlib import Path
from random import Random

import pytest

from meshward.bridges.mqtt.make import mqtt_bridges
from meshward.config import load_config
from meshward.errors import SettingsError
from tests.support.bridge_service import BridgeService
from tests.support.certificates import Certificates


def made(folder: Path, text: str):
    file = folder / "meshward.toml"
    file.write_text(text)
    config = load_config(file, {"HOME": str(folder)})
    return mqtt_bridges(BridgeService(), config, folder, folder / "bridges", Random(1))


@pytest.mark.parametrize("key", ["tls_ca", "tls_cert", "password_file"])
def test_a_file_that_is_not_there_is_named_at_the_start(tmp_path, key):
    with pytest.raises(SettingsError, match=rf"mqtt\.{key}: .*/gone cannot be (used|read): No such file"):
        made(tmp_path, f'[mqtt]\nbrokers = "mqtts://me@pi"\n{key} = "gone"\n')


def test_tls_files_of_a_broker_without_tls_are_not_read(tmp_path):
    assert len(made(tmp_path, '[mqtt]\nbrokers = "mqtt://pi"\ntls_ca = "gone"\n')) == 1


def test_tls_files_that_can_be_used_are(tmp_path):
    certificates = Certificates(tmp_path / "tls")
    (bridge,) = made(tmp_path, f'[mqtt]\nbrokers = "mqtts://pi"\ntls_ca = "{certificates.ca}"\n')
    assert bridge.record.name == "mqtts://pi:8883"
