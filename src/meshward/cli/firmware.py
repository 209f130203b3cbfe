"""The commands `firmware …`: `inspect` and `make` work on files, the others on the gateway's library."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter

from meshward.cli import firmware_library
from meshward.cli.errors import UsageError
from meshward.cli.options import Json
from meshward.cli.output import print_json, print_line
from meshward.errors import FirmwareError, MeshwardError
from meshward.text import parse_size

_SIZE_MAX = 16 * 1024 * 1024


def commands(group: Group, sort_key: int) -> App:
    """The command with its subcommands."""
    app = App(
        name="firmware",
        help="Look at firmware files, and keep them in the gateway's library.",
        group=group,
        sort_key=sort_key,
    )
    app.command(inspect)
    app.command(firmware_library.add)
    app.command(firmware_library.list_, name="list")
    app.command(firmware_library.show)
    app.command(firmware_library.note)
    app.command(firmware_library.rm)
    app.command(make)
    return app


def inspect(
    file: Annotated[Path, Parameter(help="The file: an application, a whole flash, or either as gzip.")],
    /,
    *,
    json: Json = False,
) -> int:
    """Tell what a firmware file is, for which boards, and whether it is whole.

    Exit status: 0 it is intact, 1 something is wrong with it, 2 it cannot be read.

    Example: meshward firmware inspect firmware.bin
    """
    from meshward import firmware  # noqa: PLC0415 a help page needs none of it
    from meshward.push import read_file  # noqa: PLC0415 as above

    image = firmware.inspect(read_file(file))
    if json:
        print_json({"file": str(file), **firmware.describe(image)})
    else:
        for line in firmware.summary_lines(image):
            print_line(line)
    return 0 if image.intact else 1


def make(
    file: Annotated[Path, Parameter(help="Where to write it.")],
    /,
    *,
    hardware: Annotated[str, Parameter(help="The chip: ESP32, ESP32-S3, ESP32-C3, ESP8266, …")] = "ESP32",
    size: Annotated[str, Parameter(metavar="BYTES", help="Its size, also as 200KB or 1.5MB.")] = "200KB",
    project: Annotated[str, Parameter(help="The name it carries.")] = "sensor",
    version: Annotated[str, Parameter(help="The version it carries.")] = "1.0.0",
    seed: Annotated[int, Parameter(help="Another seed makes another image.")] = 1,
    json: Json = False,
) -> None:
    """Make up a firmware file that is valid to the last byte, and that no board would run.

    The same arguments make the same file.

    Example: meshward firmware make firmware.bin --hardware ESP32 --size 200KB --version 1.1.0
    """
    from meshward import firmware  # noqa: PLC0415 a help page needs none of it
    from meshward.firmware.synthetic import synthetic_image  # noqa: PLC0415 as above

    try:
        size_bytes = parse_size(size)
    except ValueError:
        raise UsageError(f"--size {size}: write it as --size 204800 or --size 200KB") from None
    if size_bytes > _SIZE_MAX:
        raise UsageError(f"--size {size}: no board has more than 16MB for it")
    try:
        data = synthetic_image(size_bytes, hardware=hardware, project=project, version=version, seed=seed)
    except FirmwareError as error:
        raise UsageError(str(error)) from error
    try:
        file.write_bytes(data)
    except OSError as error:
        raise MeshwardError(f"cannot write {file}: {error.strerror or error}") from error
    image = firmware.inspect(data)
    if json:
        print_json({"file": str(file), **firmware.describe(image)})
    else:
        print_line(f"{file}: {image.what}, {image.size_bytes} bytes, md5 {image.md5}")
