"""The states of a rollout as a drawing and a table, from the transition table that the engine runs on."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from itertools import pairwise

from meshward.rollout.states import FINAL, TRANSITIONS, Action, Happening, RolloutState, actions_in

BEGINNINGS = {
    RolloutState.AWAITING_APPROVAL: "created, to be approved",
    RolloutState.SCHEDULED: "created",
}
REGENERATE = "scripts/draw-states"


def mermaid() -> str:
    """A state diagram in Mermaid: actions of people as words, what happens by itself in parentheses."""
    lines = ["stateDiagram-v2"]
    lines += [f"    [*] --> {state} : {how}" for state, how in BEGINNINGS.items()]
    for state, moves in TRANSITIONS.items():
        labels: dict[RolloutState, list[str]] = {}
        for move, targets in moves.items():
            for target in targets:
                labels.setdefault(target, []).append(_label(move))
        lines += [f"    {state} --> {target} : {', '.join(words)}" for target, words in labels.items()]
    lines += [f"    {state} --> [*]" for state in RolloutState if state in FINAL]
    return "\n".join(lines) + "\n"


def table(meanings: Mapping[str, str]) -> str:
    """States and what people can do in each, in Markdown. `meanings` has a sentence by a state's name."""
    head = ["state", "what it means", *Action]
    rows = [
        [
            f"`{state}`",
            meanings.get(state.name, ""),
            *("●" if act in actions_in(state) else "" for act in Action),
        ]
        for state in RolloutState
    ]
    lines = [head, ["---", "---", *([":---:"] * len(Action))], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def meanings(source: str, enum: str) -> dict[str, str]:
    """The sentence below each member of an enum in Python source, by the member's name."""
    body = next(
        node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == enum
    )
    found = {}
    for member, text in pairwise(body):
        match member, text:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(sentence))):
                found[name] = sentence
    return found


def page(source: str) -> str:
    """The page of the documentation; `source` is that of the module `states`."""
    actions = meanings(source, "Action")
    explained = "".join(f"- `{act}`: {actions[act.name]}\n" for act in Action if act.name in actions)
    return f"""# The states of a rollout

Written by `{REGENERATE}` from `src/meshward/rollout/states.py`, which the gateway runs on: change that, not
this page.

In the drawing, a word is what somebody does, and (words in parentheses) are what happens by itself.

```mermaid
{mermaid()}```

## What can be done when

{table(meanings(source, "RolloutState"))}
{explained}"""


def _label(move: Action | Happening) -> str:
    return str(move) if isinstance(move, Action) else f"({move})"
