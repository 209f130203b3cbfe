import re
from pathlib import Path

from meshward.rollout import states
from meshward.rollout.diagram import meanings, mermaid, page, table
from meshward.rollout.states import FINAL, TRANSITIONS, Action, RolloutState

PAGE = Path(__file__).parents[2] / "docs" / "rollout-states.md"
SOURCE = Path(states.__file__).read_text("utf-8")
EDGE = re.compile(r"    (\S+) --> (\S+)(?: : (.+))?")


def edges():
    return [EDGE.fullmatch(line).groups() for line in mermaid().splitlines()[1:]]


def test_the_page_in_the_docs_is_what_the_code_says():
    assert PAGE.read_text("utf-8") == page(SOURCE), "docs/rollout-states.md is old: run scripts/draw-states"


def test_every_way_is_drawn_once():
    drawn = {
        (start, end, label)
        for start, end, labels in edges()
        for label in (labels or "").split(", ")
        if start != "[*]"
    }
    meant = {
        (state, target, move if isinstance(move, Action) else f"({move})")
        for state, moves in TRANSITIONS.items()
        for move, targets in moves.items()
        for target in targets
    }
    meant |= {(state, "[*]", "") for state in FINAL}
    assert drawn == meant
    ends = [(start, end) for start, end, _ in edges()]
    assert len(ends) == len(set(ends))


def test_every_state_can_be_reached():
    reached, new = set(), {"[*]"}
    while new:
        reached |= new
        new = {end for start, end, _ in edges() if start in new} - reached
    assert reached == {"[*]", *RolloutState}


def test_the_table_has_a_row_for_each_state_and_marks_what_can_be_done():
    words = meanings(SOURCE, "RolloutState")
    assert set(words) == {state.name for state in RolloutState}
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table(words).splitlines()]
    assert head[2:] == list(Action)
    assert [row[0] for row in rows] == [f"`{state}`" for state in RolloutState]
    for state, row in zip(RolloutState, rows, strict=True):
        assert row[1] == words[state.name]
        assert [bool(cell) for cell in row[2:]] == [action in TRANSITIONS[state] for action in Action]
