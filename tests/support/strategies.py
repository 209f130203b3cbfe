"""What Hypothesis makes: packages, trees, frames of real nodes and what could become of them on the way."""

import copy
import functools
import json
from pathlib import Path

from hypothesis import strategies as st

from meshnode.tree import Tree

CAPTURES = Path(__file__).parents[1] / "data" / "captures"

node_ids = st.integers(1, 0xFFFFFFFF)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
packages = st.builds(
    lambda rest, kind: {**rest, "type": kind},
    st.dictionaries(st.text() | st.sampled_from(["from", "dest", "routing", "msg"]), json_values, max_size=6),
    st.integers(-5, 1000),
)

# What may stand where a node expects a number, or a list. Copies: what gets them may change them.
odd_values = st.sampled_from(
    [
        *(0, 1, 2, 5, 6, -1, 1000, 1001, 4294967295, 4294967296, 10**20, 1.0, 5.5, 1e300, -0.0),
        *(True, False, None, "", "1", "1000", "-1", "x", "1e3", [], {}, [None], [[]], {"type": 1}),
    ]
).map(copy.deepcopy)


@functools.cache
def recorded_frames() -> list[bytes]:
    """Each different frame of the recordings, shortest first."""
    texts = set()
    for path in sorted(CAPTURES.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            text = json.loads(line).get("text")
            if text:
                texts.add(text.encode())
    assert len(texts) > 100
    return sorted(texts, key=lambda text: (len(text), text))


@st.composite
def chunkings(draw, data: bytes) -> list[bytes]:
    """The same bytes, cut anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@st.composite
def trees(draw, ids=node_ids, min_size: int = 1, max_size: int = 30) -> Tree:
    """Any tree of different nodes, some of them flagged."""
    chosen = draw(st.lists(ids, min_size=min_size, max_size=max_size, unique=True))
    depths = [0]
    for _ in chosen[1:]:
        depths.append(draw(st.integers(1, depths[-1] + 1)))
    flags = st.lists(st.booleans(), min_size=len(chosen), max_size=len(chosen))
    roots = tuple(one for one, flag in zip(chosen, draw(flags), strict=True) if flag)
    authorities = tuple(one for one, flag in zip(chosen, draw(flags), strict=True) if flag)
    return Tree(chosen, depths, roots, authorities)


def _flip(frame: bytes, position: int, byte: int) -> bytes:
    return frame[:position] + bytes([byte]) + frame[position + 1 :]


@st.composite
def damaged_frames(draw) -> bytes:
    """A recorded frame with some bytes changed, lost, doubled or swapped with those of another."""
    frame = draw(st.sampled_from(recorded_frames()))
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted((draw(st.integers(0, len(frame))), draw(st.integers(0, len(frame)))))
        how = draw(st.integers(0, 5))
        if how == 0 and start < len(frame):
            frame = _flip(frame, start, draw(st.integers(0, 255)))
        elif how == 1:
            frame = frame[:start] + frame[end:]
        elif how == 2:
            frame = frame[:start] + draw(st.binary(max_size=8)) + frame[start:]
        elif how == 3:
            frame = frame[:end] + frame[start:end] * draw(st.integers(1, 3)) + frame[end:]
        elif how == 4:
            other = draw(st.sampled_from(recorded_frames()))
            frame = frame[:start] + other[len(other) // 2 :]
        else:
            frame = frame[:start] + draw(st.sampled_from(TOKENS)) + frame[start:]
    return frame


TOKENS = [
    *(
        b"\0",
        b"[",
        b"]",
        b"{",
        b"}",
        b'"',
        b"\\",
        b",",
        b":",
        b"NaN",
        b"1e999",
        b"-",
        b"0",
        b"9" * 30,
        b"null",
    ),
    *(b"true", b'"subs":', b'"nodeId":1000,', b'"nodeId":0,', b'"type":5,', b'"type":"6",', b'"routing":2,'),
    *(
        b'"dest":1000,',
        b'"from":1000,',
        b'"msg":{"type":1,"t0":1},',
        b'{"nodeId":7},',
        b"[" * 300,
        b"\xff",
        b"\xc3",
    ),
]


@st.composite
def altered_packages(draw) -> bytes:
    """A recorded package with other values in some places: still JSON, no longer sane."""
    package = json.loads(draw(st.sampled_from([frame for frame in recorded_frames() if _is_object(frame)])))
    for _ in range(draw(st.integers(1, 4))):
        target = package
        key = draw(st.sampled_from(["type", "dest", "from", "nodeId", "subs", "routing", "msg", "root"]))
        inner = draw(st.booleans())
        if inner and isinstance(package.get("msg"), dict):
            target = package["msg"]
            key = draw(st.sampled_from(["type", "t0", "t1", "t2"]))
        elif inner and isinstance(package.get("subs"), list) and package["subs"]:
            sub = draw(st.sampled_from(package["subs"]))
            target = sub if isinstance(sub, dict) else package
        if draw(st.integers(0, 5)) == 0:
            target.pop(key, None)
        else:
            target[key] = draw(odd_values)
    return json.dumps(package).encode()


@functools.cache
def _is_object(frame: bytes) -> bool:
    try:
        return isinstance(json.loads(frame, strict=False), dict)
    except ValueError:
        return False


hostile_bytes = st.binary(max_size=200) | damaged_frames() | altered_packages()
