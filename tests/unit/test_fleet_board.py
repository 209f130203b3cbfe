"""A virtual board: the pace of its main loop, and its power switch, in virtual time."""

import json

import pytest

from meshnode.events import PackageReceived
from meshnode.node import MeshNode
from meshward.fleet.board import Board
from meshward.sim.drive import LoopModel

PERIOD_US = 10_000
LOOP = LoopModel(period_us=PERIOD_US, write_bytes=511)
PEER = 9


def frame(**package):
    return json.dumps(package).encode() + b"\0"


def hello(kind=6):
    return frame(type=kind, dest=1, nodeId=PEER, **{"from": PEER})


def drain(board, link="up"):
    """What the board lets go of now."""
    return board.data_to_send(link, 1 << 16) if link in board.pending() else b""


def passes(board, count):
    """Make so many passes; what each let go of."""
    pieces = []
    for _ in range(count):
        board.handle_deadline(board.next_deadline_us())
        pieces.append(drain(board))
    return pieces


@pytest.fixture
def board():
    """A board with one neighbour, idle."""
    board = Board(MeshNode(1), LOOP, phase_us=3_000)
    board.link_up("up", True, 0)
    board.receive("up", hello(), 1_000)
    while board.next_deadline_us() < 1_000_000:
        board.handle_deadline(board.next_deadline_us())
        drain(board)
    board.events()
    return board


def test_without_a_loop_bytes_move_at_once():
    board = Board(MeshNode(1))
    board.link_up("up", True, 0)
    assert b'"nodeId":1' in drain(board)
    board.receive("up", hello(), 5)
    assert board.links() == [("up", PEER)]


def test_passes_are_in_step_with_the_boards_own_loop(board):
    board.send({"type": 9, "dest": PEER, "msg": "x"}, 1_234_567)
    assert board.pending() == []
    assert board.next_deadline_us() == 1_243_000
    board.handle_deadline(1_242_999)
    assert board.pending() == []
    board.handle_deadline(1_243_777)  # the timer is a little late
    assert board.pending() == ["up"]
    board.send({"type": 9, "dest": PEER, "msg": "x"}, 1_243_900)
    assert board.next_deadline_us() == 1_253_000


def test_an_idle_board_makes_no_passes(board):
    assert board.next_deadline_us() > 1_000_000


def test_a_large_frame_takes_several_passes_and_no_piece_goes_beyond_a_frame(board):
    board.send({"type": 9, "dest": PEER, "msg": "x" * 1_500}, 1_000_000)
    board.send({"type": 9, "dest": PEER, "msg": "y"}, 1_000_000)
    *pieces, second = passes(board, 5)
    assert [len(piece) for piece in pieces] == [511, 511, 511, len(b"".join(pieces)) - 3 * 511]
    assert json.loads(b"".join(pieces)[:-1])["msg"] == "x" * 1_500
    assert json.loads(second[:-1])["msg"] == "y"


def test_what_the_network_does_not_take_is_not_lost(board):
    board.send({"type": 9, "dest": PEER, "msg": "x" * 600}, 1_000_000)
    board.handle_deadline(board.next_deadline_us())
    taken = board.data_to_send("up", 100)
    assert len(taken) == 100
    board.handle_deadline(board.next_deadline_us())
    taken += drain(board)
    assert len(taken) == 511
    taken += b"".join(passes(board, 1))
    assert json.loads(taken[:-1])["msg"] == "x" * 600


def test_one_frame_of_a_link_is_read_in_a_pass(board):
    board.receive(
        "up", b"".join(frame(type=9, dest=1, msg=str(n), **{"from": PEER}) for n in range(3)), 1_000_000
    )
    read = []
    for _ in range(3):
        assert board.events() == []
        board.handle_deadline(board.next_deadline_us())
        read += [event.package["msg"] for event in board.events() if isinstance(event, PackageReceived)]
        assert len(read) == len(set(read)) == int(read[-1]) + 1
    assert read == ["0", "1", "2"]


def test_a_board_that_cannot_keep_up_is_read_no_further(board):
    assert not board.paused("up")
    board.receive("up", frame(type=9, dest=1, msg="x" * 5_000, **{"from": PEER}) * 2, 1_000_000)
    assert board.paused("up")
    board.handle_deadline(board.next_deadline_us())
    assert not board.paused("up")


def test_what_arrived_before_the_end_still_counts(board):
    board.receive("up", frame(type=9, dest=1, msg="last words", **{"from": PEER}), 1_000_000)
    board.link_down("up", 1_000_001)
    assert board.links() == [("up", PEER)]
    board.handle_deadline(board.next_deadline_us())
    assert "last words" in repr(board.events())
    assert board.links() == []


@pytest.mark.parametrize("loop", [None, LOOP])
def test_without_power_a_board_says_and_hears_nothing(loop):
    board = Board(MeshNode(1), loop)
    board.link_up("up", True, 0)
    board.cut_power()
    board.link_up("late", False, 1)
    board.receive("up", hello(), 2)
    board.handle_deadline(100_000_000)
    assert (board.pending(), drain(board), board.events(), board.next_deadline_us()) == ([], b"", [], None)
    assert board.paused("up")
    board.link_down("up", 3)
