"""Printing tables and trees for people."""

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from meshward.cli.output import delay_text
from meshward.records import NodeRecord, TreeNode


def print_tree(top: TreeNode, own: int | None = None) -> None:
    """A tree of nodes, `own` marked as ours; a run of nodes without branches takes one line."""
    tree = Tree(_run_label(_run(top), own))
    open_nodes = [(tree, _run(top)[-1])]
    while open_nodes:
        branch, node = open_nodes.pop()
        for sub in node.subs:
            run = _run(sub)
            open_nodes.append((branch.add(_run_label(run)), run[-1]))
    Console(highlight=False).print(tree)


def print_nodes(records: Iterable[NodeRecord], delays_us: Mapping[int, int] | None) -> None:
    """A table of nodes; `delays_us` holds those that answered, or is None when none were asked."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("node", "parent", "depth", "children"):
        table.add_column(column, justify="right")
    if delays_us is not None:
        table.add_column("delay", justify="right", min_width=10)
    table.add_column("")
    for record in records:
        cells: list[int | str] = [
            record.node_id,
            record.parent or "",
            record.depth,
            len(record.children) or "",
        ]
        if delays_us is not None:
            cells.append("" if record.parent is None else delay_text(delays_us.get(record.node_id)))
        table.add_row(*map(str, cells), _marks(record))
    Console(highlight=False).print(table)


def _run(node: TreeNode) -> list[TreeNode]:
    run = [node]
    while len(run[-1].subs) == 1:
        run.append(run[-1].subs[0])
    return run


def _run_label(run: list[TreeNode], own: int | None = None) -> Text:
    label = Text()
    for node in run:
        if node is not run[0]:
            label.append(" → ", style="dim")
        label.append(str(node.node_id), style="bold" if node.root else "")
        if node.node_id == own:
            label.append(" (us)", style="dim")
        if node.root:
            label.append(" (root)", style="dim")
    return label


def _marks(record: NodeRecord) -> str:
    marks = []
    if record.parent is None:
        marks.append("us")
    if record.root:
        marks.append("root")
    if record.time_authority:
        marks.append("time authority")
    return ", ".join(marks)
