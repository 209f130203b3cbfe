"""Reports of boards, whatever is in them."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from meshward.status import reports
from meshward.status.metrics import METRICS
from meshward.status.report_fields import REFUSED_MAX, read_number
from meshward.status.reports import read_report, read_samples
from tests.support.profiles import examples

KINDS = (200, 202, 203, 204, 600, 601, 602, 603, 604, 605, 610, 611, 612, 613, 614)
NUMBERS = {kind: {field.key: field for field in fields} for kind, fields in reports._NUMBERS.items()}
KEYS = sorted(
    {key for fields in NUMBERS.values() for key in fields}
    | {field.key for fields in reports._TEXTS.values() for field in fields}
    | {
        "uptime",
        "fwMD5",
        "internetConnected",
        "organization",
        "power_config",
        "nodes",
        "connections",
        "alerts",
    }
)
plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-130, 300)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["null", "", 0, 255, 65_535, 2**32, 1e308, 10**5000, "\x1b[2J", "\ud800"])
)
entries = st.dictionaries(
    st.sampled_from(
        ["nodeId", "status", "rssi", "to", "quality", "latency", "msg", "device_name", "battery_percent"]
    ),
    plain | st.integers(0, 20),
    max_size=9,
)
odd = plain | entries | st.lists(plain | entries, max_size=8)
packages = st.builds(
    lambda kind, sender, rest: {"type": kind, "from": sender, **rest},
    st.sampled_from(KINDS) | plain,
    st.integers(1, 20) | plain,
    st.dictionaries(st.sampled_from(KEYS), odd, max_size=20),
)


def assert_sane(sample):
    assert 0 < sample.node < 2**32
    assert sample.told_by != sample.node
    for name, value in sample.values.items():
        assert math.isfinite(value)
        assert METRICS[name].low <= value <= METRICS[name].high
    assert all(0 < len(text) <= 200 for text in sample.texts.values())
    assert all(text.isprintable() for text in (*sample.texts.values(), *sample.refused))
    assert len(sample.refused) <= REFUSED_MAX
    assert all(len(text) < 80 for text in sample.refused)
    assert sample.values or sample.texts or sample.refused
    assert sample.uptime_s == sample.values.get("uptime_s")


@given(packages)
@settings(max_examples=examples(500, long=100_000))
def test_nonsense_gives_nothing_or_something_sane(package):
    samples = read_samples(package)
    for sample in samples:
        assert_sane(sample)
    told = [(sample.node, sample.told_by) for sample in samples if sample.told_by is not None]
    assert len(told) == len(set(told))
    report = read_report(package)
    if report is not None:
        own = samples[0]
        assert report.node == own.node
        assert report.free_heap_bytes == own.values.get("heap_free_bytes")


@given(st.sampled_from(sorted(NUMBERS)), st.data())
def test_a_number_is_taken_is_unknown_or_is_refused(kind, data):
    if not NUMBERS[kind]:
        return
    field = data.draw(st.sampled_from(sorted(NUMBERS[kind].values(), key=lambda one: one.key)))
    value = data.draw(plain)
    samples = read_samples({"type": kind, "from": 7, field.key: value})
    number = read_number(value)
    if value is None or number in field.unknown or (number is not None and number > field.sane_max):
        assert samples == [] or samples[0].refused
        return
    (sample,) = samples
    if sample.refused:
        assert sample.values == {}
        assert sample.refused[0].startswith(field.key + " ")
    else:
        assert sample.values == {field.metric: number * field.scale}


@given(st.sampled_from((202, 604, 605)), st.integers(0, 2**32 - 1))
def test_relays_may_write_whole_numbers_as_floats(kind, uptime_s):
    assert read_samples({"type": kind, "from": 7, "uptime": uptime_s}) == read_samples(
        {"type": kind, "from": 7.0, "uptime": float(uptime_s)}
    )
