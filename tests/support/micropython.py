"""Runs the node core under the real MicroPython interpreter."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
DEFAULT_TIMEOUT_S = 30


@functools.cache
def interpreter() -> str:
    """The interpreter beside our Python, or where there is none for this machine, the one on PATH."""
    found = shutil.which("micropython", path=str(Path(sys.executable).parent)) or shutil.which("micropython")
    assert found, "no micropython in .venv, for there is no build for this machine: put one on PATH"
    return found


def command(*arguments: str, heap_size: str = "512k") -> list[str]:
    """The interpreter's command line. On boards the heap is about 100 KB; objects here are twice as large."""
    return [interpreter(), "-X", f"heapsize={heap_size}", *arguments]


def environment() -> dict[str, str]:
    """An environment in which the interpreter finds `meshnode` and nothing else of ours."""
    return {**os.environ, "MICROPYPATH": f"{SOURCE}:.frozen"}


def run(*arguments: str, heap_size: str = "512k", timeout_s: float = DEFAULT_TIMEOUT_S) -> str:
    """Runs it to its end and gives what it printed; a failure raises AssertionError with its error output."""
    done = subprocess.run(
        command(*arguments, heap_size=heap_size),
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"micropython exited with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
