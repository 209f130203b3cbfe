"""A rule on trial fires and ends where the alert engine would have had it, whatever happened."""

from hypothesis import given, settings
from hypothesis import strategies as st

from meshward.gateway.rule_trial import Sight, episodes
from meshward.status.alerts.rules import RuleBook
from meshward.status.facts import Fact
from tests.support.alerts import TICK_S, Scene

METRIC = "temperature_c"
LIMIT, CLEAR = 80.0, 70.0
VALUES = {"well": 60.0, "between": 75.0, "bad": 90.0}
MINUTE_S = 60
CLOSE_S = MINUTE_S + 2 * TICK_S

#: What happens, for so many minutes. A value counts for 10 minutes, so none of these ends near there.
told = st.tuples(st.sampled_from(sorted(VALUES)), st.integers(1, 12))
silent = st.tuples(st.just("silent"), st.sampled_from([3, 25, 100]))
away = st.tuples(st.just("away"), st.sampled_from([2, 25, 100]))
unwatched = st.tuples(st.just("off"), st.sampled_from([5, 200]))
stories = st.lists(st.one_of(told, told, told, silent, away, unwatched), min_size=1, max_size=25)
# Of no whole minutes, as the runs of values are: none ends just as an alert fires or is over.
rules = st.fixed_dictionaries(
    {
        "for_s": st.sampled_from([0, 90, 330]),
        "keep_firing_s": st.sampled_from([0, 90, 330]),
        "clear": st.sampled_from([CLEAR, LIMIT]),
    }
)


def book(rule):
    made = RuleBook()
    made.patch("hot_board", {"metric": METRIC, "direction": "above", "threshold": LIMIT, **rule})
    return made


def by_engine(story, rule):
    """What the engine makes of it, looking every five seconds: (fired, resolved) in its order."""
    scene = Scene({1: None})
    scene.engine.rules = book(rule)
    start_s = scene.wall_s
    node, told_s, value = scene.nodes[1], None, None
    docs = {}

    def look():
        if told_s is not None:
            node.metrics = {METRIC: Fact(value, scene.wall_s - told_s, "604")}
        scene.look(deliver=False)
        docs.update(
            {key: doc for key, doc in scene.stored.items() if getattr(doc, "rule", "") == "hot_board"}
        )

    for what, minutes in story:
        if what == "off":
            scene.restart(downtime_s=minutes * MINUTE_S)
            scene.engine.rules = book(rule)
            continue
        if what == "away":
            scene.leave(1)
        for _ in range(minutes):
            if what in VALUES:
                told_s, value = scene.wall_s, VALUES[what]
            for _ in range(MINUTE_S // TICK_S):
                look()
                scene.pass_(TICK_S)
        if what == "away":
            scene.back(1)
    look()
    fired = [(doc.fired_s, doc.resolved_s) for doc in docs.values() if doc.fired_s is not None]
    return [(begin - start_s, None if end is None else end - start_s) for begin, end in sorted(fired)]


def on_trial(story, rule):
    steps, absent, at_s = [], [], 0
    for what, minutes in story:
        if what in VALUES:
            steps += [(at_s + MINUTE_S * minute, MINUTE_S, VALUES[what], 1) for minute in range(minutes)]
        elif what != "silent":
            sight = Sight.AWAY if what == "away" else Sight.NONE
            absent.append((at_s, at_s + MINUTE_S * minutes, sight))
        at_s += MINUTE_S * minutes
    found = episodes(book(rule).by_name["hot_board"], steps, absent, at_s + TICK_S)
    return [(one.from_s, one.until_s) for one in found]


def close(one, other):
    return one is other is None or (None not in {one, other} and abs(one - other) <= CLOSE_S)


@given(stories, rules)
@settings(max_examples=60, deadline=None)
def test_the_same_episodes_as_the_engine_within_a_step(story, rule):
    wanted, found = by_engine(story, rule), on_trial(story, rule)
    assert len(found) == len(wanted), (wanted, found)
    for one, other in zip(wanted, found, strict=True):
        assert close(one[0], other[0]), (wanted, found)
        assert close(one[1], other[1]), (wanted, found)
