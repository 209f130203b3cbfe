"""The keys about bridges: addresses that can be, those that cannot, and secrets that are not shown."""

import re

import pytest

from meshward.config import Broker, broker, keys, load_config, shown_value
from meshward.config.bridge_addresses import shown_broker, shown_influx
from meshward.errors import SettingsError


def loaded(folder, text, **environ):
    file = folder / "some.toml"
    file.write_text(text)
    return load_config(file, {"HOME": str(folder), **environ})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mqtt://pi", Broker("pi", 1883, tls=False)),
        ("mqtts://pi", Broker("pi", 8883, tls=True)),
        ("mqtt://10.0.0.2:1884/", Broker("10.0.0.2", 1884, tls=False)),
        ("mqtt://[fd00::1]:1884/home/mesh", Broker("fd00::1", 1884, tls=False, prefix="home/mesh")),
        ("mqtts://me:s%40cret@pi/garden", Broker("pi", 8883, True, "me", "s@cret", prefix="garden")),
        (
            "mqtt://pi?profile=alteriom&homeassistant=no&control=yes",
            Broker("pi", 1883, tls=False, profile="alteriom", homeassistant=False, control=True),
        ),
    ],
)
def test_a_broker_is_one_address(text, wanted):
    assert broker(text) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pi", "mqtt://host"),
        ("http://pi", "mqtt://"),
        ("mqtt://", "mqtt://host"),
        ("mqtt://pi:0", "mqtt://host"),
        ("mqtt://pi:99999", "mqtt://host"),
        ("mqtt://pi pi", "mqtt://host"),
        ("mqtt://pi/a/+/b", "without + and #"),
        ("mqtt://pi/$SYS", "cannot begin a topic"),
        ("mqtt://pi/a//b", "cannot begin a topic"),
        ("mqtt://me:a#b@pi", "%23"),
        ("mqtt://pi?profile=other", "meshward or alteriom"),
        ("mqtt://pi?qos=1", "nothing but profile"),
        ("mqtt://pi?profile", "?profile="),
        ("mqtt://me:12/secret@pi", "write %2F for a /"),
        ("mqtt://me:1?secret=x@pi", "%3F for a ?"),
    ],
)
def test_what_is_no_broker_is_refused_with_the_way_to_write_it(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        broker(text)


def test_a_broker_is_shown_without_its_login():
    assert shown_broker("mqtts://me:secret@[fd00::1]/garden") == "mqtts://[fd00::1]:8883/garden"
    assert shown_influx("http://me:secret@db:8086/write?db=mesh&p=secret") == "http://db:8086/write?…"


def test_one_line_is_enough(tmp_path):
    config = loaded(tmp_path, 'mqtt.brokers = "mqtt://pi"\nhomeassistant.enabled = true\n')
    assert config.mqtt.all_brokers == (Broker("pi", 1883, tls=False),)
    assert config.homeassistant.enabled
    assert config.mqtt.prefix == "mesh"


def test_the_environment_names_brokers_too(tmp_path):
    config = loaded(tmp_path, "", MESHWARD_MQTT_BROKERS="mqtt://a mqtt://b", MESHWARD_INFLUX_TOKEN="t0ken")
    assert config.mqtt.brokers == ("mqtt://a", "mqtt://b")
    assert config.influx.token == "t0ken"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mqtt.qos = 3", "0, 1 or 2"),
        ("mqtt.period_s = 0", "1 to 3600"),
        ('mqtt.prefix = "a/#"', "cannot begin a topic"),
        ('mqtt.profile = "other"', "meshward or alteriom"),
        ('mqtt.image_hosts = ["http://ci"]', "write it as ci.example"),
        ('mqtt.image_hosts = "ci:70000"', "write it as ci.example"),
        ('mqtt.brokers = "tcp://pi"', "mqtt://"),
        ('influx.urls = "http://db:8086"', "whole address"),
        ('influx.urls = "udp://db:8089/x"', "http://host:8086"),
        ('prometheus.alertmanagers = "am"', "http://host:9093"),
        ('homeassistant.discovery = "both"', "device or entities"),
        (f'name = "{"x" * 65}"', "64 characters"),
    ],
)
def test_wrong_values_are_refused_and_named(tmp_path, line, said):
    with pytest.raises(SettingsError, match=r"some\.toml line 1") as error:
        loaded(tmp_path, line)
    assert said in str(error.value)
    assert line.split(" ", 1)[0] in str(error.value)


def test_no_secret_is_shown(tmp_path):
    config = loaded(
        tmp_path,
        """
        [mqtt]
        brokers = "mqtt://me:hunter2@pi"
        password = "hunter2"
        [influx]
        urls = "http://me:hunter2@db:8086/write?db=mesh&p=hunter2"
        token = "hunter2"
        [prometheus]
        alertmanagers = "http://me:hunter2@am:9093"
        """,
    )
    shown = [str(shown_value(config, path)) for path in keys()]
    assert "hunter2" not in " ".join([*shown, repr(config.mqtt), repr(config.influx), str(config.mqtt)])
    assert "hunter2" not in repr(config.mqtt.all_brokers)


@pytest.mark.parametrize(
    "address",
    [
        "mqtt://me:hunter2@pi?qos=1",
        "hunter2:mqtt@pi",
        "hunter2://pi",
        "mqtt://me:12/hunter2@pi",
        "mqtt://me:12/hunter2+",
        "mqtt://me:1?hunter2@pi",
        "mqtt://me:1?hunter2=yes",
        "mqtt://me:1?control=hunter2",
        "mqtt://me:hunter2/@pi",
        "mqtt://me:hunter2#@pi",
        "mqtt://me:hunter2 @pi",
        "mqtt://me:[hunter2@pi",
    ],
)
def test_no_piece_of_a_wrong_address_is_repeated(tmp_path, address):
    with pytest.raises(SettingsError, match=r"mqtt\.brokers: ") as error:
        loaded(tmp_path, f'mqtt.brokers = "{address}"')
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("influx.urls", "http://me:12/hunter2@db/write"),
        ("prometheus.alertmanagers", "http://me:12/hunter2@am"),
        ("prometheus.alertmanagers", "http://me:12?hunter2@am"),
    ],
)
def test_a_login_with_a_slash_is_refused_for_all_programs(tmp_path, key, address):
    with pytest.raises(SettingsError, match="no @ after the host") as error:
        loaded(tmp_path, f'{key} = "{address}"')
    assert "hunter2" not in str(error.value)


def test_a_database_may_have_a_user_in_its_parameters(tmp_path):
    config = loaded(tmp_path, 'influx.urls = "http://db:8086/api/v2/write?org=me@example.com&bucket=b"')
    assert len(config.influx.urls) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("homeassistant.enabled = true", "homeassistant.enabled does nothing without a broker"),
        ("mqtt.control = true", "mqtt.control does nothing without a broker"),
        ("mqtt.messages = true", "mqtt.messages does nothing without a broker"),
        (
            'mqtt.brokers = "mqtt://pi?profile=alteriom"\nhomeassistant.enabled = true',
            'needs the profile "meshward"',
        ),
        (
            'mqtt.brokers = "mqtt://pi?homeassistant=no"\nhomeassistant.enabled = true',
            'needs the profile "meshward"',
        ),
        (
            'mqtt.brokers = ["mqtt://pi/a?profile=alteriom", "mqtt://pi"]\nhomeassistant.enabled = true',
            "",
        ),
        ('mqtt.brokers = "mqtt://pi"\nmqtt.control = true', ""),
        ("", ""),
    ],
)
def test_what_has_no_effect_is_said(tmp_path, text, said):
    warnings = loaded(tmp_path, text).warnings()
    assert [said in warning for warning in warnings] == ([True] if said else [])
