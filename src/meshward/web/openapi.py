"""The OpenAPI 3.1 document: Litestar's, with what it cannot know of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Server
from litestar.response import Response
from litestar.types import ControllerRouterHandler

import meshward
from meshward.web.access import ACCESS
from meshward.web.gate import routes_of
from meshward.web.once import KEY_PATTERN
from meshward.web.problems import MEDIA_TYPE, Problem
from meshward.web.sessions import COOKIE

ABOUT = """\
Everything a Meshward gateway can be asked. Errors are RFC 9457 problem documents.

Lists have `items`, `total` and `next`: send `next` as `cursor` to get the part after it. Every GET has an
`ETag`; send it as `If-None-Match` to be told 304 while nothing changed. Changes take an `Idempotency-Key`:
the same request under the same key happens once.

`GET /api/v1/stream` is a WebSocket: one `{"type": "snapshot", "epoch", "n", ...}`, then
`{"type": "delta", "n", "changes": [{"kind", "id", "value"}]}`, numbered without gaps; a `value` of null means
gone. To go on after a break, connect with `?resume=N&epoch=E`, or send `{"resume": N, "epoch": "E"}` as the
first message within a second; whoever was away for too long gets a snapshot again. Send `{}` to not wait.
"""

_REF = "#/components/schemas/{name}"
_DESCRIPTIONS = {
    400: "The request is malformed; `errors` names the fields",
    401: "No token, or one that is not good",
    403: "The token's role does not cover this, or a foreign page asked",
    404: "There is no such thing",
    409: "It does not suit the state of things, or the idempotency key",
    412: "It has changed since it was read",
    413: "The body is too large",
    415: "The body is of the wrong kind",
    421: "The gateway does not go by this host name",
    422: "The values cannot be used",
    429: "Too many requests, wrong tokens or uploads; `Retry-After` says when to come back",
    503: "The mesh or the store is not there now",
    504: "A node did not answer",
    507: "The disk is full",
}
_WITHOUT_KEY = {
    *("/api/v1/session", "/api/v1/session/links", "/api/v1/rollouts/plan", "/api/v1/firmware"),
    "/api/v1/queries",  # an answer that was given lately is given again by itself
    *("/api/v1/alert-rules/try", "/api/v1/firmware/check", "/api/v1/nodes/{node_id}/ping"),  # change nothing
}
_WITHOUT_MATCH = ("/api/v1/firmware", "/api/v1/alert-rules", "/api/v1/dashboard")
_ALWAYS = (400, 401, 403, 421, 429)
_CHANGES = (404, 409, 412, 413, 415, 422, 503, 504, 507)
_READS = (404, 409, 422, 503)


def document(
    handlers: Sequence[ControllerRouterHandler], root_path: str = "", cookie: str = COOKIE
) -> dict[str, Any]:
    """The whole document for these handlers, reached under this path, with sessions in this cookie."""
    # An application of its own, never served: with a configuration, Litestar adds pages of its own, which
    # load scripts from elsewhere.
    app = Litestar(
        list(handlers),
        dependencies={"web": Provide(lambda: None, sync_to_thread=False)},
        openapi_config=_config(root_path),
        logging_config=None,
    )
    # Through JSON, for Litestar leaves our values in it as defaults.
    shown: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(app.openapi_schema.to_schema()))
    shown = _without_module_names(shown)
    for path, operations in shown["paths"].items():
        for method, operation in operations.items():
            _complete(operation, method.upper(), path)
    components = shown["components"]
    components["schemas"] = {**components["schemas"], **_schemas(app)}
    components["securitySchemes"] = _security(cookie)
    components["responses"] = {f"Problem{status}": _problem(status) for status in _DESCRIPTIONS}
    return shown


def _config(root_path: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Meshward",
        version=meshward.__version__,
        description=ABOUT,
        servers=[Server(url=root_path or "/")],
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, _method, _path: str(handler.handler_name.rsplit(".", 1)[-1]),
    )


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    changes = method != "GET"
    needed = ACCESS[method, path]
    operation["tags"] = [path.removeprefix("/api/v1/").partition("/")[0]]
    operation["security"] = [{"bearer": []}, {"session": []}] if needed else []
    if needed:
        operation["description"] = f"{operation.get('description', '')}\n\nNeeds the role `{needed}`."
    responses = operation["responses"]
    responses.pop("500", None)
    responses.get("204", {}).pop("content", None)
    for status in _ALWAYS + (_CHANGES if changes else _READS):
        responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    parameters = operation.setdefault("parameters", [])
    if method == "GET":
        responses["304"] = {"description": "Nothing changed since the ETag sent as If-None-Match"}
        parameters.append(_header("If-None-Match", "ETag of the answer that is known already"))
    elif path not in _WITHOUT_KEY:
        key = _header("Idempotency-Key", "The same request under the same key happens once")
        key["schema"]["pattern"] = KEY_PATTERN
        parameters.append(key)
    if method == "PATCH" and not path.startswith(_WITHOUT_MATCH):
        parameters.append(
            _header("If-Match", "ETag of what is to be changed; 412 where it changed meanwhile")
        )
    if (method, path) == ("GET", "/api/v1/backup"):
        _complete_download(responses, "application/gzip")
    if (method, path) == ("POST", "/api/v1/firmware"):
        responses["200"] = {**responses["201"], "description": "This file was there already"}
    if method == "POST" and path in {"/api/v1/firmware", "/api/v1/firmware/check"}:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }


def _complete_download(responses: dict[str, Any], media_type: str) -> None:
    """A file, made when it is asked for: it has no ETag, and needs room on the disk."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    responses["200"] = {"description": "The file", "content": content}
    responses["507"] = {"$ref": "#/components/responses/Problem507"}
    del responses["304"]


def _security(cookie: str) -> dict[str, Any]:
    return {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A token, `mw_...`"},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie,
            "description": "After POST /api/v1/session; changes need X-CSRF-Token as well",
        },
    }


def _header(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": {"type": "string"},
    }


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": _DESCRIPTIONS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}},
    }


def _schemas(app: Litestar) -> dict[str, Any]:
    """The schemas of all values from msgspec: with docstrings, and refusing unknown keys."""
    kinds: list[Any] = [Problem]
    for _method, _template, handler in routes_of(app):
        if isinstance(handler, HTTPRouteHandler) and handler.resolve_include_in_schema():
            field = handler.parsed_data_field
            answer = handler.parsed_fn_signature.return_type
            kinds += [field.annotation] if field else []
            kinds += [
                answer.inner_types[0].annotation if answer.is_subclass_of(Response) else answer.annotation
            ]
    return msgspec.json.schema_components(kinds, ref_template=_REF)[1]


def _without_module_names(node: Any) -> Any:
    """Litestar names generics as `Page_meshward.gateway.views.NodeView_`; here it is `Page_NodeView_`."""
    if isinstance(node, dict):
        return {_short(key): _without_module_names(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_module_names(value) for value in node]
    return _short(node) if isinstance(node, str) else node


def _short(text: str) -> str:
    return text.replace("_meshward.gateway.views.", "_").replace("_meshward.gateway.health_views.", "_")
