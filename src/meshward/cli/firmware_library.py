"""The commands `firmware add`, `list`, `show`, `note` and `rm`: the gateway's library."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import plural, print_json, print_line
from meshward.errors import ConflictError
from meshward.text import printable

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway
    from meshward.gateway.views import FirmwareView

Sha = Annotated[str, Parameter(help="The firmware's SHA-256, or its first 6 digits or more.")]
_FLAG = Parameter(negative="", show_default=False)


async def add(
    file: Annotated[Path, Parameter(help="The firmware: the .bin file of the build.")],
    /,
    *,
    notes: Annotated[str, Parameter(help="What to remember about it.")] = "",
    extract: Annotated[
        bool, _FLAG, Parameter(help="Take the application inside a whole-flash image.")
    ] = False,
    force: Annotated[bool, _FLAG, Parameter(help="Set aside what may be set aside of a refusal.")] = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Put a firmware into the gateway's library, for rollouts now and for ways back later.

    Example: meshward firmware add build/firmware.bin --notes "fixes the lamp"
    """
    import msgspec  # noqa: PLC0415 a help page needs none of it

    from meshward.cli.firmware_upload import checked, upload  # noqa: PLC0415 as above

    looked_at = checked(file, extract=extract, force=force)
    async with gateway(at) as reached:
        firmware, new = await upload(reached, looked_at, notes=notes, quiet=json)
    if json:
        print_json({"new": new, **msgspec.to_builtins(firmware)})
    else:
        word = "added" if new else "is there already"
        print_line(f"{firmware.sha256[:16]} {word}: {_what(firmware)}")


async def list_(*, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> None:
    """List the firmware in the gateway's library.

    Example: meshward firmware list
    """
    import msgspec  # noqa: PLC0415 as `add`

    from meshward.gateway.views import FirmwareView  # noqa: PLC0415 as `add`

    async with gateway(at) as reached:
        firmware = await reached.get("firmware", list[FirmwareView])
    if json:
        print_json({"firmware": msgspec.to_builtins(firmware)})
        return
    from meshward.cli.firmware_view import print_library  # noqa: PLC0415 loads rich

    print_library(firmware)


async def show(sha256: Sha, /, *, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> None:
    """Tell all that is known of a firmware in the library.

    Example: meshward firmware show 3f2a90
    """
    import msgspec  # noqa: PLC0415 as `add`

    async with gateway(at) as reached:
        firmware = await _one(reached, sha256)
    if json:
        print_json(msgspec.to_builtins(firmware))
        return
    from meshward.cli.firmware_view import print_firmware  # noqa: PLC0415 loads rich

    print_firmware(firmware)


async def note(
    sha256: Sha,
    text: Annotated[str, Parameter(help='The note; "" for none.')],
    /,
    *,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Write down something about a firmware in the library.

    Example: meshward firmware note 3f2a90 "the last good one"
    """
    import msgspec  # noqa: PLC0415 as `add`

    from meshward.gateway.views import FirmwareView  # noqa: PLC0415 as `add`

    async with gateway(at) as reached:
        firmware = await _one(reached, sha256)
        path = f"firmware/{firmware.sha256}"
        firmware = await reached.patch(path, FirmwareView, {"notes": text})
    if json:
        print_json(msgspec.to_builtins(firmware))
    else:
        print_line(f"{firmware.sha256[:16]}: {printable(firmware.notes) or 'no note'}")


async def rm(
    sha256: Sha,
    /,
    *,
    force: Annotated[bool, _FLAG, Parameter(help="Also one that nodes run.")] = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Take a firmware out of the library; refused while a rollout needs it.

    A node that runs it cannot be brought back to it afterwards, so that needs --force.

    Example: meshward firmware rm 3f2a90
    """
    async with gateway(at) as reached:
        firmware = await _one(reached, sha256)
        if firmware.running and not force:
            raise ConflictError(
                f"{plural(firmware.running, 'node')} run {firmware.sha256[:16]}, and could not be brought "
                "back to it: keep it, or remove it with --force"
            )
        await reached.delete(f"firmware/{firmware.sha256}")
    if json:
        print_json({"sha256": firmware.sha256, "removed": True})
    else:
        print_line(f"{firmware.sha256[:16]} removed: {_what(firmware)}")


async def _one(reached: "Gateway", sha256: str) -> "FirmwareView":
    from meshward.cli.firmware_upload import looks_like_hash  # noqa: PLC0415 as `add`
    from meshward.gateway.views import FirmwareView  # noqa: PLC0415 as `add`

    if not looks_like_hash(sha256):
        raise UsageError(
            f"{sha256!r} is no SHA-256: give 6 of its digits or more; see `meshward firmware list`"
        )
    return await reached.get(f"firmware/{sha256.lower()}", FirmwareView)


def _what(firmware: "FirmwareView") -> str:
    running = f", {plural(firmware.running, 'node')} run it" if firmware.running else ""
    return printable(f"{firmware.name}, {firmware.what}, {firmware.size_bytes} bytes{running}")
