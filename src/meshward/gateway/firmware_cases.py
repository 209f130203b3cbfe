"""Use cases: the firmware library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from meshward import firmware
from meshward.errors import ConflictError, FirmwareError, MeshwardError, StoreError, UnknownItemError
from meshward.firmware import HARDWARE_ESP32, FirmwareImage, Kind
from meshward.gateway.dashboard_views import FirmwareCheckView
from meshward.gateway.desk import Desk
from meshward.gateway.service import Caller
from meshward.gateway.shown import firmware_view
from meshward.gateway.views import FirmwareView
from meshward.store import firmware as rows
from meshward.store.firmware import FirmwareRow
from meshward.store.library import Incoming
from meshward.text import printable

PEEK_BYTES = 64 * 1024
"""By then every kind of file that boards take shows what it is: a whole flash by its table at 32 KB."""
NAME_CHARACTERS_MAX = 200
_MAY_BE_CUT = frozenset({"truncated", "empty"})


class FirmwareCases(Desk):
    """See `service.Service`."""

    async def firmware(self) -> list[FirmwareView]:
        """The library, newest first."""
        return [firmware_view(row) for row in await self.database.read(rows.load_all)]

    async def firmware_one(self, sha256: str) -> FirmwareView:
        """One of the library, by its hash or the beginning of it. Raises UnknownItemError, ConflictError."""
        return firmware_view(await self.database.read(rows.get, sha256))

    async def add_firmware(
        self, chunks: AsyncIterator[bytes], *, name: str, notes: str, caller: Caller
    ) -> tuple[FirmwareView, bool]:
        """Take a file in. Raises FirmwareError, InvalidError, StoreFullError, StoreError."""
        self.must_be_writable()
        with self.library.incoming() as incoming:
            await _receive(chunks, incoming, _refuse_what_is_none)
            async with self.library_lock:  # one at a time: each takes the memory of its whole file
                image = await asyncio.to_thread(_inspected, incoming)
                _refuse(_never_sent(image))
                row = _row(image, name, notes, caller.name, self.now_s())
                is_new = await self._take_in(incoming, row, caller)
        return await self.firmware_one(row.sha256), is_new

    async def check_firmware(self, chunks: AsyncIterator[bytes], *, name: str) -> FirmwareCheckView:
        """What a file is, and whether it would be taken. Raises FirmwareError, StoreFullError, StoreError."""
        with self.library.incoming() as incoming:
            await _receive(chunks, incoming)
            async with self.library_lock:
                image = await asyncio.to_thread(_inspected, incoming)
                row = _row(image, name, "", "", self.now_s())
                refusal = "; ".join(_never_sent(image))
        return FirmwareCheckView(
            name=row.name,
            sha256=row.sha256,
            md5=row.md5,
            size_bytes=row.size_bytes,
            what=row.what,
            hardware=row.hardware,
            chip=row.chip,
            project=row.project,
            version=row.version,
            known=await self._is_listed(row.sha256),
            taken=not refusal,
            refusal=refusal,
            inspection=row.inspection,
        )

    async def note_firmware(self, sha256: str, notes: str, caller: Caller) -> FirmwareView:
        """Write something about one. Raises UnknownItemError, ConflictError, InvalidError."""
        row = await self.write_audited(
            caller, "firmware.note", lambda noted: (noted.sha256, {"notes": notes}), rows.note, sha256, notes
        )
        return firmware_view(row)

    async def remove_firmware(self, sha256: str, caller: Caller) -> None:
        """Remove one. Raises UnknownItemError; ConflictError while a rollout needs it."""
        async with self.library_lock:
            row = await self.database.read(rows.get, sha256)
            rollout = self.engine.needs_image(row.sha256)
            if rollout is not None:
                raise ConflictError(
                    f"rollout {rollout} may still need firmware {row.sha256[:12]}; abort it, or wait for its "
                    "end"
                )
            await self.write_audited(
                caller,
                "firmware.remove",
                lambda removed: (removed.sha256, {"name": removed.name}),
                rows.remove,
                row.sha256,
            )
            self.library.remove(row.sha256)

    async def _take_in(self, incoming: Incoming, row: FirmwareRow, caller: Caller) -> bool:
        """Keep the file and list it, or neither; whether it is new."""
        await asyncio.to_thread(self.library.keep, incoming, row.sha256)
        try:
            return await self.write_audited(
                caller,
                "firmware.add",
                lambda is_new: (row.sha256, {"name": row.name, "what": row.what}) if is_new else None,
                rows.add,
                row,
            )
        except MeshwardError:
            await self._remove_unlisted(row.sha256)
            raise

    async def _remove_unlisted(self, sha256: str) -> None:
        with suppress(StoreError):
            if not await self._is_listed(sha256):
                self.library.remove(sha256)

    async def _is_listed(self, sha256: str) -> bool:
        try:
            await self.database.read(rows.get, sha256)
        except UnknownItemError:
            return False
        return True


async def _receive(
    chunks: AsyncIterator[bytes],
    incoming: Incoming,
    look: Callable[[FirmwareImage], None] | None = None,
) -> None:
    """Write a file as it comes; `look` is shown its beginning, and may refuse the rest."""
    async for chunk in chunks:
        for start in range(0, len(chunk), PEEK_BYTES):
            incoming.write(chunk[start : start + PEEK_BYTES])
        if look is not None and incoming.size_bytes >= PEEK_BYTES:
            look(firmware.inspect(incoming.read()[:PEEK_BYTES]))
            look = None
    if not incoming.size_bytes:
        raise FirmwareError("the file is empty: send the .bin file of the build as the body")


def _inspected(incoming: Incoming) -> FirmwareImage:
    return firmware.inspect(incoming.read())


def _refuse_what_is_none(beginning: FirmwareImage) -> None:
    may_be_cut = any(problem.code in _MAY_BE_CUT for problem in beginning.errors)
    if beginning.kind is Kind.OTHER and not may_be_cut:
        _refuse([f"{problem.message}: {problem.remedy}" for problem in beginning.errors])


def _never_sent(image: FirmwareImage) -> list[str]:
    """Why a file is damaged, or one that no board takes over the air whatever anybody asks for."""
    refusals = firmware.check_for_push(image, image.hardware or HARDWARE_ESP32, force=True)
    return [f"{refusal.message}: {refusal.remedy}" for refusal in refusals]


def _refuse(reasons: list[str]) -> None:
    if reasons:
        raise FirmwareError(f"not taken into the library: {'; '.join(reasons)}")


def _row(image: FirmwareImage, name: str, notes: str, by: str, at_s: float) -> FirmwareRow:
    described: dict[str, Any] = firmware.describe(image)
    app = image.app
    return FirmwareRow(
        sha256=image.sha256,
        md5=image.md5,
        name=printable(name.strip(), NAME_CHARACTERS_MAX) or "firmware.bin",
        size_bytes=image.size_bytes,
        what=image.what,
        added_at_s=at_s,
        added_by=by,
        hardware=image.hardware,
        chip=image.chip,
        project=printable(app.project, NAME_CHARACTERS_MAX) if app is not None else "",
        version=printable(app.version, NAME_CHARACTERS_MAX) if app is not None else "",
        intact=image.intact,
        signature=_signature(image),
        notes=notes,
        inspection=described,
    )


def _signature(image: FirmwareImage) -> str:
    """What follows the image to sign it, "" for nothing."""
    if not any(problem.code == "signature" for problem in image.problems):
        return ""
    scheme = "secure boot" if image.hardware == HARDWARE_ESP32 else "Arduino"
    return f"{scheme} signature, not checked"
