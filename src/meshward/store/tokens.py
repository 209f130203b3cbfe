"""Tokens of the API. Their secrets are shown once and never stored."""

# ruff: noqa: S608 what is put into statements is names of columns and clauses of this file

import hashlib
import hmac
import re
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Literal

from meshward.errors import InvalidError, UnknownItemError
from meshward.store.transaction import transaction
from meshward.text import printable

Role = Literal["viewer", "operator", "admin"]

NAME_CHARACTERS_MAX = 64
USE_NOTED_EVERY_S = 60.0
"""How often a use is stored: not with every request."""

_SECRET = re.compile(r"mw_[A-Za-z0-9_-]{43}")
_COLUMNS = "id, name, role, created_s, created_by, expires_s, last_used_s, revoked_s"


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token, without its secret."""

    id: str
    name: str
    role: Role
    created_s: float
    created_by: str
    expires_s: float | None
    last_used_s: float | None
    revoked_s: float | None

    def is_valid(self, at_s: float) -> bool:
        """Whether it still opens anything."""
        return self.revoked_s is None and (self.expires_s is None or at_s < self.expires_s)

    def use_is_worth_noting(self, at_s: float) -> bool:
        """Whether `used` would store anything."""
        return self.last_used_s is None or abs(at_s - self.last_used_s) >= USE_NOTED_EVERY_S


def create(
    connection: sqlite3.Connection,
    *,
    role: Role,
    name: str,
    created_by: str,
    at_s: float,
    expires_s: float | None = None,
) -> tuple[TokenRow, str]:
    """A new token and its secret. `expires_s` is a Unix time. Raises InvalidError."""
    if role not in {"viewer", "operator", "admin"}:
        raise InvalidError("a token's role is viewer, operator or admin")
    if len(name) > NAME_CHARACTERS_MAX or printable(name, NAME_CHARACTERS_MAX) != name:
        raise InvalidError(f"a token's name has at most {NAME_CHARACTERS_MAX} characters, none a control")
    if expires_s is not None and expires_s <= at_s:
        raise InvalidError("a token must expire later than now")
    secret = "mw_" + secrets.token_urlsafe(32)
    with transaction(connection):
        token_id = _free_id(connection)
        connection.execute(
            "INSERT INTO token (id, name, role, hash, created_s, created_by, expires_s) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (token_id, name, role, _hash(secret), at_s, created_by, expires_s),
        )
        return get(connection, token_id), secret


def get(connection: sqlite3.Connection, token_id: str) -> TokenRow:
    """One token. Raises UnknownItemError."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM token WHERE id = ?", (token_id,)).fetchone()
    if row is None:
        raise UnknownItemError("there is no such token; list them with `meshward token list`")
    return TokenRow(*row)


def load_all(connection: sqlite3.Connection) -> list[TokenRow]:
    """All tokens, newest first, with those that expired or were revoked."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM token ORDER BY created_s DESC, rowid DESC")
    return [TokenRow(*row) for row in rows]


def revoke(connection: sqlite3.Connection, token_id: str, at_s: float) -> TokenRow:
    """End a token for good; one that was revoked before stays so. Raises UnknownItemError."""
    with transaction(connection):
        connection.execute(
            "UPDATE token SET revoked_s = ? WHERE id = ? AND revoked_s IS NULL", (at_s, token_id)
        )
        return get(connection, token_id)


def find(connection: sqlite3.Connection, secret: str, at_s: float) -> TokenRow | None:
    """The valid token with this secret; None where it is not known, expired or revoked."""
    if not _SECRET.fullmatch(secret):
        return None
    digest = _hash(secret)
    # The search tells by its time at most how a hash begins, from which no secret can be made.
    row = connection.execute(f"SELECT hash, {_COLUMNS} FROM token WHERE hash = ?", (digest,)).fetchone()
    if row is None or not hmac.compare_digest(row[0], digest):
        return None
    token = TokenRow(*row[1:])
    return token if token.is_valid(at_s) else None


def used(connection: sqlite3.Connection, token_id: str, at_s: float) -> None:
    """Note that a token was used, at most once a minute."""
    connection.execute(
        "UPDATE token SET last_used_s = ?1 WHERE id = ?2 "
        "AND (last_used_s IS NULL OR abs(?1 - last_used_s) >= ?3)",
        (at_s, token_id, USE_NOTED_EVERY_S),
    )


def _hash(secret: str) -> str:
    # Secrets are 256 random bits: there is nothing to guess, so a slow hash would only slow down requests.
    return hashlib.sha256(secret.encode()).hexdigest()


def _free_id(connection: sqlite3.Connection) -> str:
    while True:
        token_id = secrets.token_hex(4)
        if connection.execute("SELECT 1 FROM token WHERE id = ?", (token_id,)).fetchone() is None:
            return token_id
