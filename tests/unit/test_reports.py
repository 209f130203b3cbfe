import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshward.status.reports import Report, read_report


@pytest.mark.parametrize(
    ("package", "report"),
    [
        (
            {"type": 202, "from": 7, "routing": 2, "status": 1, "uptime": 90, "mem": 120, "fw": "1.4.0"},
            Report(7, free_heap_bytes=122_880, uptime_s=90, version="1.4.0"),
        ),
        ({"type": 604, "from": 7, "uptime": 0, "mem": 41.0}, Report(7, free_heap_bytes=41_984, uptime_s=0)),
        ({"type": 204, "from": 7, "heap": 31_000, "uptime": 5}, Report(7, free_heap_bytes=31_000)),
        ({"type": 202, "from": 7, "mem": 0, "uptime": 3}, Report(7, uptime_s=3)),
        ({"type": 202, "from": 7, "fw": " v\x1b1\n"}, Report(7, version="v\N{REPLACEMENT CHARACTER}1")),
        ({"type": 202, "from": 7, "uptime": "9", "mem": -1, "fw": "x"}, Report(7, version="x")),
        ({"type": 202, "from": 7, "uptime": True, "mem": 65_535}, Report(7, free_heap_bytes=67_107_840)),
        ({"type": 202, "from": 7, "mem": 65_536, "uptime": 2**32}, None),
        ({"type": 202, "from": 7, "fw": "null", "mem": 1.5}, None),
        ({"type": 202, "from": 7, "fw": "  "}, None),
        ({"type": 202, "from": 0, "mem": 4}, None),
        ({"type": 202, "from": "7", "mem": 4}, None),
        ({"type": 202, "from": 2**32, "mem": 4}, None),
        ({"type": 202, "mem": 4}, None),
        ({"type": 203, "from": 7, "mem": 4}, None),
        ({"type": 204, "from": 7, "mem": 4}, None),
        ({}, None),
    ],
)
def test_a_report_is_what_makes_sense_of_it(package, report):
    assert read_report(package) == report


def test_versions_are_cut():
    report = read_report({"type": 604, "from": 1, "fw": "9" * 500})
    assert len(report.version) == 64


ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from((202, 204, 604)) | ODD, "from": st.integers(0, 2**33) | ODD},
        optional=dict.fromkeys(("mem", "heap", "uptime", "fw"), ODD),
    )
)
def test_nonsense_gives_nothing_or_something_sane(package):
    report = read_report(package)
    if report is not None:
        assert 0 < report.node < 2**32
        assert report.free_heap_bytes is None or 0 <= report.free_heap_bytes < 2**32
        assert report.uptime_s is None or 0 <= report.uptime_s < 2**32
        assert report.version is None or 0 < len(report.version) <= 64
