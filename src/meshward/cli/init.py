"""The command `init`: a configuration file that explains itself, and a systemd unit."""

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshward.addresses import Address, parse_address
from meshward.cli.output import print_line
from meshward.errors import ConflictError, MeshwardError

_CONFIG = Path("meshward.toml")
_PRINTED = Path("-")


def init(
    file: Annotated[Path, Parameter(help="The configuration file to write.")] = _CONFIG,
    /,
    *,
    connect: Annotated[
        tuple[Address, ...],
        Parameter(
            converter=lambda _type, tokens: tuple(parse_address(token.value) for token in tokens),
            n_tokens=1,
            negative="",
            metavar="HOST[:PORT]",
            show_default=False,
            help="A node of the mesh, to be filled in. Repeat it for more nodes.",
        ),
    ] = (),
    systemd: Annotated[
        Path | None,
        Parameter(
            metavar="UNIT",
            allow_leading_hyphen=True,
            help="Write a systemd unit here as well, as /etc/systemd/system/meshward.service; with - it is "
            "printed, and nothing else done.",
        ),
    ] = None,
    force: Annotated[
        bool, Parameter(negative="", show_default=False, help="Overwrite files that are there.")
    ] = False,
) -> None:
    """Write a configuration file with every setting, its default and what it means.

    Example: meshward init --connect 10.1.2.1

    Example: meshward init /etc/meshward.toml --systemd /etc/systemd/system/meshward.service
    """
    from meshward.config.template import template  # noqa: PLC0415 a help page needs none of it
    from meshward.gateway.unit import unit  # noqa: PLC0415 as above

    file = file.absolute()
    if systemd == _PRINTED:
        print_line(unit(_command(), file).rstrip("\n"))
        return
    texts = {file: template([str(address) for address in connect])}
    if systemd is not None:
        texts[systemd.absolute()] = unit(_command(), file)
    if not force:
        _refuse_existing(texts)
    for path, text in texts.items():
        _write(path, text)
    for line in _next_steps(file, systemd, connect):
        print_line(line)


def _refuse_existing(paths: "dict[Path, str]") -> None:
    for path in paths:
        if path.exists():
            raise ConflictError(f"{path} is there already: give another name, or --force to overwrite it")


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o644)  # it holds no secrets, and the gateway may run as another user
        fresh.replace(path)
    except OSError as error:
        raise MeshwardError(f"cannot write {path}: {error.strerror or error}") from error
    print_line(f"wrote {path}")


def _next_steps(file: Path, systemd: Path | None, connect: tuple[Address, ...]) -> list[str]:
    found_by_itself = file == _CONFIG.absolute()
    option = "" if found_by_itself else f" --config {file}"
    steps = []
    if not connect:
        steps.append(f"say in {file.name} how to join the mesh: set `connect` or `listen`")
    steps.append(f"see whether all is well: meshward doctor{option}")
    if systemd is None:
        steps.append(f"start the gateway: meshward run{option}")
    else:
        steps.append(f"start the gateway: systemctl daemon-reload && systemctl enable --now {systemd.name}")
    return ["next:", *(f"  {number}. {step}" for number, step in enumerate(steps, 1))]


def _command() -> str:
    """How this program is called, by its full path."""
    called = Path(sys.argv[0])
    if called.name == "meshward" and called.is_file():
        return str(called.absolute())
    return f"{sys.executable} -m meshward"
