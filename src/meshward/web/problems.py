"""Errors as RFC 9457 problem documents, and what each error of Meshward is in HTTP."""

from __future__ import annotations

import http
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from meshward import errors
from meshward.text import printable

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger("meshward.web")
_MISSING = re.compile("Missing required [a-z]+ parameter '([^']+)'")
"""How Litestar says it of parameters."""


class FieldError(msgspec.Struct, kw_only=True):
    """What is wrong with one field of a request."""

    field: str
    """Its name or path, as `waves[0].size`; "" for the whole body."""
    detail: str


class Problem(msgspec.Struct, kw_only=True):
    """An error, for programs and for people (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class Refusal(HTTPException):
    """A request that is answered with a problem document."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        fields: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail=detail, status_code=status, headers=dict(headers or {}))
        self.fields = list(fields)


def refusal_of_field(field: str, detail: str, status: int = 400) -> Refusal:
    """A request of which one parameter or field is wrong."""
    return Refusal(status, f"{field}: {detail}", fields=[FieldError(field=field, detail=detail)])


# The first that fits decides.
_STATUS: tuple[tuple[type[errors.MeshwardError], int], ...] = (
    (errors.UnknownItemError, 404),
    (errors.UnknownNodeError, 404),
    (errors.NotPossibleError, 409),
    (errors.ConflictError, 409),
    (errors.InvalidError, 422),
    (errors.RolloutError, 422),
    (errors.FirmwareError, 422),
    (errors.UpdateRefusedError, 422),
    (errors.SettingsError, 422),
    (errors.NodeIdError, 422),
    (errors.AddressError, 422),
    (errors.PackageError, 422),
    (errors.UpdateError, 409),
    (errors.StoreFullError, 507),
    (errors.StoreError, 503),
    (errors.NotConnectedError, 503),
    (errors.JoinError, 503),
    (errors.CongestedError, 503),
    (errors.GatewayError, 503),
    (errors.NoAnswerError, 504),
)


def status_of(error: errors.MeshwardError) -> int:
    """The HTTP status that tells an error of ours best."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem(status: int, detail: str, fields: Sequence[FieldError] = ()) -> Problem:
    """A problem document; its title is the status' own name."""
    return Problem(title=http.HTTPStatus(status).phrase, status=status, detail=detail, errors=list(fields))


def problem_of(error: Exception) -> tuple[Problem, dict[str, str]]:
    """The document for any error, and the headers that belong to it."""
    if isinstance(error, errors.MeshwardError):
        return problem(status_of(error), str(error)), {}
    if isinstance(error, Refusal):
        return problem(error.status_code, error.detail, error.fields), dict(error.headers or {})
    if isinstance(error, ValidationException):
        fields = _validation_fields(error.extra) or _missing_parameter(error.detail)
        detail = "; ".join(f"{field.field}: {field.detail}" for field in fields) or error.detail
        return problem(400, detail, fields), {}
    if isinstance(error, HTTPException) and error.status_code < 500:
        return problem(error.status_code, _detail(error)), dict(error.headers or {})
    return problem(500, "the gateway failed at this; its log says why"), {}


def answer_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything."""
    document, headers = problem_of(error)
    if document.status == 500:
        _log.error("%s %s failed", request.method, printable(request.scope["path"]), exc_info=error)
    return Response(
        msgspec.json.encode(document), status_code=document.status, headers=headers, media_type=MEDIA_TYPE
    )


_DETAILS = {
    404: "there is nothing here; GET /api/v1/openapi.json lists what there is",
    405: "this method is not possible here",
    413: "the body is too large",
}


def _detail(error: HTTPException) -> str:
    detail = _DETAILS.get(error.status_code, error.detail)
    allow = (error.headers or {}).get("allow")
    return f"{detail}; these are: {', '.join(sorted(allow.split(', ')))}" if allow else detail


def _validation_fields(extra: Any) -> list[FieldError]:
    if not isinstance(extra, list):
        return []
    return [FieldError(field=str(item.get("key", "")), detail=_missing(item)) for item in extra]


def _missing_parameter(detail: str) -> list[FieldError]:
    missing = _MISSING.match(detail)
    return [FieldError(field=missing[1], detail="is missing")] if missing else []


def _missing(item: Mapping[str, Any]) -> str:
    # Litestar tells a missing value by its bare name.
    return "is missing" if item["message"] == f"'{item.get('key')}'" else str(item["message"])
