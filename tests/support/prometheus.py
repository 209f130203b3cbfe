"""A real Prometheus that scrapes one gateway, and what it answers."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.support.programs import find, free_port, running

JOB = "meshward"
_CONFIG = """\
global:
  scrape_interval: {every_s}s
  scrape_timeout: {every_s}s
  evaluation_interval: {every_s}s
rule_files: [{rules}]
scrape_configs:
  - job_name: {job}
    {credentials}
    static_configs:
      - targets: ["{target}"]
"""


class Prometheus:
    """One that runs; ask it at `url`."""

    def __init__(self, client, url, program):
        self.url = url
        self.program = program
        self._client = client

    async def query(self, expression, **parameters):
        """The result of an instant query: a list of {"metric": labels, "value": [at, text]}."""
        data = await self._ask("query", {"query": expression, **parameters})
        assert data["resultType"] in {"vector", "scalar"}, data
        return data["result"]

    async def series(self, expression, start_s, end_s, step_s=1):
        """The result of a range query: a list of {"metric": labels, "values": [[at, text], …]}."""
        parameters = {"query": expression, "start": start_s, "end": end_s, "step": step_s}
        return (await self._ask("query_range", parameters))["result"]

    async def value(self, expression):
        """The only value of an expression that has one."""
        (found,) = await self.query(expression)
        return float(found["value"][1])

    async def until(self, expression, within_s=20, asked_every_s=0.1):
        """The result of an expression as soon as it has one. What was scraped is asked for again and again."""
        async with asyncio.timeout(within_s):
            while not (found := await self.query(expression)):  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(asked_every_s)
        return found

    async def targets(self):
        """What it scrapes, and how that goes: "health" and "lastError" of each."""
        return (await self._ask("targets", {}))["activeTargets"]

    async def rules(self):
        """All rules, with "health" and "lastError" of each."""
        groups = (await self._ask("rules", {}))["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def _ask(self, what, parameters):
        answer = await self._client.get(f"{self.url}/api/v1/{what}", params=parameters)
        body = answer.json()
        assert body["status"] == "success", f"{parameters.get('query', what)}: {body.get('error')}"
        return body["data"]


@asynccontextmanager
async def scraping(target, folder, *, token=None, rules=(), every_s=1):
    """A Prometheus that scrapes `target` ("127.0.0.1:8099") every second, with a token and rule files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    credentials = ""
    if token is not None:
        (folder / "token").write_text(token)
        credentials = f"authorization: {{credentials_file: {folder / 'token'}}}"
    config = folder / "prometheus.yml"
    config.write_text(
        _CONFIG.format(
            every_s=every_s,
            rules=", ".join(f'"{rule}"' for rule in rules),
            job=JOB,
            credentials=credentials,
            target=target,
        )
    )
    port = free_port()
    arguments = [
        find("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    async with (
        running(arguments, folder / "log", port) as program,
        httpx.AsyncClient(trust_env=False, timeout=10) as client,
    ):
        prometheus = Prometheus(client, f"http://127.0.0.1:{port}", program)
        await _ready(prometheus)
        yield prometheus


async def _ready(prometheus, within_s=30):
    async with asyncio.timeout(within_s):
        while not (await prometheus._client.get(f"{prometheus.url}/-/ready")).is_success:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def promtool(*arguments, stdin=b""):
    """Exit code and all output of promtool."""
    return await run_tool("promtool", *arguments, stdin=stdin)


async def run_tool(name, *arguments, stdin=b""):
    """Exit code and all output of a program that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        find(name),
        *map(str, arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(stdin)
    return process.returncode, output.decode()
