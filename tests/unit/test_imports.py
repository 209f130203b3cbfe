"""The import rule: a reader who follows one frame walks forward through the folders, never back."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
OURS = ("meshnode", "meshward")

# Modules that touch the world. Pure packages are told the time and given the bytes instead.
WORLD = (
    *(
        "asyncio",
        "concurrent",
        "multiprocessing",
        "queue",
        "sched",
        "selectors",
        "signal",
        "subprocess",
        "threading",
    ),
    *("ftplib", "http", "select", "smtplib", "socket", "socketserver", "ssl", "urllib.request", "websockets"),
    *("fileinput", "glob", "io", "os", "pathlib", "shelve", "shutil", "sqlite3", "tempfile"),
    *("importlib", "secrets", "time", "uuid"),
)
# Calls that touch the world through a module which is harmless otherwise.
WORLDLY_CALLS = (
    *("__import__", "breakpoint", "input", "open", "print"),
    *("date.today", "datetime.*now", "datetime.*today"),
    "random.[!R]*",  # random.Random(seed) is the one that replays
)

# The standard library that MicroPython has too and that touches nothing.
CORE = (
    "array",
    "binascii",
    "collections",
    "deflate",
    "gc",
    "hashlib",
    "json",
    "math",
    "micropython",
    "struct",
    "sys",
)
# What a driver on a board needs besides.
BOARD = (
    *("asyncio", "errno", "io", "os", "random", "select", "socket", "ssl", "time"),
    *("esp", "esp32", "machine", "network"),
)

# The asyncio driver of the node core, and what belongs to one board.
NODE_DRIVER = (
    "meshnode.boards",
    "meshnode.connection",
    "meshnode.dialer",
    "meshnode.runner",
    "meshnode.streams",
    "meshnode.timer",
)

# `meshward.__init__` stands for the package's own file, and what `from meshward import Mesh` takes.
MESH = (
    *("meshward.__init__", "meshward.mesh", "meshward.inbox", "meshward.joining", "meshward.pings"),
    "meshward.streams",
)
DRIVERS = (*MESH, "meshward.gateway", "meshward.fleet", "meshward.push", "meshward.demo")
# Helpers that read files or the environment.
LOCAL = ("meshward.config", "meshward.identity", "meshward.settings", "meshward.store")
FACES = ("meshward.web", "meshward.bridges", "meshward.cli")
PUBLIC = (
    "meshward.__init__",
    "meshward.mesh",
    # The values and helpers that the public API is made of.
    *("meshward.addresses", "meshward.errors", "meshward.events", "meshward.identity", "meshward.packages"),
    *("meshward.config", "meshward.records", "meshward.settings", "meshward.streams", "meshward.text"),
    # What can be done with firmware, and the driver that does it.
    *("meshward.firmware", "meshward.push"),
)


@dataclass(frozen=True)
class Rule:
    """What a package may import. A name stands for the module and everything below it."""

    package: str
    ours: tuple[str, ...] | None = None  # of this project nothing else
    others: tuple[str, ...] | None = None  # of everybody else nothing else
    never: tuple[str, ...] = ()
    never_called: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()  # modules inside the package to which the rule does not apply


def pure(package: str) -> Rule:
    never = (*WORLD, *DRIVERS, *FACES, *LOCAL, *NODE_DRIVER, "meshward.sim")
    return Rule(package, never=never, never_called=WORLDLY_CALLS)


# What the gateway can be asked, and the values that it takes and gives.
SERVICE = (
    *("meshward.gateway.service", "meshward.gateway.views", "meshward.gateway.feed"),
    *("meshward.gateway.health_views", "meshward.gateway.dashboard_views", "meshward.gateway.bridge_views"),
    *("meshward.rollout.spec", "meshward.rollout.states", "meshward.rollout.documents"),
)


def face(package: str, *also: str) -> Rule:
    return Rule(package, ours=(package, *SERVICE, *PUBLIC, *also))


RULES = (
    Rule(
        "meshnode",
        ours=("meshnode",),
        others=CORE,
        never=NODE_DRIVER,
        never_called=WORLDLY_CALLS,
        besides=NODE_DRIVER,
    ),
    *(Rule(name, ours=("meshnode",), others=CORE + BOARD) for name in NODE_DRIVER),
    pure("meshward.firmware"),
    pure("meshward.ota"),
    pure("meshward.rollout"),
    pure("meshward.status"),
    # Sibling drivers of the same cores; the simulator's clock is virtual, and its runs replay.
    Rule(
        "meshward.sim",
        never=(*DRIVERS, *FACES, *NODE_DRIVER, "asyncio", "socket", "ssl", "threading", "time"),
        never_called=WORLDLY_CALLS[-1:],
    ),
    *(Rule(name, never=("meshward.sim", "meshward.gateway", *FACES)) for name in (*MESH, "meshward.push")),
    Rule("meshward.gateway", never=("meshward.sim", "meshward.cli")),
    face("meshward.web"),
    face("meshward.bridges"),
    # The command line finds a daemon, starts one, or serves the API to itself.
    face(
        "meshward.cli",
        *("meshward.fleet", "meshward.demo", "meshward.gateway.daemon", "meshward.gateway.doctor"),
        *("meshward.gateway.endpoint", "meshward.gateway.logs", "meshward.gateway.offline"),
        *("meshward.gateway.unit", "meshward.bridges.mqtt.control.signing"),
    ),
    Rule("meshward", never=("meshward.cli",), besides=("meshward.cli", "meshward.__main__", "meshward.demo")),
)


def under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def is_module(name: str) -> bool:
    path = SOURCE.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def root_named(name: str) -> str:
    return "meshward.__init__" if name == "meshward" else name


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return root_named(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


def dotted(node: ast.expr) -> str:
    """`a.b.c` for such an expression, and "" in place of what is no plain name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def imported(node: ast.AST) -> Iterator[str]:
    """The modules that a statement imports, wherever it stands: also late and for type checking only."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: relative import"
        origin = node.module or ""
        full = [f"{origin}.{alias.name}" for alias in node.names]
        names = [name if is_module(name) else origin for name in full]
    else:
        return
    yield from map(root_named, names)


def refused(name: str, rule: Rule) -> bool:
    allowed = rule.ours if under(name, OURS) else rule.others
    if under(name, rule.never):
        return True
    return allowed is not None and not under(name, allowed)


def violations(module: str, source: str) -> list[str]:
    rules = [rule for rule in RULES if under(module, (rule.package,)) and not under(module, rule.besides)]
    found = []
    for node in ast.walk(ast.parse(source)):
        for rule in rules:
            found += [
                f"{module}:{node.lineno}: imports {name}" for name in imported(node) if refused(name, rule)
            ]
            if isinstance(node, ast.Call) and any(
                fnmatch(dotted(node.func), call) for call in rule.never_called
            ):
                found.append(f"{module}:{node.lineno}: calls {dotted(node.func)}")
    return found


def test_every_module_keeps_the_rule():
    paths = sorted(path for name in OURS for path in (SOURCE / name).rglob("*.py"))
    found = [line for path in paths for line in violations(module_name(path), path.read_text("utf-8"))]
    assert paths
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("meshnode.node", "import meshward"),
        ("meshnode.node", "from meshward.errors import MeshwardError"),
        ("meshnode.node", "import time"),
        ("meshnode.node", "def late():\n    from asyncio import sleep"),
        ("meshnode.node", "import msgspec"),
        ("meshnode.node", "import typing"),
        ("meshnode.node", "import collections.abc, meshnode.runner"),
        ("meshnode.node", "print('joined')"),
        ("meshnode.runner", "import subprocess"),
        ("meshnode.boards.esp32", "import meshward.ota"),
        ("meshward.firmware.image", "open('image.bin', 'rb')"),
        ("meshward.firmware.image", "from pathlib import Path"),
        ("meshward.ota.plan", "import random\nrandom.random()"),
        ("meshward.ota.plan", "from datetime import datetime\ndatetime.now()"),
        ("meshward.ota.plan", "from meshward import mesh"),
        ("meshward.ota.plan", "from meshward import Mesh"),
        ("meshward.status", "import socket"),
        ("meshward.status", "if TYPE_CHECKING:\n    import asyncio"),
        ("meshward.sim.world", "from meshward.gateway.daemon import run"),
        ("meshward.sim.world", "from meshward import Mesh"),
        ("meshward.sim.world", "import random\nrandom.shuffle(nodes)"),
        ("meshward.mesh", "from meshward.sim import World"),
        ("meshward.gateway.service", "import meshward.sim.world"),
        ("meshward.web.app", "from meshward.gateway.daemon import Daemon"),
        ("meshward.web.app", "import meshward.store"),
        ("meshward.bridges.mqtt", "from meshward.web import app"),
        ("meshward.cli.update", "from meshward.ota import plan"),
        ("meshward.cli.update", "import meshnode"),
        ("meshward.errors", "from meshward import cli"),
        ("meshward.__init__", "from meshward.sim import World"),
    ],
)
def test_the_check_refuses(module, source):
    assert violations(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("meshnode.node", "import json\nfrom meshnode.wire import decode"),
        ("meshnode.runner", "import asyncio, time\nfrom meshnode.node import MeshNode\nprint('joined')"),
        ("meshnode.boards.esp32", "import machine"),
        ("meshward.ota.plan", "import random\nfrom meshnode.wire import SINGLE\nrng = random.Random(1)"),
        ("meshward.sim.world", "from meshward.ota import plan\nfrom meshnode.node import MeshNode"),
        (
            "meshward.cli.look",
            "import asyncio\nfrom meshward import Mesh\nfrom meshward.gateway.service import Service",
        ),
        ("meshward.cli.fleet", "from meshward.fleet import Fleet\nimport meshward.demo"),
        ("meshward.__main__", "from meshward.cli.main import main"),
    ],
)
def test_the_check_lets_pass(module, source):
    assert not violations(module, source)


def test_the_check_refuses_relative_imports():
    with pytest.raises(AssertionError, match="relative import"):
        violations("meshnode.node", "from . import wire")
