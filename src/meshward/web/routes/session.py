"""Sessions of browsers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.params import JSONBody

from meshward.gateway.views import Role
from meshward.web.answers import Answer
from meshward.web.auth import SECRET_CHARACTERS_MAX, address_of
from meshward.web.context import ApiRequest, Context, Web
from meshward.web.sessions import COOKIE


class Login(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Starts a session."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=SECRET_CHARACTERS_MAX)]


class SessionView(msgspec.Struct, kw_only=True):
    """Who is logged in."""

    name: str
    role: Role
    csrf: str | None
    """To be sent as X-CSRF-Token with everything that changes something; null without a session."""


@post("/session", summary="Log in", status_code=201)
async def log_in(web: Context, request: ApiRequest, data: JSONBody[Login]) -> Answer[SessionView]:
    """Exchanges a token for a cookie that scripts cannot read."""
    web.auth.check_origin(request)
    caller = await web.auth.prove(data.token, address_of(request))
    cookie, session = web.auth.sessions.start(data.token)
    answer = Answer(SessionView(name=caller.name, role=caller.role, csrf=session.csrf), status_code=201)
    answer.set_cookie(
        COOKIE,
        cookie,
        path=_cookie_path(web),
        secure=web.auth.is_https(request),
        httponly=True,
        samesite="strict",
    )
    return answer


@get("/session", summary="Show who is logged in", sync_to_thread=False)
def show_session(request: ApiRequest) -> SessionView:
    """Also for a caller with a token in the header."""
    identity = request.auth
    session = identity.session if identity else None
    return SessionView(name=request.user.name, role=request.user.role, csrf=session.csrf if session else None)


@delete("/session", summary="Log out", sync_to_thread=False)
def log_out(web: Context, request: ApiRequest) -> Answer[None]:
    """Ends the session of the cookie."""
    web.auth.sessions.end(request.cookies.get(COOKIE, ""))
    answer = Answer(None, status_code=204)
    answer.delete_cookie(COOKIE, path=_cookie_path(web))
    return answer


def _cookie_path(web: Web) -> str:
    return web.options.root_path or "/"


HANDLERS = (log_in, show_session, log_out)
