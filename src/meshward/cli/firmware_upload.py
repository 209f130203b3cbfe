"""Bringing a firmware file into the gateway's library."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from meshward.errors import UnknownItemError, UpdateRefusedError
from meshward.firmware import FirmwareImage, check_for_push, extract_application, inspect
from meshward.gateway.views import FirmwareView
from meshward.push import read_file

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway

_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A firmware file that boards can run, as far as the file tells."""

    name: str
    data: bytes
    image: FirmwareImage


def checked(
    path: Path, *, extract: bool = False, force: bool = False, chip: str | None = None
) -> CheckedFile:
    """A file, looked at. Raises UpdateRefusedError with every reason and what to do instead."""
    data = read_file(path)
    image = inspect(data)
    if extract and image.inner is not None:
        data = extract_application(data, image)
        image = inspect(data)
    refusals = check_for_push(image, image.hardware or "ESP32", force=force, chip=chip)
    if refusals:
        hint = " (--force sets this aside)" if all(refusal.overridable for refusal in refusals) else ""
        reasons = "; ".join(f"{refusal.message}: {refusal.remedy}" for refusal in refusals)
        raise UpdateRefusedError(f"{path.name} is not taken: {reasons}{hint}")
    return CheckedFile(path.name, data, image)


async def upload(
    gateway: "Gateway", file: CheckedFile, *, notes: str = "", quiet: bool = False
) -> tuple[FirmwareView, bool]:
    """The firmware in the library, and whether it is new there. Nothing is sent where it is there already."""
    known = await _known(gateway, hashlib.sha256(file.data).hexdigest())
    if known is not None:
        if notes and notes != known.notes:
            known = await gateway.patch(f"firmware/{known.sha256}", FirmwareView, {"notes": notes})
        return known, False
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    shown = console.is_terminal and not quiet
    with Progress(*columns, console=console, transient=True) if shown else nullcontext() as progress:
        chunks = _chunks(file, progress)
        return await gateway.upload(
            "firmware", FirmwareView, chunks, len(file.data), {"name": file.name, "notes": notes or None}
        )


async def in_library(
    gateway: "Gateway", text: str, *, force: bool = False, chip: str | None = None, quiet: bool = False
) -> FirmwareView:
    """A firmware given as a file, which is uploaded, or as the beginning of its SHA-256."""
    if is_file(text):
        return (await upload(gateway, checked(Path(text), force=force, chip=chip), quiet=quiet))[0]
    if looks_like_hash(text):
        return await gateway.get(f"firmware/{text.lower()}", FirmwareView)
    raise UpdateRefusedError(
        f"there is no file {text}, and it is no SHA-256 (6 digits or more) of the library: "
        "see `meshward firmware list`"
    )


def is_file(text: str) -> bool:
    """Whether something is there under this name; a directory is refused later, in better words."""
    return Path(text).exists()


def looks_like_hash(text: str) -> bool:
    """Whether a text can be the beginning of a SHA-256."""
    return 6 <= len(text) <= 64 and all(digit in "0123456789abcdef" for digit in text.lower())


async def _known(gateway: "Gateway", sha256: str) -> FirmwareView | None:
    try:
        return await gateway.get(f"firmware/{sha256}", FirmwareView)
    except UnknownItemError:
        return None


async def _chunks(file: CheckedFile, progress: Progress | None) -> AsyncIterator[bytes]:
    task = None if progress is None else progress.add_task(file.name, total=len(file.data))
    for start in range(0, len(file.data), _CHUNK_BYTES):
        chunk = file.data[start : start + _CHUNK_BYTES]
        yield chunk
        if progress is not None and task is not None:
            progress.advance(task, len(chunk))
