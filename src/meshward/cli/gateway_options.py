"""Options that every command has which asks the gateway, and reaching it by them."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from cyclopts import Group, Parameter

from meshward.cli.errors import UsageError
from meshward.errors import GatewayError

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway, Place

_GATEWAY = Group("The gateway", sort_key=2)
ENV_TOKEN = "MESHWARD_TOKEN"  # noqa: S105 its name
ENV_URL = "MESHWARD_URL"
_TOKEN_BYTES_MAX = 4096


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Where the gateway keeps its data."""

    data: Annotated[
        Path | None,
        Parameter(
            group=_GATEWAY,
            metavar="DIR",
            help="The gateway's data directory, through which it is found. [env: MESHWARD_DATA]",
        ),
    ] = None

    def directory(self) -> Path:
        """The data directory meant."""
        from meshward.config import data_directory  # noqa: PLC0415 a help page needs none of it

        return data_directory(self.data)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class GatewayOptions(DataOptions):
    """How to reach the gateway."""

    url: Annotated[
        str | None,
        Parameter(
            group=_GATEWAY,
            metavar="URL",
            help="A gateway elsewhere, as https://pi.local:8080; its token comes from MESHWARD_TOKEN or "
            "--token-file. [env: MESHWARD_URL]",
        ),
    ] = None
    token_file: Annotated[
        Path | None,
        Parameter(group=_GATEWAY, metavar="FILE", help="A file that only you can read, with the token."),
    ] = None
    ca: Annotated[
        Path | None,
        Parameter(
            group=_GATEWAY, metavar="FILE", help="Certificates (PEM) to trust, where the URL's is your own."
        ),
    ] = None
    token: Annotated[str | None, Parameter(group=_GATEWAY, show=False)] = None

    def place(self) -> "Place | None":
        """Where the gateway is; None where none runs for the data directory. Raises UsageError."""
        self._refuse_token_argument()
        url = self.url or (None if self.data else os.environ.get(ENV_URL))
        if url is None:
            if self.token_file is not None or self.ca is not None:
                raise UsageError(
                    "--token-file and --ca go with --url; a gateway on this machine needs neither"
                )
            return self._running()
        from meshward.cli.gateway_client import Place  # noqa: PLC0415 loads httpx

        return Place(_checked_url(url), _token(self.token_file), None if self.ca is None else str(self.ca))

    def _running(self) -> "Place | None":
        from meshward.cli.gateway_client import Place  # noqa: PLC0415 loads httpx
        from meshward.gateway import endpoint  # noqa: PLC0415 a help page needs none of it

        found = endpoint.find(self.directory())
        return None if found is None else Place(found.url, found.token, found.cafile, is_own=True)

    def _refuse_token_argument(self) -> None:
        if self.token is not None:
            raise UsageError(
                "a token among the arguments can be seen by everybody on this machine: put it into "
                f"{ENV_TOKEN}, or into a file for --token-file, and revoke this one"
            )


GATEWAY_DEFAULTS = GatewayOptions()
DATA_DEFAULTS = DataOptions()


@asynccontextmanager
async def gateway(options: GatewayOptions) -> AsyncIterator["Gateway"]:
    """The gateway; where none runs, this process answers for it from the data directory."""
    from meshward.cli.gateway_client import Gateway  # noqa: PLC0415 loads httpx

    place = options.place()
    async with AsyncExitStack() as stack:
        if place is not None:
            yield await stack.enter_async_context(Gateway.at(place, options.place))
            return
        directory = options.directory()
        if not directory.is_dir():
            raise GatewayError(
                f"no gateway runs here, and there is no data directory {directory}: start one with "
                "`meshward run`, or say where it is with --data DIR or --url URL"
            )
        from meshward.gateway.offline import offline_app  # noqa: PLC0415 loads the web server

        app, token = await stack.enter_async_context(offline_app(directory))
        yield await stack.enter_async_context(Gateway.in_process(app, token))


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{url!r} is no address of a gateway: write it as http://127.0.0.1:8080")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("a gateway's address holds no names, passwords or tokens: see --token-file")
    return url.rstrip("/").removesuffix("/api/v1")


def _token(file: Path | None) -> str:
    if file is None:
        token = os.environ.get(ENV_TOKEN, "").strip()
        if not token:
            raise UsageError(f"--url needs a token: in {ENV_TOKEN}, or in a file for --token-file")
        return token
    try:
        with file.open(encoding="utf-8") as handle:
            mode = os.fstat(handle.fileno()).st_mode
            token = handle.read(_TOKEN_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the token from {file}: {getattr(error, 'strerror', error)}") from None
    if mode & 0o077:
        raise UsageError(f"others can read {file}: run `chmod 600 {file}` first")
    if not token or not token.isascii() or len(token.split()) != 1:
        raise UsageError(f"{file} must hold a token and nothing else")
    return token
