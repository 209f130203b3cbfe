"""A fleet of boards that tell how they do, a real gateway in it, and what it says on the command line."""

import json
from contextlib import asynccontextmanager

from meshward.fleet.boards import Setting, StockPlan
from tests.integration.fleets import running_fleet
from tests.integration.gateway_meshes import FIRST_ID, sees
from tests.integration.gateways import run_meshward, running_daemon

SECOND_US = 1_000_000
#: Boards that leave are alarming after seconds instead of a minute, and well again as soon.
QUICK_RULES = """
[silent_node]
threshold = 3
keep_firing = "1s"

[mesh_split]
keep_firing = "1s"
"""


#: A gateway that looks at its rules every second.
EAGER = """
from meshward.status import monitor
monitor.TICK_US = 1_000_000
from meshward.cli.main import main
main()
"""


def boards(telemetry_s=1, reports_s=2, **more):
    """Boards of Meshward's kind, and what else is said."""
    values = {
        "kind": "meshward",
        "telemetry_us": telemetry_s * SECOND_US,
        "reports_us": [Setting(reports_s * SECOND_US)],
        "downtime_us": 300_000,
    }
    return StockPlan(**{**values, **more})


def configured(folder, rules=QUICK_RULES, receivers=(), **alerts):
    """A configuration file with quick alerts, and its rules beside it."""
    values = {"group_wait_s": 0, "group_interval_s": 1, "webhooks": list(receivers), **alerts}
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    (folder / "alerts.toml").write_text(rules)
    file = folder / "meshward.toml"
    file.write_text("\n".join(["[updates]", "probe_every_s = 5", "[alerts]", *lines, ""]))
    return file


@asynccontextmanager
async def health_mesh(
    folder,
    *arguments,
    nodes=6,
    plan=None,
    receivers=(),
    rules=QUICK_RULES,
    eager=False,
    program=None,
    **fleet,
):
    """Yields the fleet and the daemon, which sees all of it. `program` is another one for Python to run."""
    program = ("-c", program or EAGER) if program or eager else ("-m", "meshward")
    file = configured(folder, rules, receivers)
    async with (
        running_fleet(nodes=nodes, stock=plan or boards(), **fleet) as running,
        running_daemon(
            folder / "data",
            f"127.0.0.1:{running.plan.port}",
            *("--config", file, *arguments),
            program=program,
        ) as daemon,
    ):
        await sees(daemon, nodes)
        yield running, daemon


def ids(count):
    return range(FIRST_ID, FIRST_ID + count)


async def done(data, *arguments, status=0):
    """The JSON of a command."""
    got, output, errors = await run_meshward(*arguments, "--json", "--data", data)
    assert got == status, output + errors
    return json.loads(output)


async def said(data, *arguments, status=0):
    """What a command prints for people."""
    got, output, errors = await run_meshward(*arguments, "--data", data)
    assert got == status, output + errors
    assert errors == ""
    return output


def by_node(status):
    """The nodes of a status, by their ids."""
    return {entry["node"]: entry for entry in status["nodes"]}
