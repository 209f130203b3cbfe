"""The web application: REST and WebSocket over the gateway's service."""

from __future__ import annotations

from litestar import Litestar, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide

from meshward.gateway.service import Service
from meshward.web import documentation, routes
from meshward.web.access import access_of
from meshward.web.answers import Answer
from meshward.web.auth import Auth
from meshward.web.bodies import JSON_BYTES_MAX, StrictRequest
from meshward.web.context import Web
from meshward.web.gate import Gate, gate_middleware
from meshward.web.headers import add_security_headers
from meshward.web.once import HEADER, REPLAYED, Once
from meshward.web.options import WebOptions
from meshward.web.problems import answer_error
from meshward.web.routes import metrics, site
from meshward.web.site_files import read_site
from meshward.web.stream import stream

__all__ = ["WebOptions", "make_app"]


def make_app(service: Service, options: WebOptions | None = None) -> Litestar:
    """The application; `server.serve` serves it, and any other ASGI server can.

    Raises GatewayError where the dashboard's files are not as they should be.
    """
    options = options or WebOptions()
    auth = Auth(service, options)
    gate = Gate(auth, options, access_of(metrics_token=options.metrics_token))
    web = Web(service, options, auth, Once(service), read_site())
    app = Litestar(
        route_handlers=[
            Router("/api/v1", route_handlers=[*routes.HANDLERS, stream]),
            Router("/api", route_handlers=list(documentation.HANDLERS)),
            *site.HANDLERS,
            *metrics.HANDLERS,
        ],
        dependencies={"web": Provide(lambda: web, sync_to_thread=False)},
        middleware=[gate_middleware(gate)],
        exception_handlers={Exception: answer_error},
        before_send=[add_security_headers],
        request_class=StrictRequest,
        response_class=Answer,
        request_max_body_size=JSON_BYTES_MAX,
        cors_config=_cors(options),
        openapi_config=None,
        logging_config=None,
        debug=False,
        state=State({"options": options}),
    )
    gate.learn(app)
    return app


def _cors(options: WebOptions) -> CORSConfig | None:
    if not options.allowed_origins:
        return None
    return CORSConfig(
        allow_origins=list(options.allowed_origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=[
            *("authorization", "content-type", "if-match", "if-none-match", "x-csrf-token", "x-filename"),
            HEADER.lower(),
        ],
        allow_credentials=True,
        expose_headers=["etag", "retry-after", REPLAYED.lower()],
    )
