"""The command `doctor`: whether everything is there that a gateway needs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshward.cli.options import Json
from meshward.cli.output import plural, print_json

if TYPE_CHECKING:
    from meshward.config import Config
    from meshward.gateway.views import Check

_MARKS = {"ok": ("✓", "green"), "hint": ("!", "yellow"), "failed": ("✗", "bold red")}
_NAME_COLUMNS = 20


async def doctor(
    *,
    data: Annotated[
        Path | None, Parameter(metavar="DIR", help="The gateway's data directory. [env: MESHWARD_DATA]")
    ] = None,
    config: Annotated[
        Path | None,
        Parameter(
            metavar="FILE",
            help="Configuration file; ./meshward.toml or ~/.config/meshward/config.toml where none is given.",
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Look at everything that the gateway needs, and say what to do about what is not right.

    Exit status: 0 all is well (hints do not count), 1 something is not.

    Example: meshward doctor
    """
    from meshward.gateway.doctor import examine  # noqa: PLC0415 a help page needs none of it

    checks = await examine(lambda: _load(config, data))
    failed = [check for check in checks if not check.ok]
    if json:
        import msgspec  # noqa: PLC0415 as above

        print_json({"ok": not failed, "checks": msgspec.to_builtins(checks)})
    else:
        _print(checks, len(failed))
    return 1 if failed else 0


def _load(file: Path | None, data: Path | None) -> "Config":
    from meshward.config import load_config, with_values  # noqa: PLC0415 as `doctor`

    return with_values(load_config(file), {} if data is None else {("data",): str(data.absolute())})


def _print(checks: "Sequence[Check]", failed: int) -> None:
    from rich.console import Console  # noqa: PLC0415 loads slowly
    from rich.table import Table  # noqa: PLC0415 as above
    from rich.text import Text  # noqa: PLC0415 as above

    from meshward.text import printable  # noqa: PLC0415 as above

    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, max_width=_NAME_COLUMNS, overflow="ellipsis", style="bold")
    grid.add_column(overflow="fold")
    for check in checks:
        mark, style = _MARKS["failed" if not check.ok else "hint" if check.remedy else "ok"]
        text = Text(printable(check.text))
        if check.remedy:
            text.append(f"\n→ {printable(check.remedy)}", style="yellow" if check.ok else "red")
        grid.add_row(Text(mark, style=style), Text(printable(check.name)), text)
    console = Console(highlight=False)
    console.print(grid)
    console.print(
        Text(f"\n{plural(failed, 'check')} of {len(checks)} failed.", style="bold red")
        if failed
        else Text("\nAll is well.", style="bold green")
    )
