"""Passwords and tokens in files of their own."""

from __future__ import annotations

from pathlib import Path

from meshward.errors import SettingsError

BYTES_MAX = 4096


def read_secret(key: str, file: str) -> str:
    """The one line of a file. `key`: where the configuration names it. Raises SettingsError."""
    try:
        with Path(file).open("rb") as opened:
            secret = opened.read(BYTES_MAX + 1).decode().strip("\r\n")
    except OSError as error:
        raise SettingsError(f"{key}: {file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{key}: {file} is no text") from error
    if not 0 < len(secret) <= BYTES_MAX or not secret.isprintable():
        raise SettingsError(f"{key}: {file} must hold one line of text, and nothing else")
    return secret
