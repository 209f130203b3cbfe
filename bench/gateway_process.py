"""The gateway in a process of its own, as the command line starts it, in the mesh of a fleet."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench import processes
from meshward.errors import GatewayError
from meshward.gateway import endpoint

_PATIENCE_S = 60
_LOOK_EVERY_S = 0.1
_LOG_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway that sees its whole mesh."""

    url: str
    token: str
    pid: int
    data: Path

    @property
    def headers(self) -> dict[str, str]:
        """Of a request as an admin."""
        return {"Authorization": f"Bearer {self.token}"}

    def client(self) -> httpx.Client:
        """For requests whose time does not matter."""
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=30, trust_env=False)

    def cpu_s(self) -> float:
        """CPU time it took so far."""
        return processes.cpu_s(self.pid)

    def waited_s(self) -> float:
        """Time it had to wait for a core."""
        return processes.waited_s(self.pid)

    def rss_mb(self) -> float:
        """Memory it holds."""
        return processes.rss_mb(self.pid)


@contextlib.contextmanager
def gateway_process(fleet_port: int, nodes: int, settings: Mapping[str, str] | None = None):
    """A gateway that joined the fleet at this port, and sees so many nodes.

    settings: of its configuration, as environment variables without the MESHWARD_ before them.
    """
    with tempfile.TemporaryDirectory() as folder:
        data, log = Path(folder) / "data", Path(folder) / "log"
        arguments = ("--data", str(data), "--connect", f"127.0.0.1:{fleet_port}", "--http", "127.0.0.1:0")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "meshward", "run", *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environment(settings or {}),
            )  # fmt: skip
        try:
            yield _ready(process, data, log, nodes)
        finally:
            process.terminate()
            process.wait(20)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours, without what else would configure a gateway."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MESHWARD_")}
    return own | {f"MESHWARD_{name}": value for name, value in settings.items()}


def _ready(process: subprocess.Popen, data: Path, log: Path, nodes: int) -> Gateway:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(_LOOK_EVERY_S)
        with contextlib.suppress(GatewayError):  # not up yet
            found = endpoint.find(data)
            if found is not None:
                gateway = Gateway(found.url, found.token, found.pid, data)
                if _nodes_online(gateway) == nodes:
                    return gateway
    raise RuntimeError(f"the gateway did not see {nodes} nodes: {log.read_text()[-_LOG_CHARACTERS:]}")


def _nodes_online(gateway: Gateway) -> int:
    with gateway.client() as client:
        return client.get("/api/v1/nodes", params={"online": True, "limit": 1}).json()["total"]
