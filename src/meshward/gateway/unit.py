"""The systemd unit that runs the gateway on a machine."""

from importlib.resources import files
from pathlib import Path

_HOMES = ("/home/", "/root/")


def unit(command: str, config: Path) -> str:
    """The unit's text; `command` is how the program is called, by its full path."""
    # A program in somebody's home, as in a virtual environment there, must be seen at least.
    home = "read-only" if command.startswith(_HOMES) or str(config).startswith(_HOMES) else "yes"
    text = files("meshward.gateway").joinpath("meshward.service").read_text("utf-8")
    for name, value in {"@COMMAND@": command, "@CONFIG@": _quoted(str(config)), "@HOME@": home}.items():
        text = text.replace(name, value)
    return text


def _quoted(argument: str) -> str:
    escaped = argument.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if set(escaped) & set(" \t'\"\\") else escaped
