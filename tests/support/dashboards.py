"""What Grafana would ask for a dashboard: its queries with the choices put in."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A query of a dashboard, and where it stands."""

    where: str
    text: str
    instant: bool = False


def panels(dashboard):
    """All panels but the headings, also those that are folded away."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def asked(dashboard, choices):
    """Everything that is asked for panels and notes. `choices`: values of variables by name."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            text = target["expr"] if "expr" in target else target["query"]
            yield Question(panel["title"], _filled(text, choices), target.get("instant", False))
    for note in dashboard["annotations"]["list"][1:]:
        yield Question(f"note {note['name']}", _filled(note.get("expr") or note["target"]["query"], choices))


def variables(dashboard, choices):
    """What is asked for each choice, by name; and what of an answer is taken."""
    for variable in dashboard["templating"]["list"][1:]:
        yield variable["name"], _filled(variable["definition"], choices), variable["regex"]


def _filled(text, choices):
    for name in sorted(choices, key=len, reverse=True):
        text = text.replace(f"${name}", choices[name])
    left = re.findall(r"\$(?![\d/])\w+", text)
    assert not left, f"{text} asks for {left}, which nobody chooses"
    return text
