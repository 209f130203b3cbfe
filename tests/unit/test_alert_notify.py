import copy
from random import Random

import pytest

from meshward.status.alerts.documents import Notification
from meshward.status.alerts.outbox import GIVE_UP_S, RETRY_MAX_S, WAITING_MAX, Outbox
from tests.support.alerts import Scene
from tests.support.post import Post, alert

LOW, FINE = {"heap_free_bytes": 3000}, {"heap_free_bytes": 28_000}


def test_alerts_of_one_rule_that_come_together_are_told_together():
    post = Post().fires(alert(1)).run(3).fires(alert(2), alert(3, rule="hot")).run(60)
    assert post.texts() == [("firing", "new", [1, 2]), ("firing", "new", [3])]
    assert post.sent[0][0] == pytest.approx(106, abs=1)


def test_what_is_over_within_the_wait_is_never_told():
    one = alert(1)
    assert not Post().fires(one).run(3).ends(one).run(1000).sent


def test_new_ones_do_not_wait_for_the_interval_until_there_are_too_many():
    post = Post()
    for number in range(1, 11):
        post.fires(alert(number)).run(10)
    post.run(600)
    assert [len(n.alerts) for _, _, n in post.sent] == [1, 1, 1, 7]
    assert post.sent[3][0] - post.sent[2][0] >= 299


def test_what_is_over_is_told_once_and_not_before_the_interval():
    one, two = alert(1), alert(2)
    post = Post().fires(one, two).run(60).ends(one).run(60).ends(two).run(1000)
    assert post.texts() == [("firing", "new", [1, 2]), ("resolved", "resolved", [1, 2])]
    assert post.sent[1][0] - post.sent[0][0] >= 299


def test_what_comes_back_before_its_end_was_told_is_no_news():
    one = alert(1)
    post = Post().fires(one).run(60).ends(one).run(30)
    again = alert(1)
    again.id = "b1"
    post.fires(again).run(1000)
    assert post.texts() == [("firing", "new", [1])]
    post.ends(again).run(600)
    assert post.texts()[-1] == ("resolved", "resolved", [1])
    assert not post.docs


def test_repeats_come_every_four_hours_and_all_of_a_group_together():
    post = Post().fires(alert(1)).run(3600).fires(alert(2)).run(8 * 3600)
    reasons = post.texts()
    assert reasons[:2] == [("firing", "new", [1]), ("firing", "new", [2])]
    assert reasons[2:] == [("firing", "repeat", [1, 2])] * 2
    assert post.sent[2][0] == pytest.approx(106 + 4 * 3600, abs=2)


@pytest.mark.parametrize("field", ["acked_by", "silenced_by", "inhibited_by"])
def test_what_is_kept_quiet_is_not_repeated_but_its_end_is_told(field):
    one = alert(1)
    post = Post().fires(one).run(60)
    setattr(one, field, "x")
    post.run(5 * 3600)
    assert len(post.sent) == 1
    post.ends(one).run(600)
    assert [status for status, _, _ in post.texts()] == ["firing", "resolved"]


def test_a_severity_that_rises_is_told_at_once_and_one_that_falls_is_not():
    one = alert(1)
    post = Post().fires(one).run(60)
    one.severity = "critical"
    post.run(10)
    assert [n.group for _, _, n in post.sent] == ["low_heap/warning", "low_heap/critical"]


def test_receivers_hear_what_is_severe_enough_for_them():
    post = Post(receivers={"all": "info", "pager": "critical"})
    post.fires(alert(1, severity="info"), alert(2, severity="critical")).run(60)
    assert sorted((name, n.alerts[0].node) for _, name, n in post.sent) == [
        ("all", 1),
        ("all", 2),
        ("pager", 2),
    ]


def test_without_a_receiver_nothing_is_made_and_a_later_one_is_told():
    post = Post()
    post.notifier.settings.receivers = {}
    post.fires(alert(1)).run(600)
    assert not post.docs
    post.notifier.settings.receivers = {"hook": "info"}
    assert post.run(60).texts() == [("firing", "new", [1])]


def test_a_receiver_that_fails_is_tried_ever_more_seldom_and_does_not_hold_up_others():
    post = Post(receivers={"good": "info", "bad": "info"})
    post.refusing = {"bad"}
    post.fires(alert(1)).run(3600)
    assert [name for _, name, _ in post.sent] == ["good"]
    (doc,) = post.docs.values()
    assert 8 <= doc.pending["bad"] <= 14
    assert doc.last_error == "no\N{REPLACEMENT CHARACTER}"
    post.refusing = set()
    post.run(RETRY_MAX_S + 5)
    assert [name for _, name, _ in post.sent] == ["good", "bad"]
    assert not post.docs


def test_the_end_never_comes_before_the_beginning():
    one = alert(1)
    post = Post(receivers={"good": "info", "bad": "info"})
    post.refusing = {"bad"}
    post.fires(one).run(600).ends(one).run(600)
    post.refusing = set()
    post.run(2 * RETRY_MAX_S)
    for name in ("good", "bad"):
        assert [n.status for _, who, n in post.sent if who == name] == ["firing", "resolved"]


def test_an_end_that_waits_for_its_time_holds_back_nothing_that_is_new():
    one = alert(1)
    post = Post().fires(one).run(60).ends(one).run(20).fires(alert(2)).run(600)
    assert post.texts() == [("firing", "new", [1]), ("firing", "new", [2]), ("resolved", "resolved", [1])]
    assert post.sent[1][0] == pytest.approx(180 + 6, abs=1)


def test_an_end_that_waits_is_not_counted_as_told():
    one = alert(1)
    post = Post().fires(one).run(30).ends(one).run(10).fires(alert(2)).run(30).fires(alert(3)).run(20)
    assert [n.alerts[0].node for _, _, n in post.sent] == [1, 2, 3]
    began_s = post.now_s
    post.fires(alert(4)).run(600)
    assert post.sent[-2][2].status == "resolved"
    assert post.sent[-1][0] == pytest.approx(post.sent[2][0] + 300, abs=2)
    assert post.sent[-1][0] < began_s + 301


def test_an_end_does_not_overtake_a_beginning_that_was_made_after_others_ended():
    one, two = alert(1), alert(2)
    post = Post(receivers={"good": "info", "bad": "info"}).fires(one).run(60).ends(one).run(20)
    post.refusing = {"bad"}
    post.fires(two).run(120).ends(two).run(400)
    post.refusing = set()
    post.run(2 * RETRY_MAX_S)
    for name in ("good", "bad"):
        told = [n.status for _, who, n in post.sent if who == name for told in n.alerts if told.node == 2]
        assert told == ["firing", "resolved"], name


def test_an_end_does_not_overtake_a_beginning_of_lower_severity():
    one = alert(1)
    post = Post()
    post.refusing = {"hook"}
    post.fires(one).run(3600)
    one.severity = "critical"
    post.run(10).ends(one)
    post.refusing = set()
    post.run(2 * RETRY_MAX_S)
    assert [n.group for _, _, n in post.sent] == ["low_heap/warning", *["low_heap/critical"] * 2]
    assert [n.status for _, _, n in post.sent] == ["firing", "firing", "resolved"]


def test_what_nobody_takes_is_given_up_after_a_day_with_a_note():
    post = Post()
    post.refusing = {"hook"}
    post.fires(alert(1)).run(60)
    post.firing.clear()
    post.now_s += GIVE_UP_S
    post.run(5)
    assert not post.docs
    (note,) = post.notifier.outbox.take_notes()
    assert "given up after a day" in note
    assert "hook" in note


def test_what_is_under_delivery_is_not_given_out_twice_unless_it_is_forgotten():
    post = Post()
    post.fires(alert(1))
    for second in range(600):
        now_us = int((100 + second) * 1e6)
        post.notifier.look(post.firing, now_us, 100 + second)
        post.sent += post.notifier.due(now_us)
    assert len(post.sent) == 2


def test_a_stored_notification_is_delivered_after_a_restart_whatever_the_clock_says():
    post = Post()
    post.refusing = {"hook"}
    post.fires(alert(1)).run(60)
    for jump_s in (-1e8, 0, 1e8):
        again = Post()
        again.notifier.restore([], copy.deepcopy(list(post.docs.values())), again.now_us, post.now_s + jump_s)
        again.run(RETRY_MAX_S + 5)
        assert [n.id for _, _, n in again.sent] == list(post.docs)
        assert not again.notifier.due(again.now_us)


def notification(number, reason, *, group=None):
    status = "resolved" if reason == "resolved" else "firing"
    return Notification(
        id=f"n{number}", group=group or f"g{number}/info", status=status, alerts=[alert(number)],
        created_s=0.0, reason=reason, pending={"hook": 0},
    )  # fmt: skip


def test_the_outbox_is_bounded_and_drops_repeats_first_and_never_what_is_new():
    gone = []
    box = Outbox(Random(1), lambda doc: None, gone.append)
    for number in range(WAITING_MAX):
        box.add(notification(number, ["new", "repeat", "resolved"][number % 3]), 0, 0)
    assert not gone
    for number in range(5000, 5500):
        box.add(notification(number, "new", group=f"g{number % 7}/info"), 0, 0)
    assert len(box) == WAITING_MAX
    assert all(int(name[1:]) % 3 for name in gone if int(name[1:]) < 5000)
    assert gone[:3] == ["n1", "n4", "n7"]
    for number in range(6000, 9000):
        box.add(notification(number, "new", group=f"g{number % 7}/info"), 0, 0)
    assert len(box) <= WAITING_MAX + 7
    told = {one.node for doc in box.due(10) for one in doc.alerts}
    assert {0, 3, 999} <= told


def test_more_alerts_than_fit_are_counted():
    post = Post().fires(*(alert(number) for number in range(1, 251))).run(20)
    (_, _, doc) = post.sent[0]
    assert (len(doc.alerts), doc.left_out) == (100, 150)
    assert len(post.sent) == 1


def test_the_daemon_killed_at_any_moment_tells_everything_once_or_twice_but_never_not():
    for seconds in range(100, 560, 20):
        scene = Scene().set(3, **LOW).run(seconds).restart(5).run(300).set(3, **FINE).run(900)
        assert [n.status for n in scene.notices()] == ["firing", "resolved"], seconds
