"""What a process took so far (Linux only)."""

import os
from pathlib import Path


def cpu_s(pid: int) -> float:
    """CPU time, in and for it."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Memory it holds in RAM, in millions of bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def waited_s(pid: int) -> float:
    """Time its main thread could have run and had no core: how busy the machine was with other things."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
