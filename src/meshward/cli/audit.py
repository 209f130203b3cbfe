"""The commands `audit …`: who changed what, and whether the record is whole."""

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json, print_line
from meshward.text import printable

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway
    from meshward.gateway.views import AuditView


def commands(group: Group, sort_key: int) -> App:
    """The command with its subcommands."""
    app = App(
        name="audit",
        help="Who changed what, in a log that shows when it was altered.",
        group=group,
        sort_key=sort_key,
    )
    app.command(list_, name="list")
    app.command(verify)
    return app


async def list_(
    *,
    limit: Annotated[int, Parameter(help="At most so many entries, the newest.")] = 50,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Show who changed what, the newest last.

    Example: meshward audit list --limit 20
    """
    import msgspec  # noqa: PLC0415 a help page needs none of it

    from meshward.gateway.views import AuditView  # noqa: PLC0415 as above

    if limit < 1:
        raise UsageError("--limit must be 1 or more")
    async with gateway(at) as reached:
        entries = await reached.every("audit", AuditView, limit=limit)
    if json:
        print_json({"entries": msgspec.to_builtins(entries)})
        return
    for entry in reversed(entries):
        print_line(_line(entry))


async def verify(
    *,
    expect: Annotated[
        str | None,
        Parameter(metavar="HASH", help="A head that was written down earlier: it must still be in the log."),
    ] = None,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> int:
    """Check that no entry of the audit log was changed, taken out or put in.

    A log that was shortened at its end is noticed only against a head that was kept elsewhere:
    note the one printed here, and give it to --expect later. Exit status: 0 whole, 1 not.

    Example: meshward audit verify --expect 9b1d…
    """
    import msgspec  # noqa: PLC0415 as `list_`

    from meshward.gateway.views import AuditCheck  # noqa: PLC0415 as `list_`

    async with gateway(at) as reached:
        check = await reached.get("audit/verify", AuditCheck)
        found = expect is None or check.head == expect or await _holds(reached, expect)
    ok = check.ok and found
    if json:
        print_json({**msgspec.to_builtins(check), "ok": ok, "expected_found": found})
        return 0 if ok else 1
    if not check.ok:
        print_line(f"BROKEN at entry {check.broken_at}: {printable(check.problem)}")
    if not found:
        print_line(f"the log has no entry {expect}: it was shortened or written anew")
    if ok:
        print_line(f"whole: {check.entries} {'entry' if check.entries == 1 else 'entries'}")
    print_line(f"head {check.head}")
    return 0 if ok else 1


async def _holds(reached: "Gateway", expected: str) -> bool:
    from meshward.gateway.views import AuditView  # noqa: PLC0415 as `list_`

    return any(entry.hash == expected for entry in await reached.every("audit", AuditView))


def _line(entry: "AuditView") -> str:
    from meshward.cli.durations import local_text  # noqa: PLC0415 as `list_`

    detail = ", ".join(f"{key}={value}" for key, value in entry.detail.items())
    subject = f" {entry.subject}" if entry.subject else ""
    return printable(
        f"{local_text(entry.at)}  {entry.actor}  {entry.action}{subject}" + (f"  {detail}" if detail else "")
    )
