"""Alerts that come and go while receivers fail: what each receiver hears, and in which order."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.post import Post, alert
from tests.support.profiles import examples

RECEIVERS = ("one", "two")
#: (what happens, to which node, seconds that pass then)
steps = st.tuples(
    st.sampled_from(["comes or goes", "comes or goes", "worse", "one refuses", "nobody refuses"]),
    st.integers(1, 2),
    st.sampled_from([2, 10, 60, 400]),
)


def carry_out(post, what, number, count):
    firing = next((one for one in post.firing if one.node == number), None)
    if what == "one refuses":
        post.refusing = {"one"}
    elif what == "nobody refuses":
        post.refusing = set()
    elif what == "worse" and firing is not None:
        firing.severity = "critical"
    elif what == "comes or goes" and firing is not None:
        post.ends(firing)
    elif what == "comes or goes":
        new = alert(number)
        new.id = f"a{number}.{count}"
        post.fires(new)


@settings(max_examples=examples(150, long=5000))
@given(st.lists(steps, min_size=5, max_size=15))
def test_no_receiver_hears_of_an_end_before_the_beginning_or_of_a_beginning_after_the_end(script):
    post = Post(receivers=dict.fromkeys(RECEIVERS, "info"))
    for count, (what, number, seconds) in enumerate(script):
        carry_out(post, what, number, count)
        post.run(seconds)
    post.refusing = set()
    post.run(1000).ends(*post.firing).run(4000)
    assert not post.docs, "everything was told"
    for receiver in RECEIVERS:
        heard = {}
        for _, name, notification in post.sent:
            if name == receiver:
                for one in notification.alerts:
                    heard.setdefault(one.fingerprint, []).append(notification.status)
        for statuses in heard.values():
            assert statuses[0] == "firing"
            assert statuses[-1] == "resolved"
            assert ("resolved", "resolved") not in pairwise(statuses)
