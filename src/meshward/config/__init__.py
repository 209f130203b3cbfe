"""The configuration: one TOML file, overridden by the environment.

The file is `./meshward.toml`, else `~/.config/meshward/config.toml`, or one that is named; `shape`
lists its keys, and `meshward init` writes one that explains itself.
"""

from meshward.config.bridge_addresses import Broker, broker, check_influx
from meshward.config.bridges import HomeAssistant, Influx, Mqtt, Prometheus
from meshward.config.checks import http_address, is_loopback
from meshward.config.health import Alerts, Health, History
from meshward.config.keys import Changes, changed_keys, keys, shown_value, tables, value_of, with_values
from meshward.config.reading import config_path, data_directory, load_config
from meshward.config.receivers import MailServer, Receiver
from meshward.config.shape import Config, Http, Log, Updates

__all__ = [
    "Alerts",
    "Broker",
    "Changes",
    "Config",
    "Health",
    "History",
    "HomeAssistant",
    "Http",
    "Influx",
    "Log",
    "MailServer",
    "Mqtt",
    "Prometheus",
    "Receiver",
    "Updates",
    "broker",
    "changed_keys",
    "check_influx",
    "config_path",
    "data_directory",
    "http_address",
    "is_loopback",
    "keys",
    "load_config",
    "shown_value",
    "tables",
    "value_of",
    "with_values",
]
