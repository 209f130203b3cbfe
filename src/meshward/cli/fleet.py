"""The command `fleet`: a mesh of virtual nodes to try things on."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from meshward.cli.errors import UsageError
from meshward.cli.fleet_boards import PLAIN_BOARDS, StockOptions
from meshward.cli.options import Json
from meshward.cli.output import print_event, print_line
from meshward.errors import FleetError

if TYPE_CHECKING:
    from meshward.fleet.commands import Behave, Change, Timed
    from meshward.fleet.images import BoardImage
    from meshward.fleet.plan import FleetPlan
    from meshward.records import TreeNode

_SHAPE = Group("The mesh", sort_key=1)
_LOOP = Group("Boards with a slow main loop", sort_key=2)
_TIMED = Group("Changes by the clock, in seconds after ready; repeat for more", sort_key=3)


def _shape(words: str) -> Parameter:
    return Parameter(group=_SHAPE, help=words)


def _loop(words: str) -> Parameter:
    return Parameter(group=_LOOP, help=words)


def _timed(words: str, metavar: str = "ID:SECONDS") -> Parameter:
    return Parameter(group=_TIMED, help=words, metavar=metavar, n_tokens=1, negative="", show_default=False)


async def fleet(
    *,
    nodes: Annotated[int, _shape("How many nodes.")] = 20,
    topology: Annotated[Literal["tree", "chain", "star", "random"], _shape("Their shape.")] = "tree",
    fan_out: Annotated[int, _shape("Children of each node of a tree; at most, in a random mesh.")] = 4,
    port: Annotated[int, _shape("Port of the first node; the others follow.")] = 5600,
    first_id: Annotated[int, _shape("Id of the first node; the others follow.")] = 1001,
    seed: Annotated[int, _shape("Another seed is another random mesh, with other clocks.")] = 1,
    loop_ms: Annotated[int | None, _loop("Milliseconds between passes of each node's main loop.")] = None,
    bytes_per_loop: Annotated[int | None, _loop("Most bytes that each link writes in a pass.")] = None,
    drop_at: Annotated[list[str] | None, _timed("Switch a node off.")] = None,
    kill_at: Annotated[list[str] | None, _timed("Cut a node's power.")] = None,
    restart_at: Annotated[list[str] | None, _timed("Boot a node anew.")] = None,
    reparent_at: Annotated[
        list[str] | None, _timed("Move a node to another parent.", "ID:PARENT:SECONDS")
    ] = None,
    drop_link: Annotated[list[str] | None, _timed("Cut a node's link to its parent, once.")] = None,
    stock: StockOptions = PLAIN_BOARDS,
    json: Json = False,
) -> None:
    """Run a mesh of virtual nodes on this machine: real nodes, over real TCP.

    Node k listens on 127.0.0.1, port PORT+k, and has the id FIRST_ID+k. A line that begins with
    `ready` tells when all nodes see each other. Then lines on standard input are commands:
    drop ID, kill ID, restart ID, reparent ID PARENT, drop-link ID, behave IMAGE WHAT, tree, images,
    report, help, quit. Ends on `quit`, Ctrl-C or SIGTERM, not at the end of input.

    With --loop-ms or --bytes-per-loop the nodes are as slow as boards: 10 ms and 511 bytes where
    only one is given.

    With --kind stock each node takes updates as a board with unmodified firmware does, writes
    them to a flash of its own and restarts with them. The end of the fleet, and the command
    `images`, tell what each of them runs, how often it started and how often it was updated.
    Faults are written ID:WHAT, for nodes 1003-1007 or for all instead of one ID as well.

    With --kind alteriom or meshward the boards tell of their health too: heap, signal, load and
    traffic as of boards that live through their days. With --story something happens to one of
    them, for somebody to notice.

    With --image-behaviour an image breaks the boards that run it, until they run another: to try
    a rollout on. With --reports the boards tell their uptime and free heap.

    Example: meshward fleet --nodes 100 --topology random --drop-at 1005:10 --restart-at 1005:20

    Example: meshward fleet --kind stock --role sensor --lose-parts all:5% --reboot-at 1004:50

    Example: meshward fleet --kind stock --reports 30 --image-behaviour new.bin:leak:120

    Example: meshward fleet --kind meshward --kind-of 1010-1014:alteriom --story leak:1005,weak:1012
    """
    from meshward.fleet.console import run_fleet  # noqa: PLC0415 a help page needs no event loop
    from meshward.fleet.plan import FleetPlan  # noqa: PLC0415 as above

    shape = FleetPlan(nodes, topology, fan_out, port, first_id, loop_ms, bytes_per_loop, seed)
    changes = {"drop": drop_at, "kill": kill_at, "restart": restart_at, "reparent": reparent_at}
    try:
        plan = replace(shape, stock=stock.plan())
        plan.parents()
        timed = _read_changes(changes, drop_link or [])
    except FleetError as error:
        raise UsageError(str(error)) from error
    await run_fleet(plan, JsonDisplay() if json else TextDisplay(), timed, stock.report)


def _read_changes(flags: "dict[str, list[str] | None]", drop_link: list[str]) -> "list[Timed]":
    from meshward.fleet.commands import parse_timed  # noqa: PLC0415 a help page needs no fleet

    timed = [parse_timed(verb, text) for verb, texts in flags.items() for text in texts or ()]
    return timed + [parse_timed("drop-link", text, "--drop-link") for text in drop_link]


class TextDisplay:
    """Tells people what a fleet does."""

    def ready(self, plan: "FleetPlan", seconds: float) -> None:
        """One line, easy to read for scripts too."""
        print_line(
            f"ready nodes={plan.nodes} port={plan.port} first_id={plan.first_id} seconds={seconds:.2f}"
        )

    def changed(self, change: "Change") -> None:
        """The command, as it was understood."""
        print_line(" ".join([_verb(change), *map(str, asdict(change).values())]))

    def behaves(self, order: "Behave") -> None:
        """The image, and what it does."""
        print_line(f"behave {order.md5} {order.behaviour}")

    def converged(self, meshes: list[set[int]], seconds: float) -> None:
        """How many nodes are on, and whether they are one mesh."""
        sizes = [len(mesh) for mesh in meshes]
        parts = "" if len(sizes) == 1 else f" in {len(sizes)} meshes of {', '.join(map(str, sizes))}"
        print_line(f"converged nodes={sum(sizes)} seconds={seconds:.2f}{parts}")

    def trees(self, trees: "list[TreeNode]") -> None:
        """Each mesh as a tree."""
        from meshward.cli.render import print_tree  # noqa: PLC0415 loads rich

        for tree in trees:
            print_tree(tree)

    def images(self, images: "list[BoardImage]") -> None:
        """A line for each board."""
        for image in images:
            print_line(f"image {_facts(image)}")

    def restarted(self, image: "BoardImage", why: str) -> None:
        """What the board runs now."""
        print_line(f"restarted why={why} {_facts(image)}")

    def reported(self, path: Path) -> None:
        """Where the report is."""
        print_line(f"report {path}")

    def help(self, text: str) -> None:
        """The commands."""
        print_line(text)

    def refused(self, error: FleetError) -> None:
        """Why a command was not carried out."""
        print_line(f"error: {error}")


class JsonDisplay:
    """Tells programs what a fleet does: one object a line."""

    def ready(self, plan: "FleetPlan", seconds: float) -> None:
        """What was started."""
        facts = {"nodes": plan.nodes, "port": plan.port, "first_id": plan.first_id}
        print_event("ready", **facts, seconds=round(seconds, 3))

    def changed(self, change: "Change") -> None:
        """The command, as it was understood."""
        print_event(_verb(change), **asdict(change))

    def behaves(self, order: "Behave") -> None:
        """The image, and what it does."""
        print_event("behave", md5=order.md5, behaviour=str(order.behaviour))

    def converged(self, meshes: list[set[int]], seconds: float) -> None:
        """The nodes that are on, by mesh."""
        print_event("converged", meshes=[sorted(mesh) for mesh in meshes], seconds=round(seconds, 3))

    def trees(self, trees: "list[TreeNode]") -> None:
        """The trees as painlessMesh writes them."""
        print_event("tree", trees=[tree.as_dict() for tree in trees])

    def images(self, images: "list[BoardImage]") -> None:
        """All boards in one object."""
        from meshward.fleet.images import images_as_dict  # noqa: PLC0415 as `run_fleet`

        print_event("images", nodes=images_as_dict(images))

    def restarted(self, image: "BoardImage", why: str) -> None:
        """What the board runs now."""
        print_event("restarted", why=why, **asdict(image))

    def reported(self, path: Path) -> None:
        """Where the report is."""
        print_event("report", file=str(path))

    def help(self, text: str) -> None:
        """The commands."""
        print_event("help", text=text)

    def refused(self, error: FleetError) -> None:
        """Why a command was not carried out."""
        print_event("error", error=str(error))


def _verb(change: "Change") -> str:
    from meshward.fleet.commands import verb_of  # noqa: PLC0415 as `run_fleet`

    return verb_of(change)


def _facts(image: "BoardImage") -> str:
    facts = {
        "node": image.node_id,
        "md5": image.md5 or "none",
        "size": image.size_bytes or 0,
        "boots": image.boots,
        "updates": image.updates,
        "role": image.role,
        "hardware": image.hardware,
        "on": "yes" if image.on else "no",
    }
    return " ".join(f"{name}={value}" for name, value in facts.items())
