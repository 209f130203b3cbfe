"""The commands `mqtt …`: what programs need that command the gateway over MQTT."""

import re
from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter

from meshward.cli.errors import UsageError
from meshward.cli.output import print_line

_INTO_THE_MESH = re.compile(r"(?:message|command)/(?:all|[0-9]{1,10})")


def commands(group: Group, sort_key: int) -> App:
    """The command with its subcommands."""
    app = App(name="mqtt", help="Command the gateway over MQTT.", group=group, sort_key=sort_key)
    app.command(sign)
    return app


def sign(
    action: Annotated[
        str,
        Parameter(
            help="What stands last in the topic: start, check, status, approve, pause, resume, abort or "
            "rollback; command for PREFIX/ota/command; message/ID or command/ID, or all for ID, for what "
            "goes into the mesh."
        ),
    ],
    request: Annotated[str, Parameter(help="The request as JSON, as it would be published unsigned.")] = "{}",
    /,
    *,
    key_file: Annotated[
        Path, Parameter(metavar="FILE", help="The file that the gateway has as mqtt.control_key_file.")
    ],
) -> None:
    """Sign a request, for gateways that obey signed ones only. Prints the payload to publish.

    It is good for five minutes and once. A text for a node is written as {"text": "…"}.

    Example: meshward mqtt sign --key-file mqtt.key start '{"job": "ci-1", "image": "4f7c21", "role": "lamp"}'

    Example: meshward mqtt sign --key-file mqtt.key abort '{"job": "ci-1"}' | mosquitto_pub -s -t
    mesh/ota/request/abort
    """
    import json  # noqa: PLC0415 a help page needs none of it

    from meshward.bridges.mqtt.control.signing import KNOWN, read_key, sign  # noqa: PLC0415 as above

    if action not in {*KNOWN, "command"} and not _INTO_THE_MESH.fullmatch(action):
        raise UsageError(
            f"{action!r} is no action: write {', '.join(KNOWN)}, command, message/ID or command/ID (or all "
            "for ID)"
        )
    try:
        content = json.loads(request)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the request is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise UsageError('the request must be a JSON object, as {"job": "ci-12"}')
    print_line(sign(read_key(key_file), action, content))
