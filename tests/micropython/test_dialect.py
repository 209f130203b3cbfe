"""The node core stays in the dialect that MicroPython runs.

Compiling under the real interpreter finds most of what it lacks. What it would only meet when a line runs
(a missing method or builtin, an argument it does not take) a look at the syntax tree finds.
"""

import ast
import builtins
import functools
import json
from collections.abc import Iterator

import pytest

from tests.support import micropython

FILES = sorted((micropython.SOURCE / "meshnode").rglob("*.py"))
BUILTIN_TYPES = (
    *(
        "bytearray",
        "bytes",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "memoryview",
        "object",
        "set",
        "str",
    ),
    "tuple",
)
# Module variables that CPython sets as well.
MODULE_NAMES = {"__name__", "__file__"}
# Keyword arguments that MicroPython takes, of functions that take more on CPython. `*.` is a method of any object.
KEYWORDS = {
    "json.load": set(),
    "json.loads": set(),
    "json.dump": {"separators"},
    "json.dumps": {"separators"},
    "*.decode": set(),
    "*.encode": set(),
    "*.from_bytes": set(),
    "*.rsplit": set(),
    "*.split": set(),
    "bytearray": set(),
    "bytes": set(),
    "int": set(),
    "print": {"end", "file", "sep"},
    "round": set(),
    "str": set(),
    "sum": set(),
    "zip": set(),
}


def module_name(path) -> str:
    parts = path.relative_to(micropython.SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def missing() -> tuple[frozenset[str], frozenset[str]]:
    """Names that CPython's builtins and their methods have and MicroPython's have not; it is asked itself."""
    script = (
        "import builtins, json\n"
        f"names = [name for kind in ({', '.join(BUILTIN_TYPES)}) for name in dir(kind)]\n"
        "print(json.dumps([dir(builtins), names]))"
    )
    there_builtins, there_methods = (set(names) for names in json.loads(micropython.run("-c", script)))
    here_methods = {name for kind in BUILTIN_TYPES for name in dir(getattr(builtins, kind))}
    return (
        frozenset(set(dir(builtins)) - there_builtins - MODULE_NAMES),
        frozenset(name for name in here_methods - there_methods if not name.startswith("__")),
    )


def defined_names(trees: list[ast.Module]) -> set[str]:
    """Names that the code itself gives to a function, class, variable or attribute."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {
        node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    names |= {
        node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    names |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.arg for node in nodes if isinstance(node, ast.arg)}


def called_name(function: ast.expr) -> tuple[str, str]:
    """The name as it stands, and with any object in place of the one that the method is called on."""
    if isinstance(function, ast.Attribute):
        owner = function.value.id if isinstance(function.value, ast.Name) else ""
        return f"{owner}.{function.attr}", f"*.{function.attr}"
    return (function.id, "") if isinstance(function, ast.Name) else ("", "")


def annotation_parts(node: ast.AST) -> Iterator[ast.AST]:
    for name in ("annotation", "returns"):
        annotation = getattr(node, name, None)
        if annotation is not None:
            yield from ast.walk(annotation)


def outside_call(node: ast.Call, no_methods: set[str]) -> Iterator[str]:
    name, method = called_name(node.func)
    if method and method.removeprefix("*.") in no_methods:
        yield f"{node.lineno}: no method {name}"
    if name == "isinstance" and isinstance(node.args[-1], ast.BinOp):
        yield f"{node.lineno}: isinstance takes a tuple, not a union"
    known = KEYWORDS.get(name, KEYWORDS.get(method))
    if known is not None:
        yield from (
            f"{node.lineno}: {name} takes no {word.arg}=" for word in node.keywords if word.arg not in known
        )


def outside(tree: ast.Module, own_names: set[str]) -> Iterator[str]:
    """Everything in a module that compiles under MicroPython and fails when it runs."""
    no_builtins, no_methods = missing()
    annotations = {id(part) for node in ast.walk(tree) for part in annotation_parts(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in no_builtins - own_names and id(node) not in annotations:
            yield f"{node.lineno}: no builtin {node.id}"
        elif isinstance(node, ast.Call):
            yield from outside_call(node, no_methods - own_names)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_under_micropython(path):
    micropython.run("-c", f"import {module_name(path)}")


def test_no_module_uses_what_micropython_lacks():
    trees = {path: ast.parse(path.read_text("utf-8")) for path in FILES}
    own_names = defined_names(list(trees.values()))
    found = [
        f"{module_name(path)}:{line}" for path, tree in trees.items() for line in outside(tree, own_names)
    ]
    assert trees
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "y = x.bit_length()",
        "y = x().removeprefix('a')",
        "y = b''.decode('utf-8', errors='replace')",
        "y = json.loads(x, parse_constant=None)",
        "y = json.dumps(x, sort_keys=True)",
        "y = json.dumps(x, **options)",
        "y = int('10', base=2)",
        "y = isinstance(x, int | str)",
        "try:\n    pass\nexcept TimeoutError:\n    pass",
        "def f():\n    return ascii(1)",
    ],
)
def test_the_check_refuses(source):
    assert list(outside(ast.parse(source), set()))


@pytest.mark.parametrize(
    "source",
    [
        "f(*items, **options)",
        "def f(a: slice, *, b: bytes = b'') -> format: pass",
        "y = json.dumps(x, separators=(',', ':')).encode()",
        "y = isinstance(x, (int, str))",
        "try:\n    pass\nexcept OSError as error:\n    print(error, file=sys.stderr)",
        "if (n := len(items)) > 1:\n    text = f'{n:08x}'",
    ],
)
def test_the_check_lets_pass(source):
    assert not list(outside(ast.parse(source), set()))


def test_names_of_our_own_may_be_what_a_builtin_lacks_there():
    tree = ast.parse("class Meter:\n    def bit_length(self): pass\nMeter().bit_length()")
    assert not list(outside(tree, defined_names([tree])))


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import typing\nf()",
        "def f(a, /): pass",
        "def f():\n    return [*a, 1]",
        "def f():\n    return {**a}",
        "def f(x):\n    match x:\n        case 1: pass",
    ],
)
def test_the_interpreter_refuses(source):
    with pytest.raises(AssertionError, match=r"SyntaxError|no module named"):
        micropython.run("-c", source)
