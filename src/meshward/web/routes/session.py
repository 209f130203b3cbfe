"""Sessions of browsers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.params import JSONBody

from meshward.gateway.dashboard_views import LoginLink
from meshward.gateway.service import Caller
from meshward.gateway.views import Role
from meshward.web.answers import Answer
from meshward.web.auth import SECRET_CHARACTERS_MAX, address_of
from meshward.web.context import ApiRequest, Context, Web
from meshward.web.problems import refusal_of_field
from meshward.web.sessions import CODE_S

_Proof = Annotated[str, msgspec.Meta(min_length=1, max_length=SECRET_CHARACTERS_MAX)]


class Login(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Starts a session, with one of these."""

    token: _Proof | msgspec.UnsetType = msgspec.UNSET
    code: _Proof | msgspec.UnsetType = msgspec.UNSET
    """Of a link that POST /api/v1/session/links made."""


class SessionView(msgspec.Struct, kw_only=True):
    """Who is logged in."""

    name: str
    role: Role
    csrf: str | None
    """To be sent as X-CSRF-Token with everything that changes something; null without a session."""


@post("/session", summary="Log in", status_code=201)
async def log_in(web: Context, request: ApiRequest, data: JSONBody[Login]) -> Answer[SessionView]:
    """Exchanges a token, or the code of a login link, for a cookie that scripts cannot read."""
    web.auth.check_origin(request)
    caller, secret = await _proven(web, data, address_of(request))
    web.auth.sessions.end(request.cookies.get(web.options.cookie, ""))  # the browser forgets it now
    cookie, session = web.auth.sessions.start(secret)
    answer = Answer(SessionView(name=caller.name, role=caller.role, csrf=session.csrf), status_code=201)
    answer.set_cookie(
        web.options.cookie,
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


@post("/session/links", summary="Make a login link", status_code=201, sync_to_thread=False)
def make_link(web: Context, request: ApiRequest) -> LoginLink:
    """A browser that opens it is logged in as who made it: once, and within 5 minutes."""
    assert request.auth is not None, "the gate lets nobody else in"
    code = web.auth.codes.make(request.auth.secret)
    # Browsers keep what follows "#" to themselves, so it is in no log of a server.
    return LoginLink(code=code, path=f"#/login/{code}", expires_in_s=CODE_S)


@delete("/session", summary="Log out", sync_to_thread=False)
def log_out(web: Context, request: ApiRequest) -> Answer[None]:
    """Ends the session of the cookie."""
    web.auth.sessions.end(request.cookies.get(web.options.cookie, ""))
    answer = Answer(None, status_code=204)
    answer.delete_cookie(web.options.cookie, path=_cookie_path(web))
    return answer


async def _proven(web: Web, data: Login, address: str) -> tuple[Caller, str]:
    """Who logs in, and his token."""
    if isinstance(data.token, str) and not isinstance(data.code, str):
        return await web.auth.prove(data.token, address), data.token
    if isinstance(data.code, str) and not isinstance(data.token, str):
        return await web.auth.redeem(data.code, address)
    raise refusal_of_field("token", "send either a token or the code of a login link")


def _cookie_path(web: Web) -> str:
    return web.options.root_path or "/"


HANDLERS = (log_in, show_session, make_link, log_out)
