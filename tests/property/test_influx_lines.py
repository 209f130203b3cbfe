"""Whatever a mesh is called and says, the lines say the same."""

import math
import string

from hypothesis import given
from hypothesis import strategies as st

from meshward.bridges.influx.bridge import batches, halves
from meshward.bridges.influx.lines import TAG_CHARACTERS, TEXT_CHARACTERS, line
from meshward.bridges.influx.points import Points
from meshward.bridges.influx.refusals import refusal
from meshward.bridges.picture import Picture
from meshward.gateway.health_views import ReadingView
from meshward.text import printable
from tests.support.health_values import NOW_S, mesh_status, node_status
from tests.support.line_parser import parse

KEYS = st.text(string.ascii_lowercase + "_", min_size=1, max_size=12)
HOSTILE = st.text(st.sampled_from(' ,=\\"\n\r\t#éß漢\x00\x1b\u202e\ud800ab'), max_size=20)
TEXTS = HOSTILE | st.text(max_size=300)


@given(
    tags=st.dictionaries(KEYS, TEXTS, max_size=5),
    fields=st.dictionaries(KEYS, TEXTS | st.floats() | st.integers(-(2**63), 2**63), min_size=1, max_size=6),
    at_ns=st.integers(0, 2**63 - 1),
)
def test_a_line_parses_back_to_what_was_given(tags, fields, at_ns):
    kept = {name: value for name, value in fields.items() if isinstance(value, str) or math.isfinite(value)}

    made = line("painlessmesh_node", tags, fields, at_ns)

    if not kept:
        assert made == ""
        return
    assert parse(made) == (
        "painlessmesh_node",
        {name: printable(value, TAG_CHARACTERS).replace("\\", "/") for name, value in tags.items() if value},
        {
            name: printable(value, TEXT_CHARACTERS) if isinstance(value, str) else float(value)
            for name, value in kept.items()
        },
        at_ns,
    )


@given(mesh=HOSTILE.filter(bool), name=TEXTS, role=HOSTILE, hardware=HOSTILE, version=TEXTS)
def test_a_mesh_with_any_names_is_written_whole(mesh, name, role, hardware, version):
    node = node_status(1001, name=name, role=role, hardware=hardware, version=version)

    made = Points(mesh, 60.0).lines(mesh_status(node), Picture(), [], NOW_S)

    parsed = [parse(one) for one in made]
    assert [measurement for measurement, *_ in parsed].count("painlessmesh_mesh") == 1
    shown = {key: value for _, _, fields, _ in parsed[1:] for key, value in fields.items()}
    assert shown["heap_free_bytes"] == 41_216.0
    assert shown.get("name", "") == printable(name, TEXT_CHARACTERS)
    assert all(tags["node"] == "1001" for _, tags, _, _ in parsed[1:])


@given(ages_s=st.lists(st.floats(0, 2000), min_size=1, max_size=20), steps=st.integers(1, 5))
def test_every_measurement_is_written_once(ages_s, steps):
    points = Points("m", 60.0)
    told = []
    for step in range(steps):
        metrics = {
            f"m{number}": ReadingView(value=1.0, age_s=age_s + 60 * step, source="telemetry")
            for number, age_s in enumerate(ages_s)
        }
        made = points.lines(mesh_status(node_status(1, metrics=metrics)), Picture(), [], NOW_S + 60 * step)
        told += [name for one in made[2:] for name in parse(one)[2]]

    fresh = [f"m{number}" for number, age_s in enumerate(ages_s) if age_s <= 600]
    assert sorted(told) == sorted(fresh)


@given(st.lists(st.integers(1, 300_000), max_size=40))
def test_batches_keep_all_lines_in_order_and_within_their_size(sizes):
    lines = ["x" * size for size in sizes]

    made = list(batches(lines))

    assert b"".join(made) == "".join(f"{one}\n" for one in lines).encode()
    assert all(len(one) <= 1 << 20 for one in made)


@given(st.lists(st.sampled_from(["a", "bb", "c c"]), min_size=2, max_size=9))
def test_halves_are_all_of_it_and_neither_is_empty(lines):
    whole = "".join(f"{one}\n" for one in lines).encode()

    first, second = halves(whole)

    assert first + second == whole
    assert first.endswith(b"\n")
    assert second.endswith(b"\n")
    assert min(first.count(b"\n"), second.count(b"\n")) >= 1


@given(
    st.binary(max_size=300) | st.sampled_from([b"[" * 100_000, b'{"error": 5}', b'{"data": [1]}', b"null"])
)
def test_any_page_of_an_error_can_be_read(page):
    said = refusal(page, 10)

    assert 0 <= said.lost <= 10
    assert "\n" not in said.words
