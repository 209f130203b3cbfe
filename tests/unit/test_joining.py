import pytest

from meshnode.dialer import GAVE_UP, HUNG_UP
from meshnode.driver_events import DialFailed
from meshnode.link import ANSWER_TIMEOUT_US
from meshnode.node import MeshNode
from meshward.addresses import Address
from meshward.joining import JoinProgress

BOARD = Address("10.1.2.1")


def progress(*failures):
    progress = JoinProgress((BOARD,), None, 4242)
    for kind, reason in failures:
        progress.failed(DialFailed("10.1.2.1:5555", kind, reason, 1))
    return progress


def refusal(silent):
    """The reason a node gives for not wanting a neighbour."""
    node = MeshNode(4242)
    node.link_up("up", True, 0)
    if silent:
        node.handle_deadline(ANSWER_TIMEOUT_US)
    else:
        node.receive("up", b'{"type":6,"nodeId":4242,"from":4242,"dest":0}\0', 1)
    return node.events()[0].reason


def test_one_hang_up_is_enough_to_try_another_id_but_not_to_blame_the_users():
    once = progress((HUNG_UP, "hung up"))
    assert once.id_refused(given=False)
    assert not once.id_refused(given=True)
    assert progress((HUNG_UP, "hung up"), (HUNG_UP, "hung up")).id_refused(given=True)


def test_a_neighbour_with_our_id_says_the_same_as_one_that_hangs_up():
    assert progress((GAVE_UP, refusal(silent=False))).id_refused(given=False)


@pytest.mark.parametrize("failure", [("refused", "connection refused"), (GAVE_UP, refusal(silent=True))])
def test_other_failures_say_nothing_about_the_id(failure):
    assert not progress(failure, failure, failure).id_refused(given=False)


def test_each_address_is_named_once_with_what_became_of_it():
    both = progress(("refused", "connection refused"), ("refused", "connection refused"))
    both.failed(DialFailed("10.1.2.2:5555", "unknown_host", "unknown\x1b host", 1))
    assert str(both.timeout_error(3)) == (
        "the mesh was not joined within 3 s "
        "(10.1.2.1:5555: connection refused; 10.1.2.2:5555: unknown\N{REPLACEMENT CHARACTER} host); "
        "is the name spelled right?"
    )
