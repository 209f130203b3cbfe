import pytest

from meshward.errors import InvalidError, SettingsError, UnknownItemError
from meshward.status.alerts.conditions import MESH_CONDITIONS, NODE_CONDITIONS
from meshward.status.alerts.rules import CUSTOM_MAX, DEFAULTS, RuleBook

OWN = """
# Ours.
[custom.cold_store]
metric = "ambient_temperature_c"
above = -15
clear = -18
for = "15m"
severity = "critical"
tags = ["freezer"]
"""


def test_every_default_is_complete_and_has_a_condition():
    for name, rule in DEFAULTS.items():
        assert rule.name == name
        assert rule.about.endswith(".")
        assert rule.origin == "default"
        known = {*NODE_CONDITIONS, *MESH_CONDITIONS, "topology", "update_failed", "too_many_alerts"}
        assert rule.kind in known


def test_a_file_changes_what_it_names_and_nothing_else():
    book = RuleBook('[weak_link]\nbelow = -88\nclear = -84\nfor = "10m"\n[hot]\nenabled = false\n' + OWN)
    weak = book.by_name["weak_link"]
    assert (weak.threshold, weak.clear, weak.for_s, weak.origin) == (-88, -84, 600, "file")
    assert weak.keep_firing_s == DEFAULTS["weak_link"].keep_firing_s
    assert not book.by_name["hot"].enabled
    own = book.by_name["cold_store"]
    assert (own.metric, own.direction, own.threshold, own.clear) == (
        "ambient_temperature_c",
        "above",
        -15,
        -18,
    )
    assert (own.severity, own.tags, own.for_s, own.custom, own.unit) == (
        "critical",
        ("freezer",),
        900,
        True,
        "°C",
    )
    assert book.by_name["battery"] is DEFAULTS["battery"]
    assert len(book.rules) == len(DEFAULTS) + 1


def test_durations_are_text_or_seconds():
    book = RuleBook('[silent_node]\nthreshold = "2m"\nupdating = 600\nkeep_firing = "1h30m"')
    rule = book.by_name["silent_node"]
    assert (rule.threshold, rule.params["updating"], rule.keep_firing_s) == (120, 600, 5400)


def test_clear_keeps_its_distance_where_only_the_threshold_is_changed():
    assert RuleBook("[weak_link]\nbelow = -75").by_name["weak_link"].clear == -70


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[weak_lnk]",
            "alerts.toml line 1, weak_lnk: the rule 'weak_lnk' is not known; did you mean 'weak_link'?",
        ),
        ('\n[weak_link]\nbelow = "x"', "alerts.toml line 3, weak_link.below: must be a number, not 'x'"),
        ("[weak_link]\nabove = -3", "weak_link.above: is no key of this rule: write below"),
        ('[weak_link]\nfor = "5x"', 'line 2, weak_link.for: must be a duration as "90s"'),
        ("[weak_link]\nfor = -1", "weak_link.for: must be from 0 to 30 days"),
        ("[weak_link]\nfor_s = 1", "did you mean 'for'?"),
        ("[weak_link]\nclear = -90", "clear (-90) must be above the threshold (-85)"),
        ("[low_heap]\nclear = 9000", "needs a threshold beside it"),
        ("[reboot_loop]\nwithn = 3", "'withn' is not known; did you mean 'within'?"),
        ("[reboot_loop]\nabove = 3", "write threshold"),
        ('[weak_link]\nmetric = "delay_ms"', "is always rssi_dbm; make a rule of your own"),
        ('[hot]\nseverity = "loud"', "must be info, warning or critical, not 'loud'"),
        ("[hot]\nenabled = 1", "must be true or false"),
        ("[hot]\nnodes = [0]", "must be a list of node ids"),
        ("[hot]\nabove = 200", "temperature_c is from -60 to 150 °C, never beyond 200"),
        ("[hot]\nabove = nan", "must be a number"),
        ("hot = 3", "write [hot] on a line"),
        (
            '[custom.hot]\nmetric = "cpu_percent"\nabove = 3',
            "custom.hot: 'hot' is a rule of ours: write [hot]",
        ),
        (
            '[custom.a]\nmetric = "cpu_percnt"\nabove = 3',
            "line 2, custom.a.metric: 'cpu_percnt' is not known; did you",
        ),
        ('[custom.a]\nmetric = "cpu_percent"', "above or below is missing"),
        ("[custom.a]\nabove = 3", "metric is missing"),
        ('[custom.a]\nmetric = "cpu_percent"\nabove = 3\nbelow = 2', "one threshold only"),
        ('[custom."A b"]\nmetric = "cpu_percent"\nabove = 3', "a rule's name has up to 40 of a-z"),
        ("custom = 1", "write [custom.NAME]"),
        ("[weak_link\n", "alerts.toml line 1: not valid TOML"),
    ],
)
def test_a_file_that_is_wrong_says_where_and_what_would_be_right(text, said):
    with pytest.raises(SettingsError) as raised:
        RuleBook(text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_patch_lies_over_the_file_and_adds_up():
    book = RuleBook("[weak_link]\nbelow = -88")
    assert book.patch("weak_link", {"threshold": -90}) == {"threshold": -90}
    stored = book.patch("weak_link", {"enabled": False})
    assert stored == {"threshold": -90, "enabled": False}
    rule = book.by_name["weak_link"]
    assert (rule.threshold, rule.enabled, rule.origin) == (-90, False, "api")
    again = RuleBook("[weak_link]\nbelow = -88", overrides={"weak_link": stored})
    assert again.by_name == book.by_name
    assert book.reset("weak_link").threshold == -88
    assert book.by_name["weak_link"].origin == "file"


def test_a_patch_can_make_a_rule_and_take_it_back():
    book = RuleBook()
    values = {"metric": "messages_dropped", "direction": "above", "threshold": 2, "for_s": 60}
    assert book.patch("drops", values) == values
    assert book.by_name["drops"].unit == "1/s"
    assert book.by_name["drops"].custom
    assert book.reset("drops") is None
    assert "drops" not in book.by_name


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("weak_lnk", {"enabled": False}, "did you mean 'weak_link'"),
        ("mine", {"metric": "cpu_percent", "threshold": 3}, "direction missing"),
        ("weak_link", {"threshold": float("inf")}, "rule weak_link, threshold: must be a number"),
        ("weak_link", {"direction": "above"}, "always below"),
        ("battery", {"nodes": [1] * 1001}, "give them a tag"),
    ],
)
def test_a_patch_that_is_wrong_changes_nothing(name, values, said):
    book = RuleBook()
    before = dict(book.by_name)
    with pytest.raises(InvalidError, match=said):
        book.patch(name, values)
    assert book.by_name == before
    assert not book.overrides


def test_what_was_stored_and_does_not_fit_any_more_is_left_out_and_said():
    book = RuleBook(overrides={"weak_link": {"threshold": "x"}, "hot": {"enabled": False}})
    assert book.by_name["weak_link"] is DEFAULTS["weak_link"]
    assert not book.by_name["hot"].enabled
    assert "weak_link" in book.problems[0]


def test_own_rules_have_a_limit():
    book = RuleBook()
    values = {"metric": "cpu_percent", "direction": "above", "threshold": 90}
    for number in range(CUSTOM_MAX):
        book.patch(f"mine_{number}", values)
    with pytest.raises(InvalidError, match="all there can be"):
        book.patch("one_more", values)
    book.patch("mine_0", {"enabled": False})


def test_resetting_what_is_not_there_is_an_error():
    with pytest.raises(UnknownItemError, match="did you mean 'battery'"):
        RuleBook().reset("batery")
