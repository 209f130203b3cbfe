"""What a virtual fleet can be told, as text and as values."""

from dataclasses import dataclass

from meshward.errors import FleetError
from meshward.fleet.behaviours import read_behaviour, read_image
from meshward.sim.behaviour import Behaviour

HELP = """\
drop ID               switch a node off: its links close, its children look for it
kill ID               cut a node's power: it falls silent, its links stay open
restart ID            boot a node anew, whatever state it is in
reparent ID PARENT    let a node leave its parent and dial another node
drop-link ID          cut a node's link to its parent once; it dials again
behave IMAGE WHAT     what an image does to boards from their next start on: crash-loop, leak:60, fine
tree                  print the mesh as node 0 sees it, or its parts
images                print what the boards run, where the fleet has stock boards
report                the same, written to the file of --report
help                  print this list
quit                  end the fleet"""


@dataclass(frozen=True, slots=True)
class Drop:
    """Switch a node off, closing its links."""

    node_id: int


@dataclass(frozen=True, slots=True)
class Kill:
    """Silence a node without closing its links, as a power cut does."""

    node_id: int


@dataclass(frozen=True, slots=True)
class Restart:
    """Boot a node anew."""

    node_id: int


@dataclass(frozen=True, slots=True)
class Reparent:
    """Move a node, with all below it, to another parent."""

    node_id: int
    parent_id: int


@dataclass(frozen=True, slots=True)
class DropLink:
    """Cut the link between a node and its parent; the node dials again."""

    node_id: int


@dataclass(frozen=True, slots=True)
class Behave:
    """Have an image, given by its MD5 or the first digits of it, do this to the boards that start it."""

    md5: str
    behaviour: Behaviour


@dataclass(frozen=True, slots=True)
class ShowTree:
    """Print the mesh."""


@dataclass(frozen=True, slots=True)
class ShowImages:
    """Print what the boards run."""


@dataclass(frozen=True, slots=True)
class WriteReport:
    """Write what the boards run to the report file."""


@dataclass(frozen=True, slots=True)
class ShowHelp:
    """Print the commands."""


@dataclass(frozen=True, slots=True)
class Quit:
    """End the fleet."""


Change = Drop | Kill | Restart | Reparent | DropLink
Question = ShowTree | ShowImages | WriteReport | ShowHelp | Quit
Command = Change | Behave | Question

_CHANGES: dict[str, type[Change]] = {
    "drop": Drop,
    "kill": Kill,
    "restart": Restart,
    "reparent": Reparent,
    "drop-link": DropLink,
}
_VERBS = {kind: verb for verb, kind in _CHANGES.items()}
_OTHERS: dict[str, type[Question]] = {
    "tree": ShowTree,
    "images": ShowImages,
    "report": WriteReport,
    "help": ShowHelp,
    "quit": Quit,
}


@dataclass(frozen=True, slots=True)
class Timed:
    """A change at a moment, in seconds after the fleet is ready."""

    after_s: float
    change: Change


def parse_command(line: str) -> Command | None:
    """The command on one line; None for an empty line or a comment (`# …`)."""
    words = line.partition("#")[0].split()
    if not words:
        return None
    verb, *arguments = words
    if verb in _CHANGES:
        return _change(verb, arguments)
    if verb == "behave":
        return _behave(arguments)
    if verb in _OTHERS and not arguments:
        return _OTHERS[verb]()
    raise FleetError(f"unknown command {line.strip()!r}; `help` lists the commands")


def verb_of(change: Change) -> str:
    """The word for a change."""
    return _VERBS[type(change)]


def parse_timed(verb: str, text: str, flag: str = "") -> Timed:
    """A flag like `--drop-at 1005:2.5` or `--reparent-at 1005:1002:2.5`: ids, then seconds after ready."""
    flag = flag or f"--{verb}-at"
    *arguments, seconds = text.split(":")
    try:
        after_s = float(seconds)
        change = _change(verb, arguments)
    except (ValueError, FleetError):
        after_s = -1.0
    if not 0 <= after_s < float("inf"):
        raise FleetError(f"{flag} {text}: write it as {flag} {_example(verb)}:2.5")
    return Timed(after_s, change)


def _change(verb: str, arguments: list[str]) -> Change:
    kind = _CHANGES[verb]
    try:
        return kind(*[int(argument) for argument in arguments])
    except (TypeError, ValueError):
        example = _example(verb).replace(":", " ")
        raise FleetError(f"{verb} needs node ids, as in `{verb} {example}`") from None


def _behave(arguments: list[str]) -> Behave:
    try:
        image, behaviour = arguments
    except ValueError:
        raise FleetError(
            "behave needs an image and what it does, as in `behave 1a2b3c crash-loop:20`"
        ) from None
    return Behave(read_image(image), read_behaviour(behaviour))


def _example(verb: str) -> str:
    return "1005:1002" if verb == "reparent" else "1005"
