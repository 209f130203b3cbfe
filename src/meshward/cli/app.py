"""The commands, and how their errors are shown."""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group

from meshward import __version__
from meshward.cli import (
    alerts,
    audit,
    backup,
    bridges,
    dashboard,
    doctor,
    events,
    firmware,
    fleet,
    history,
    init,
    look,
    mqtt,
    node,
    push,
    query,
    rollout,
    status,
    talk,
    token,
)
from meshward.cli import run as run_gateway
from meshward.cli.errors import UsageError
from meshward.errors import FirmwareError, MeshwardError, RolloutError, UpdateRefusedError

_FAILED = 1
_MISUSED = 2

_HELP = """\
Join a painlessMesh network from this machine: see its nodes, measure it, talk to it.

Run the gateway, `meshward run`, and it keeps the mesh, watches its health, remembers it and
updates it in waves; the commands about it find it through its data directory, or by --url and a token.

The commands about the mesh join as one more node, do one thing and leave. Say how to join with
--connect (dial a node, as a station does) or --listen (let nodes dial us), or once for all:
in MESHWARD_CONNECT, MESHWARD_LISTEN and MESHWARD_NODE_ID, or in ./meshward.toml or
~/.config/meshward/config.toml, with a line like connect = "10.1.2.1".

Without hardware: run `meshward fleet` in one terminal and
`meshward topology --connect 127.0.0.1:5600` in another."""


def build() -> App:
    """The command tree."""
    app = App(
        name="meshward",
        help=_HELP,
        version=__version__,
        version_flags=["--version"],
        result_action="return_value",
        print_error=False,
        exit_on_error=False,
    )
    app["--help"].group = app["--version"].group = Group("Options", sort_key=7)
    gateway = Group("Gateway", sort_key=1)
    app.command(run_gateway.run, group=gateway, sort_key=1)
    app.command(dashboard.dashboard, group=gateway, sort_key=2)
    app.command(init.init, group=gateway, sort_key=3)
    app.command(doctor.doctor, group=gateway, sort_key=4)
    app.command(bridges.bridges, group=gateway, sort_key=5)
    app.command(mqtt.commands(gateway, 6))
    app.command(events.events, group=gateway, sort_key=7)
    app.command(audit.commands(gateway, 8))
    app.command(token.commands(gateway, 9))
    app.command(backup.backup, group=gateway, sort_key=10)
    app.command(backup.restore, group=gateway, sort_key=11)
    health = Group("Health", sort_key=2)
    app.command(status.status, group=health, sort_key=1)
    app.command(query.query, group=health, sort_key=2)
    app.command(history.history, group=health, sort_key=3)
    app.command(alerts.commands(health, 4))
    mesh = Group("Mesh", sort_key=3)
    app.command(look.topology, group=mesh, sort_key=1)
    app.command(look.nodes, group=mesh, sort_key=2)
    app.command(node.commands(mesh, 3))
    app.command(look.ping, group=mesh, sort_key=4)
    app.command(talk.send, group=mesh, sort_key=5)
    app.command(talk.broadcast, group=mesh, sort_key=6)
    app.command(talk.listen, group=mesh, sort_key=7)
    updates = Group("Firmware", sort_key=4)
    app.command(push.push, group=updates, sort_key=1)
    app.command(push.verify, group=updates, sort_key=2)
    app.command(firmware.commands(updates, 3))
    app.command(rollout.commands(Group("Rollouts", sort_key=5), 1))
    app.command(fleet.fleet, group=Group("Without hardware", sort_key=6))
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit status."""
    try:
        status = build()(arguments)
    except (CycloptsError, UsageError) as error:
        return _complain(f"{error} (see `meshward --help`)", _MISUSED)
    except (FirmwareError, RolloutError, UpdateRefusedError) as error:
        return _complain(str(error), _MISUSED)
    except MeshwardError as error:
        return _complain(str(error), _FAILED)
    return status if isinstance(status, int) else 0


def _complain(message: str, status: int) -> int:
    # Words of the system may span lines; one error is one line.
    print("meshward:", " ".join(message.split()), file=sys.stderr)  # noqa: T201
    return status
