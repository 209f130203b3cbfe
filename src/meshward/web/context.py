"""What handlers are given beside the request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any

from litestar import Request
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter, SkipValidation

from meshward.gateway.service import Caller, Service
from meshward.web.auth import Auth, Identity
from meshward.web.once import Once
from meshward.web.options import WebOptions
from meshward.web.site_files import Site

UPLOADS_MAX = 4
"""Firmware files taken in at the same time: each holds a file open and the disk busy."""


@dataclass(frozen=True)
class Web:
    """The parts of one application."""

    service: Service
    options: WebOptions
    auth: Auth
    once: Once
    site: Site
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from the look at `If-Match` to the change."""
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UPLOADS_MAX))


Context = NamedDependency[SkipValidation[Web]]
ApiRequest = Request[Caller, Identity | None, Any]

NODE_ID_MAX = 0xFFFF_FFFF
ROW_ID_MAX = (1 << 63) - 1
NodeId = Annotated[int, PathParameter(ge=1, le=NODE_ID_MAX)]
ItemId = Annotated[str, PathParameter(max_length=80)]
Sha256 = Annotated[str, PathParameter(pattern="^[0-9A-Fa-f]{6,64}$")]
"""The whole hash, or its first 6 digits or more."""
Limit = Annotated[int, QueryParameter(ge=1, le=1000)]
Cursor = Annotated[str | None, QueryParameter(max_length=200)]
RowCursor = Annotated[int | None, QueryParameter(ge=0, le=ROW_ID_MAX)]
OptionalNode = Annotated[int | None, QueryParameter(ge=1, le=NODE_ID_MAX)]
OptionalText = Annotated[str | None, QueryParameter(max_length=200)]
