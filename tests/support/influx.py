"""Databases that take the line protocol, started by tests: InfluxDB 1 and VictoriaMetrics."""

from contextlib import asynccontextmanager

import httpx

from tests.support.programs import Program, find, free_port, listening

INFLUX = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
auth-enabled = {auth}
log-enabled = false
"""


class Database:
    """A database with its folder and port, which stay when it is killed and started again."""

    def __init__(self, program, port):
        self.program = program
        self.port = port
        self.url = f"http://127.0.0.1:{port}"

    async def start(self):
        await self.program.start()
        await listening(self.port, self.program)

    async def kill(self):
        await self.program.kill()

    async def get(self, path, **parameters):
        async with httpx.AsyncClient(timeout=20) as client:
            answer = await client.get(self.url + path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


class InfluxDb(Database):
    """InfluxDB 1, asked with InfluxQL."""

    name = "mesh"

    @property
    def write_url(self):
        return f"{self.url}/write?db={self.name}"

    async def query(self, text, **parameters):
        """The series of one statement, each with its tags, and its rows as dictionaries; times in ns."""
        answer = await self.get("/query", q=text, db=self.name, epoch="ns", **parameters)
        (result,) = answer["results"]
        assert "error" not in result, result
        return [
            {
                "name": series["name"],
                "tags": series.get("tags", {}),
                "rows": [dict(zip(series["columns"], row, strict=True)) for row in series["values"]],
            }
            for series in result.get("series", [])
        ]

    async def rows(self, text, **parameters):
        """The rows of a statement with one series; none where it has nothing."""
        found = await self.query(text, **parameters)
        assert len(found) <= 1, found
        return found[0]["rows"] if found else []

    async def create(self, name="mesh", **login):
        async with httpx.AsyncClient(timeout=20) as client:
            answer = await client.post(
                f"{self.url}/query", data={"q": f'CREATE DATABASE "{name}"'}, params=login
            )
        assert answer.status_code == 200, answer.text


class VictoriaMetrics(Database):
    """VictoriaMetrics, asked with PromQL."""

    @property
    def write_url(self):
        return f"{self.url}/write?db=mesh"

    @property
    def write_url_v2(self):
        return f"{self.url}/api/v2/write?org=home&bucket=mesh"

    async def flush(self):
        """Make what was written visible."""
        async with httpx.AsyncClient(timeout=20) as client:
            await client.get(f"{self.url}/internal/force_flush")

    async def query(self, expression, at_s):
        """Value by label set of an instant query: [(labels, value), …]."""
        await self.flush()
        answer = await self.get("/api/v1/query", query=expression, time=at_s, nocache=1)
        assert answer["status"] == "success", answer
        return [(found["metric"], float(found["value"][1])) for found in answer["data"]["result"]]


@asynccontextmanager
async def influx_db(folder, *, auth=False, database="mesh"):
    """InfluxDB with an empty database (none where it is "", or with `auth`), killed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = folder / "influxdb.conf"
    config.write_text(
        INFLUX.format(folder=folder, port=port, rpc_port=free_port(), auth=str(auth).lower()), "utf-8"
    )
    made = InfluxDb(Program([find("influxd"), "-config", config], folder / "influxd.log"), port)
    try:
        await made.start()
        if database and not auth:
            await made.create(database)
        yield made
    finally:
        await made.kill()


@asynccontextmanager
async def victoria_metrics(folder):
    """VictoriaMetrics without anything in it, killed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    arguments = [
        *(find("victoria-metrics"), f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}/data"),
        *("-search.latencyOffset=0s", "-search.disableCache", "-loggerLevel=WARN"),
        "-memory.allowedBytes=64MB",
    ]
    made = VictoriaMetrics(Program(arguments, folder / "victoria-metrics.log"), port)
    try:
        await made.start()
        yield made
    finally:
        await made.kill()
