"""Sessions of browsers, and codes that start one: in memory, so they end with the daemon."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

COOKIE = "meshward_session"
"""Name of the cookie, or how it begins: see `WebOptions.cookie`."""
IDLE_S = 12 * 3600.0
SESSIONS_MAX = 1000
"""The one that was idle longest goes first."""
SESSIONS_OF_TOKEN_MAX = 20
"""So that whoever has one token cannot end the sessions of all others."""
CODE_S = 300.0
"""How long a code may be used."""
CODES_MAX = 50
"""The oldest goes first; people use one at once or not at all."""
CODES_OF_TOKEN_MAX = 5
"""As with sessions."""


@dataclass(slots=True)
class Session:
    """One login. The token stays with it, so that it is worth nothing once the token is not."""

    secret: str
    csrf: str
    used_s: float
    ended: bool = False

    def csrf_fits(self, sent: str) -> bool:
        """Whether the header holds this session's value."""
        return hmac.compare_digest(self.csrf.encode(), sent.encode())


class Sessions:
    """Open sessions by the hash of what the cookie holds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def start(self, secret: str) -> tuple[str, Session]:
        """What goes into the cookie, and the new session. An older one of the same token may end for it."""
        cookie = secrets.token_urlsafe(32)
        session = Session(secret, secrets.token_urlsafe(32), self._clock())
        own = [key for key, one in self._open.items() if one.secret == secret]
        if len(own) >= SESSIONS_OF_TOKEN_MAX:
            self._drop(own[0])
        self._open[_key(cookie)] = session
        while len(self._open) > SESSIONS_MAX:
            self._drop(next(iter(self._open)))
        return cookie, session

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie, which is thereby in use; None where it ended."""
        key = _key(cookie)
        session = self._open.get(key)
        if session is None:
            return None
        if not self.alive(session):
            self._drop(key)
            return None
        session.used_s = self._clock()
        self._open.move_to_end(key)
        return session

    def end(self, cookie: str) -> None:
        """Forget the session of a cookie, if there is one."""
        self._drop(_key(cookie))

    def alive(self, session: Session) -> bool:
        """Whether it has neither been ended nor left idle for too long."""
        return not session.ended and self._clock() - session.used_s <= IDLE_S

    def _drop(self, key: str) -> None:
        session = self._open.pop(key, None)
        if session is not None:
            session.ended = True


class LoginCodes:
    """Codes that stand in for a token, each once and for a short time, by their hashes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def make(self, secret: str) -> str:
        """A code for this token. An older one of it may be worth nothing any more."""
        code = secrets.token_urlsafe(24)
        own = [key for key, (one, _) in self._open.items() if one == secret]
        if len(own) >= CODES_OF_TOKEN_MAX:
            del self._open[own[0]]
        self._open[_key(code)] = (secret, self._clock())
        while len(self._open) > CODES_MAX:
            self._open.popitem(last=False)
        return code

    def take(self, code: str) -> str | None:
        """The token of a code, which is worth nothing afterwards; None where it is not, already."""
        found = self._open.pop(_key(code), None)
        if found is None or self._clock() - found[1] > CODE_S:
            return None
        return found[0]


def _key(proof: str) -> str:
    return hashlib.sha256(proof.encode()).hexdigest()
