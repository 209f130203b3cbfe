"""Taking a backup apart. Archives may come from anywhere: nothing but what belongs in one is written."""

import hashlib
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from meshward.errors import StoreError, StoreFullError
from meshward.store.layout import DATABASE, FIRMWARE
from meshward.store.library import sync_directory

MANIFEST = "manifest.json"

_MANIFEST_BYTES_MAX = 4 * 1024 * 1024
_FILES_MAX = 10_000
_CHUNK_BYTES = 256 * 1024
#: Left free on the disk.
_SPARE_BYTES = 16 * 1024 * 1024
_NAME = re.compile(rf"{re.escape(MANIFEST)}|{re.escape(DATABASE)}|{FIRMWARE}/[0-9a-f]{{64}}\.bin")


def unpack(archive: Path, directory: Path) -> bytes:
    """Write the files of a backup into a directory; the bytes of its manifest. Raises StoreError."""
    manifest: bytes | None = None
    found: set[str] = set()
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for entry in tar:
                content = _opened(tar, entry, archive, found)
                found.add(entry.name)
                if entry.name == MANIFEST:
                    manifest = _manifest(content, archive)
                else:
                    _write(content, directory / entry.name, entry.size)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise StoreError(f"{archive} is damaged or no backup ({error}): take another one") from None
    except FileNotFoundError:
        raise StoreError(f"there is no backup {archive}") from None
    if manifest is None:
        raise StoreError(f"{archive} is no backup of Meshward's: it has no manifest")
    return manifest


def check_files(archive: Path, directory: Path, expected: Mapping[str, tuple[str, int]]) -> None:
    """Raise StoreError where what was unpacked is not what the manifest says (name to SHA-256 and size)."""
    found = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()}
    if found != set(expected):
        odd = min(found ^ set(expected))
        raise StoreError(f"{archive} and its manifest differ in {odd!r}: take another backup")
    for name, (sha256, size_bytes) in expected.items():
        path = directory / name
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256 or path.stat().st_size != size_bytes:
            raise StoreError(f"{name} in {archive} is damaged: take another backup")


def _opened(tar: tarfile.TarFile, entry: tarfile.TarInfo, archive: Path, found: set[str]) -> BinaryIO:
    if not entry.isreg() or not _NAME.fullmatch(entry.name) or entry.name in found:
        raise StoreError(
            f"{archive} holds {entry.name[:100]!r}, which belongs in no backup: nothing was restored"
        )
    if len(found) >= _FILES_MAX:
        raise StoreError(f"{archive} holds more than {_FILES_MAX} files: this is no backup of Meshward's")
    content = tar.extractfile(entry)
    assert content is not None  # it is a regular file
    return content  # type: ignore[return-value]


def _manifest(content: BinaryIO, archive: Path) -> bytes:
    data = content.read(_MANIFEST_BYTES_MAX + 1)
    if len(data) > _MANIFEST_BYTES_MAX:
        raise StoreError(f"the manifest of {archive} is too large: this is no backup of Meshward's")
    return data


def _write(content: BinaryIO, path: Path, size_bytes: int) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if shutil.disk_usage(path.parent).free < size_bytes + _SPARE_BYTES:
        raise StoreFullError(
            f"{path.name} of the backup takes {size_bytes} bytes, more than the disk has: free some space"
        )
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
