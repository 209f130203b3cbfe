"""Whatever a mesh is called and says, the lines say the same."""

import math
import string

from hypothesis import given
from hypothesis import strategies as st

from meshward.bridges.clock import SET_FROM_S
from meshward.bridges.influx.bridge import batches, halves
from meshward.bridges.influx.lines import TAG_CHARACTERS, TEXT_CHARACTERS, line
from meshward.bridges.influx.points import Points, sample_lines
from meshward.bridges.influx.refusals import refusal
from meshward.bridges.picture import Picture
from meshward.gateway.bridge_views import NodeSample
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

    made = Points(mesh).lines(mesh_status(node), Picture(), [], NOW_S)

    (measurement, *_), (_, tags, fields, _) = [parse(one) for one in made]
    assert measurement == "painlessmesh_mesh"
    assert (tags["node"], fields["up"]) == ("1001", 1.0)
    texts = {"name": name, "role": role, "hardware": hardware, "version": version}
    for key, text in texts.items():
        assert fields.get(key, "") == printable(text, TEXT_CHARACTERS)


@given(
    st.lists(
        st.builds(
            NodeSample,
            node=st.integers(1, 2**32 - 1),
            at_s=st.floats(SET_FROM_S, 4e9),
            values=st.dictionaries(st.sampled_from(["a", "b", "c"]), st.floats()),
        )
    )
)
def test_every_finite_number_of_every_sample_is_written(samples):
    made = [parse(one) for one in sample_lines("m", samples)]

    finite = [
        (str(one.node), name, value)
        for one in samples
        for name, value in one.values.items()
        if math.isfinite(value)
    ]
    assert [(tags["node"], *field) for _, tags, fields, _ in made for field in fields.items()] == finite


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
