"""The library of firmware."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
from litestar import delete, get, patch, post
from litestar.params import HeaderParameter, JSONBody, QueryParameter

from meshward.gateway.dashboard_views import FirmwareCheckView
from meshward.gateway.views import FirmwareView
from meshward.text import printable
from meshward.web.answers import Answer
from meshward.web.auth import too_many
from meshward.web.bodies import chunks_of, refuse_encoded
from meshward.web.context import ApiRequest, Context, OptionalText, Sha256, Web
from meshward.web.problems import Refusal, refusal_of_field

FILE_NAME_CHARACTERS_MAX = 200
NOTES_CHARACTERS_MAX = 2000

FileNameHeader = Annotated[str | None, HeaderParameter(name="X-Filename", max_length=1000)]
Notes = Annotated[str, QueryParameter(max_length=NOTES_CHARACTERS_MAX)]


class FirmwareNotes(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a user may say of a firmware."""

    notes: Annotated[str, msgspec.Meta(max_length=NOTES_CHARACTERS_MAX)]


@get("/firmware", summary="List the library")
async def list_firmware(web: Context) -> list[FirmwareView]:
    """All firmware there is to roll out."""
    return await web.service.firmware()


@post("/firmware", summary="Add a firmware file", status_code=201, request_max_body_size=None)
async def add_firmware(
    web: Context,
    request: ApiRequest,
    name: OptionalText = None,
    notes: Notes = "",
    file_name: FileNameHeader = None,
) -> Answer[FirmwareView]:
    """The body is the file as it is. Adding the same file again changes nothing: 200 instead of 201."""
    async with _upload(web, request) as chunks:
        view, new = await web.service.add_firmware(
            chunks, name=clean_name(name or file_name or ""), notes=notes, caller=request.user
        )
    return Answer(view, status_code=201 if new else 200)


@post("/firmware/check", summary="Show what a file is", status_code=200, request_max_body_size=None)
async def check_firmware(
    web: Context, request: ApiRequest, name: OptionalText = None, file_name: FileNameHeader = None
) -> FirmwareCheckView:
    """The body is the file as it is. Nothing of it is kept; `refusal` says why it would not be taken."""
    async with _upload(web, request) as chunks:
        return await web.service.check_firmware(chunks, name=clean_name(name or file_name or ""))


@get("/firmware/{sha256:str}", summary="Show a firmware")
async def show_firmware(web: Context, sha256: Sha256) -> FirmwareView:
    """What the file is, read from its own headers."""
    return await web.service.firmware_one(sha256.lower())


@patch("/firmware/{sha256:str}", summary="Change a firmware's notes")
async def note_firmware(
    web: Context, request: ApiRequest, sha256: Sha256, data: JSONBody[FirmwareNotes]
) -> Answer[FirmwareView]:
    """The notes are all that can be changed."""
    return await web.once.answer(
        request, lambda: web.service.note_firmware(sha256.lower(), data.notes, request.user)
    )


@delete("/firmware/{sha256:str}", summary="Remove a firmware")
async def remove_firmware(web: Context, request: ApiRequest, sha256: Sha256) -> Answer[None]:
    """Refused while a rollout that is under way needs it."""
    return await web.once.answer(
        request, lambda: web.service.remove_firmware(sha256.lower(), request.user), status=204
    )


@asynccontextmanager
async def _upload(web: Web, request: ApiRequest) -> AsyncIterator[AsyncIterator[bytes]]:
    """The file in the body, while there is room for it to come in."""
    refuse_encoded(request)
    if request.content_type[0] not in {"", "application/octet-stream"}:
        raise Refusal(415, "send the file itself as the body, as `Content-Type: application/octet-stream`")
    if web.uploads.locked():
        raise too_many("too many files are coming in already", 5)
    async with web.uploads:
        yield chunks_of(request, web.options.upload_bytes)


def clean_name(name: str) -> str:
    """The last part of a file's name, without what could be a path or a control. "" stays ""."""
    last = re.split(r"[/\\]", name.strip())[-1]
    cleaned = printable(last, FILE_NAME_CHARACTERS_MAX).strip()
    if name and cleaned in {"", ".", ".."}:
        raise refusal_of_field("name", "this is no name of a file")
    return cleaned


HANDLERS = (list_firmware, add_firmware, check_firmware, show_firmware, note_firmware, remove_firmware)
