"""A real Home Assistant, started by tests in its own environment (scripts/setup-homeassistant), and asked."""

import asyncio
import json
from contextlib import asynccontextmanager

from tests.support.programs import ROOT

PYTHON = ROOT / "build" / "homeassistant" / "venv" / "bin" / "python"
KNOWS_BOTH_FORMS = not (PYTHON.parents[1] / "lib" / "python3.11").exists()
"""Of discovery; the last version for Python 3.11 knows one alone."""
_CORE = ROOT / "tests" / "support" / "homeassistant_core.py"
_ANSWER_BYTES_MAX = 1 << 24
_START_S = 60


class HomeAssistant:
    """One that runs; see `homeassistant_core.Home` for what it can be asked."""

    def __init__(self, process, log):
        self.form = ""
        """Of discovery: "device", or "entities" for versions that know no other."""
        self._process = process
        self._log = log
        self._turn = asyncio.Lock()

    async def ask(self, do, **request):
        """The answer to one request."""
        async with self._turn:
            self._process.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            answer = await self.answer()
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    async def answer(self, within_s=20):
        async with asyncio.timeout(within_s):
            line = await self._process.stdout.readline()
        assert line, f"Home Assistant ended: {self._log.read_text()}"
        return json.loads(line)

    async def wait_for(self, do, predicate, *, within_s=20):
        """The answer to a request, as soon as it fits."""
        async with asyncio.timeout(within_s):
            while True:
                answer = await self.ask(do)
                if predicate(answer):
                    return answer
                await asyncio.sleep(0.1)

    async def states_when(self, **wanted):
        """All states, as soon as these entities, by unique id, are in these."""
        shown = {}

        def fit(states):
            shown.update({entity: states.get(entity, {}).get("state") for entity in wanted})
            return shown == wanted

        try:
            return await self.wait_for("states", fit)
        except TimeoutError:
            raise AssertionError(f"Home Assistant shows {shown} instead of {wanted}") from None


@asynccontextmanager
async def home_assistant(folder, port):
    """Home Assistant with its MQTT integration, connected to the broker at `port` of this machine."""
    assert PYTHON.exists(), "Home Assistant is not installed: run scripts/setup-homeassistant"
    folder.mkdir(exist_ok=True)
    log = folder / "log"
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *(PYTHON, "-P", _CORE, folder, str(port)),  # -P: its imports are not beside it
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
            limit=_ANSWER_BYTES_MAX,
        )
    try:
        one = HomeAssistant(process, log)
        assert await one.answer(_START_S) == "ready"
        version = tuple(map(int, (await one.ask("version")).split(".")[:2]))
        one.form = "device" if version >= (2024, 12) else "entities"
        yield one
        process.stdin.close()  # its end
        async with asyncio.timeout(20):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
