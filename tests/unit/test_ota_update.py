"""The life of an update: nodes that come and go, what a journal keeps, and stopping."""

from random import Random

from meshnode.limits import Limits
from meshnode.tree import parse
from meshward.ota.commands import Fence, Send
from meshward.ota.frames import Offer
from meshward.ota.parts import Parts
from meshward.ota.record import NodeRecord
from meshward.ota.shape import Shape
from meshward.ota.states import NodeState
from meshward.ota.unicast import Unicast
from meshward.ota.update import Options, Update

OFFER = Offer("ab" * 16, "ESP32", "sensor")
SECOND_US = 1_000_000


def tree(*subs):
    def node(entry):
        if isinstance(entry, int):
            return {"nodeId": entry}
        return {"nodeId": entry[0], "subs": [node(sub) for sub in entry[1:]]}

    return parse(node((1, *subs)), Limits())


def update(**options):
    return Update(OFFER, Parts(bytes(5000), 1024), Options(**options), Random(1))


def needs(one, node_id, now_us, part=0):
    """A node asks for a part."""
    one.on_package(
        {"type": 11, "from": node_id, "md5": OFFER.md5, "partNo": part, "broadcasted": False}, now_us
    )


def silent_to_the_end(one, now_us=0):
    """Nobody ever answers anything."""
    while not one.done:
        one.commands(10**6, now_us)
        due = one.next_deadline_us()
        if due is None:
            break
        now_us = max(due, now_us)
        one.handle_deadline(now_us)
    return now_us


def test_nodes_left_out_are_never_asked():
    one = update(only=frozenset({1001, 1002}), exclude=frozenset({1002}))
    one.on_tree(tree((1001, 1002, 1003)), 0)
    dests = {
        command.node_id if isinstance(command, Fence) else command.package["dest"]
        for command in one.commands(10**6, 0)
    }
    assert dests == {1001}
    assert {one.records[n].state.value for n in (1002, 1003)} == {"not_targeted"}


def test_a_node_that_answers_nothing_is_unreachable_in_bounded_time():
    one = update()
    one.on_tree(tree(1001), 0)
    assert silent_to_the_end(one) < 30 * SECOND_US
    assert one.records[1001].state == "unreachable"


def test_one_away_too_long_is_given_up_and_welcome_again():
    one = update()
    one.on_tree(tree(1001, 1002), 0)
    one.on_tree(tree(1002), 1)
    one.handle_deadline(one.options.return_timeout_us + 1)
    assert one.records[1001].state == "unreachable"
    assert "did not come back" in one.records[1001].reason
    one.on_tree(tree(1001, 1002), 100 * SECOND_US)
    assert one.records[1001].state == "pending"
    assert one.records[1001].check_due_us is not None


def test_one_that_answered_nothing_leaves_and_returns_is_asked_again():
    one = update()
    one.on_tree(tree(1001, 1002), 0)
    one.records[1001].end(NodeState.UNREACHABLE, 5, "is in the tree but answers nothing")
    one.on_tree(tree(1002), 10)
    one.on_tree(tree(1001, 1002), 20)
    assert not one.records[1001].is_final


def test_a_request_for_a_part_moves_the_node_on():
    one = update(strategy="sequential")
    one.on_tree(tree(1001), 0)
    one.commands(10**6, 0)
    needs(one, 1001, 1000)
    sent = [c.package for c in one.commands(10**6, 1000) if isinstance(c, Send)]
    assert [package["type"] for package in sent[:3]] == [12, 10, 12]  # the reset, the offer, a part
    assert one.transfers.started_us == 1000


def started(**options):
    one = update(strategy="sequential", **options)
    one.on_tree(tree(1001), 0)
    one.commands(10**6, 0)
    needs(one, 1001, 1000)
    one.commands(10**6, 1000)
    needs(one, 1001, 2000, part=2)
    return one


def test_stopping_leaves_the_node_where_it_is_or_puts_it_back():
    assert started().cancel(3000, reset=False) == []
    one = started()
    (command,) = one.cancel(3000, reset=True)
    assert (command.package["partNo"], command.package["noPart"]) == (2, 3)
    assert one.done
    assert one.records[1001].reason == "stopped at part 2 of 5"


def test_a_journal_keeps_what_is_needed_to_go_on():
    snapshot = started().records[1001].snapshot()
    record = NodeRecord.restored(snapshot | {"small_from": 1})
    assert (record.position, record.trusted, record.attempts, record.small_from) == (2, True, 1, 1)
    assert record.state == "pending"


def test_a_finished_node_stays_finished():
    record = NodeRecord(5)
    record.end(NodeState.COMPLETED, 1)
    assert NodeRecord.restored(record.snapshot()).is_final


def test_where_to_cut_anew_is_known_only_after_asking():
    """Parts that the node took although its answers were lost must not be cut anew."""
    one = Update(OFFER, Parts(bytes(50_000), 3072), Options(strategy="sequential"), Random(1))
    one.on_tree(tree(1001), 0)
    one.commands(10**6, 0)
    needs(one, 1001, 1000)
    now_us = 1000
    record = one.records[1001]
    one.commands(10**6, now_us)
    while isinstance(record.unicast, Unicast):
        now_us = one.next_deadline_us()
        one.handle_deadline(now_us)
        one.commands(10**6, now_us)
    assert record.small_from is None
    now_us = record.check_due_us
    one.commands(10**6, now_us)
    needs(one, 1001, now_us, part=2)
    one.commands(10**6, now_us)
    assert (record.small_from, record.unicast.acked) == (2, 2)
    assert record.unicast.parts.starts[:4] == (0, 3072, 6144, 7168)


def test_sentinels_are_the_slowest_and_deepest_of_each_branch():
    shape = Shape(tree((10, (11, 12), (13, (14, 15)), 16)))
    assert shape.sentinels([11, 12, 13, 14, 15, 16], {})[:3] == [15, 12, 16]
    assert shape.sentinels([11, 12, 13, 14, 15, 16], {16: 500, 14: 90})[:3] == [16, 14, 12]


def test_the_next_one_is_apart_from_those_being_served():
    shape = Shape(tree((10, (11, 12), (13, (14, 15)))))
    assert shape.next_one([10, 11, 12, 13], [15], apart=True) == 12
    assert shape.next_one([10, 13, 14], [15], apart=True) is None
    assert shape.related(13, [15])
    assert not shape.related(12, [15])
