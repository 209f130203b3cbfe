"""The command line against the real web application in process, over a fake service."""

from functools import partial

import httpx

from meshward.cli import gateway_client
from tests.support.fake_service import FakeService
from tests.support.web import fake_app

URL = "http://localhost"


class Gate(httpx.AsyncBaseTransport):
    """A way to an application that can be shut, and that counts what goes through."""

    def __init__(self, app):
        self.app = app
        self.requests = []
        self.shut_for = 0
        """So many requests find nobody."""
        self.before = []
        """Called before each of the next requests, one each."""

    async def handle_async_request(self, request):
        if self.before:
            self.before.pop(0)()
        if self.shut_for:
            self.shut_for -= 1
            raise httpx.ConnectError("connection refused")
        self.requests.append(request)
        return await httpx.ASGITransport(self.app).handle_async_request(request)

    async def aclose(self):
        """Nothing is open."""


def reachable(monkeypatch, role="admin", service: FakeService | None = None) -> tuple[FakeService, Gate]:
    """Commands of this process find a gateway by MESHWARD_URL, with a token of a role."""
    app, service = fake_app(service)
    gate = Gate(app)
    monkeypatch.setenv("MESHWARD_URL", URL)
    monkeypatch.setenv("MESHWARD_TOKEN", service.secret(role))
    monkeypatch.setattr(gateway_client, "_client", partial(gateway_client._client, transport=gate))
    return service, gate
