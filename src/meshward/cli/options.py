"""Options that every mesh command has, and joining by them."""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import Group, Parameter, Token

from meshward.addresses import Address, parse_address, parse_listen_address
from meshward.cli.errors import UsageError
from meshward.identity import check_node_id
from meshward.settings import Settings, load_settings, override

if TYPE_CHECKING:
    from meshward.mesh import Mesh

T = TypeVar("T")

_JOINING = Group("Joining", sort_key=2)
_OUTPUT = Group("Output", sort_key=3)


def _parsed(parse: Callable[[str], T]) -> Callable[[type, Sequence[Token]], T]:
    def convert(_type: type, tokens: Sequence[Token]) -> T:
        return parse(tokens[0].value)

    return convert


def parse_node_id(text: str) -> int:
    """A node id on the command line."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is not a node id: it must be a whole number")
    return check_node_id(int(text))


def parse_seconds(text: str) -> float:
    """A positive number of seconds on the command line."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(f"{text} is not a number of seconds above 0")
    return value


def shortened(names: Sequence[str]) -> str:
    """The first few of a list, for an error of one line."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


NodeId = Annotated[int, Parameter(converter=_parsed(parse_node_id), help="The node's id.")]
Json = Annotated[
    bool, Parameter(group=_OUTPUT, negative="", show_default=False, help="Print JSON instead of text.")
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class JoinOptions:
    """How to join the mesh."""

    connect: Annotated[
        tuple[Address, ...],
        Parameter(
            group=_JOINING,
            converter=lambda _type, tokens: tuple(parse_address(token.value) for token in tokens),
            n_tokens=1,
            negative="",
            metavar="HOST[:PORT]",
            show_default=False,
            help="Dial this node; port 5555 where none is given. Repeat it for more nodes to try, "
            "one after the other. [env: MESHWARD_CONNECT]",
        ),
    ] = ()
    listen: Annotated[
        Address | None,
        Parameter(
            group=_JOINING,
            converter=_parsed(parse_listen_address),
            n_tokens=1,
            accepts_keys=False,
            metavar="[HOST:]PORT",
            help="Let nodes dial us at this port, on all interfaces where no host is given. ["
            "env: MESHWARD_LISTEN]",
        ),
    ] = None
    node_id: Annotated[
        int | None,
        Parameter(
            group=_JOINING,
            converter=_parsed(parse_node_id),
            metavar="ID",
            help="Our id in the mesh; from the network card's MAC where none is given. "
            "[env: MESHWARD_NODE_ID]",
        ),
    ] = None
    timeout: Annotated[
        float | None,
        Parameter(
            group=_JOINING,
            converter=_parsed(parse_seconds),
            metavar="SECONDS",
            help="Seconds to wait for joining, and for each answer. [default: 10]",
        ),
    ] = None
    config: Annotated[
        Path | None,
        Parameter(
            group=_JOINING,
            metavar="FILE",
            help="Configuration file; ./meshward.toml or ~/.config/meshward/config.toml where none is given.",
        ),
    ] = None

    def settings(self) -> Settings:
        """The options, with what they leave open taken from the environment and the configuration file."""
        settings = override(load_settings(self.config), connect=self.connect, listen=self.listen)
        if not settings.connect and settings.listen is None:
            raise UsageError(
                "say how to join: --connect HOST[:PORT] of a node, or --listen PORT for nodes to dial us "
                "(or set MESHWARD_CONNECT, or `connect` in meshward.toml)"
            )
        return replace(
            settings,
            node_id=settings.node_id if self.node_id is None else self.node_id,
            timeout_s=settings.timeout_s if self.timeout is None else self.timeout,
        )


JOIN_DEFAULTS = JoinOptions()


def make_mesh(settings: Settings) -> "Mesh":
    """The mesh that the settings describe, not joined yet."""
    from meshward.mesh import Mesh  # noqa: PLC0415 a help page needs no event loop

    return Mesh(
        connect=settings.connect,
        listen=settings.listen,
        node_id=settings.node_id,
        timeout_s=settings.timeout_s,
    )


@asynccontextmanager
async def entered(mesh: "Mesh", settings: Settings) -> AsyncIterator[None]:
    """In the mesh, with a neighbour, also where it has to dial us."""
    async with mesh:
        if not settings.connect:
            _note_waiting(settings)
        await mesh.wait_joined(settings.timeout_s)
        yield


@asynccontextmanager
async def joined(options: JoinOptions) -> AsyncIterator[tuple["Mesh", float]]:
    """A mesh that was joined and whose tree is complete, and the timeout for answers in seconds."""
    settings = options.settings()
    mesh = make_mesh(settings)
    async with entered(mesh, settings):
        await mesh.settle(timeout_s=settings.timeout_s)
        yield mesh, settings.timeout_s


def _note_waiting(settings: Settings) -> None:
    if sys.stderr.isatty():
        print(  # noqa: T201
            f"waiting up to {settings.timeout_s:g} s for a node to dial {settings.listen} …", file=sys.stderr
        )
