"""Firmware of the library, made ready for nodes of one hardware and role."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from threading import Lock

from meshward.errors import StoreError, UpdateRefusedError
from meshward.ota.frames import Offer
from meshward.push import prepare
from meshward.rollout.documents import RolloutDoc
from meshward.rollout.runs import Payload
from meshward.rollout.spec import Transfer
from meshward.rollout.survey import groups
from meshward.store.library import Library

CACHED_BYTES_MAX = 32 * 1024 * 1024
"""Payloads kept in memory: a dozen images of the usual size, and always the latest."""

Key = tuple[str, str, Transfer]


class LibraryImages:
    """Cuts and compresses each image once. Threads may share it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._cache: OrderedDict[Key, Payload] = OrderedDict()
        self._lock = Lock()

    def payload(self, image: str, hardware: str, role: str, transfer: Transfer) -> Payload:
        """See `rollout.runs.Images`."""
        key = (image, hardware, transfer)
        with self._lock:
            ready = self._cache.get(key)
            if ready is not None:
                self._cache.move_to_end(key)
        if ready is None:
            ready = self._prepared(image, hardware, role, transfer)
            with self._lock:
                self._cache[key] = ready
                self._shrink()
        # Roles differ in what is offered, not in the bytes.
        return Payload(Offer(ready.offer.md5, ready.offer.hardware, role), ready.parts)

    def prepare_all(self, doc: RolloutDoc) -> None:
        """Have ready what a rollout may send, forward and back. Raises UpdateRefusedError, StoreError.

        Images to go back to that cannot be sent are told when they are needed.
        """
        transfer = doc.spec.transfer
        for hardware, role in groups(doc):
            self.payload(doc.images[hardware], hardware, role, transfer)
            if hardware in doc.back:
                with suppress(UpdateRefusedError, StoreError):
                    self.payload(doc.back[hardware], hardware, role, transfer)

    def _prepared(self, image: str, hardware: str, role: str, transfer: Transfer) -> Payload:
        self._library.read(image)  # proves that the file is what its name says
        path = self._library.path(image)
        try:
            prepared = prepare(
                path,
                role=role,
                hardware=hardware,
                chip=transfer.chip,
                compress=transfer.compress,
                part_bytes=transfer.part_bytes,
                force=transfer.force,
            )
        except UpdateRefusedError as error:
            # People know it by its name and hash, not by where it lies.
            told = str(error).replace(str(path), path.name).replace(path.name, f"firmware {image[:12]}")
            raise UpdateRefusedError(told) from None
        return Payload(prepared.offer, prepared.parts)

    def _shrink(self) -> None:
        while len(self._cache) > 1 and self._cached_bytes() > CACHED_BYTES_MAX:
            self._cache.popitem(last=False)

    def _cached_bytes(self) -> int:
        return sum(len(payload.parts.data) for payload in self._cache.values())
