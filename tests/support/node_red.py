"""A real Node-RED with the example flow, as it is shipped."""

import asyncio
from contextlib import asynccontextmanager

import httpx

from tests.support.programs import ROOT, find, free_port, running

FLOW = ROOT / "examples" / "node-red" / "meshward-flow.json"
_MAIN = ROOT / "build" / "node-red" / "node_modules" / "node-red" / "red.js"
_SETTINGS = """\
module.exports = {
    uiHost: "127.0.0.1",
    flowFile: "flows.json",
    credentialSecret: false,
    telemetry: { enabled: false, updateNotification: false },
    diagnostics: { enabled: false },
    externalModules: { autoInstall: false, palette: { allowInstall: false } },
};
"""


class NodeRed:
    """Its pages, and the flow inside."""

    def __init__(self, client, program):
        self.client = client
        self.program = program

    async def get(self, path):
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer

    async def until(self, path, predicate, within_s=10):
        """The JSON of a page, as soon as it fits."""
        found = None
        try:
            async with asyncio.timeout(within_s):
                while not predicate(found := (await self.get(path)).json()):  # noqa: ASYNC110  # it tells nobody
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{path} still says {found}") from None
        return found


@asynccontextmanager
async def node_red(folder, broker_port):
    """One whose flow is started, and connected to a broker."""
    assert _MAIN.is_file(), "Node-RED is not installed: run scripts/setup-node-red"
    folder.mkdir()
    (folder / "flows.json").write_bytes(FLOW.read_bytes())
    (folder / "settings.js").write_text(_SETTINGS)
    port = free_port()
    log = folder / "log"
    arguments = [find("node"), _MAIN, "--userDir", folder, "--port", port]
    environ = {"MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(broker_port), "HOME": str(folder)}
    async with (
        running(arguments, log, port, **environ) as program,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        await _connected(log, program)
        yield NodeRed(client, program)


async def _connected(log, program, within_s=30):
    async with asyncio.timeout(within_s):
        while "Connected to broker" not in log.read_text():
            assert program.runs, log.read_text()
            await asyncio.sleep(0.05)
