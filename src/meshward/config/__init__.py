"""The configuration: one TOML file, overridden by the environment.

The file is `./meshward.toml`, else `~/.config/meshward/config.toml`, or one that is named; `shape`
lists its keys, and `meshward init` writes one that explains itself.
"""

from meshward.config.checks import http_address, is_loopback
from meshward.config.keys import Changes, changed_keys, keys, tables, value_of, with_values
from meshward.config.reading import config_path, data_directory, load_config
from meshward.config.shape import Config, Http, Log, Updates

__all__ = [
    "Changes",
    "Config",
    "Http",
    "Log",
    "Updates",
    "changed_keys",
    "config_path",
    "data_directory",
    "http_address",
    "is_loopback",
    "keys",
    "load_config",
    "tables",
    "value_of",
    "with_values",
]
