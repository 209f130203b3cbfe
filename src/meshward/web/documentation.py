"""The API's description and its page, all of it served from here."""

from __future__ import annotations

from pathlib import Path

import msgspec
from litestar import Router, get

from meshward.web import routes
from meshward.web.answers import Answer
from meshward.web.context import ApiRequest, Context, ItemId
from meshward.web.openapi import document
from meshward.web.problems import Refusal

_HERE = Path(__file__).parent
_VENDOR = _HERE / "vendor" / "swagger-ui"
_FILES = {
    "docs.js": (_HERE / "pages" / "docs.js", "text/javascript; charset=utf-8"),
    "swagger-ui-bundle.js": (_VENDOR / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    "swagger-ui.css": (_VENDOR / "swagger-ui.css", "text/css; charset=utf-8"),
}
_OFF = "the documentation is switched off"


@get("/v1/openapi.json", include_in_schema=False, sync_to_thread=False)
def show_openapi(web: Context, request: ApiRequest) -> Answer[bytes]:
    """The OpenAPI document; made once, when first asked for."""
    state = request.app.state
    if "openapi" not in state:
        api = Router("/api/v1", route_handlers=[*routes.HANDLERS])
        shown = document([api], web.options.root_path, web.options.cookie)
        state["openapi"] = msgspec.json.encode(shown)
    return Answer(state["openapi"], media_type="application/json")


@get("/docs", include_in_schema=False, sync_to_thread=True)
def show_docs(web: Context) -> Answer[bytes]:
    """The page."""
    if not web.options.docs:
        raise Refusal(404, _OFF)
    return Answer((_HERE / "pages" / "docs.html").read_bytes(), media_type="text/html; charset=utf-8")


@get("/docs/{name:str}", include_in_schema=False, sync_to_thread=True)
def show_docs_file(web: Context, name: ItemId) -> Answer[bytes]:
    """What the page is made of."""
    if not web.options.docs or name not in _FILES:
        raise Refusal(404, "there is no such file" if web.options.docs else _OFF)
    path, media_type = _FILES[name]
    return Answer(path.read_bytes(), media_type=media_type)


HANDLERS = (show_openapi, show_docs, show_docs_file)
