"""What the web API can be told when it is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from meshward.web.sessions import COOKIE

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Everything but where to listen; the defaults suit a gateway that only this machine reaches."""

    loopback: bool = True
    """Whether it listens on a loopback address only: then other host names are refused, for a page on the
    web could otherwise point its own name at this machine and read along (DNS rebinding)."""
    hosts: tuple[str, ...] = ()
    """Further host names, without port, by which it may be called."""
    allowed_origins: tuple[str, ...] = ()
    """Origins besides our own whose pages may use the API, as "https://panel.example"."""
    https: bool = False
    """Whether people reach it by TLS although we do not speak it: a proxy in front does."""
    root_path: str = ""
    """Path under which a proxy shows us, as "/meshward"."""
    upload_bytes: int = 64 * MIB
    """Largest firmware file taken; four times the flash of common boards."""
    upload_limit_s: float = 600.0
    """How long the body of any request may take."""
    local_token_sha256: str = ""
    """Hex SHA-256 of the token that only this machine's owner can read; "" for none."""
    cookie: str = COOKIE
    """Name of the cookie of sessions. Browsers keep cookies by host and whatever the port, so gateways that
    share a host each need their own, or a login at one ends that at the other."""
    docs: bool = True
    """Whether /api/docs is served."""
    site_reload: bool = False
    """Whether the dashboard's files are read anew at each request; for those who work on them."""
    metrics: Callable[[], Awaitable[bytes]] | None = None
    """Makes what /metrics shows, in Prometheus' text format; None where it is switched off."""
    metrics_token: bool = True
    """Whether /metrics needs a token, of any role."""
    requests_per_s: float = 100.0
    """Each token, and each address without one, may ask so often in the long run..."""
    requests_burst: int = 400
    """...and so often at once."""
    failures_per_minute: float = 10.0
    """Wrong tokens that an address may send in the long run..."""
    failures_burst: int = 10
    """...and at once."""
    stream_clients: int = 1000
    """WebSocket clients at the same time."""
    stream_first_s: float = 1.0
    """How long a client may take to say from where it resumes."""
    stream_send_s: float = 30.0
    """A client that takes nothing for so long is cut off."""
    stream_alive_s: float = 5.0
    """So often a client hears something, if only that nothing changed: what it shows is fresh by that."""
    stream_check_s: float = 5.0
    """How often the token of a connected client is looked at again."""
