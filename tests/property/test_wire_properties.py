"""Any bytes, however they were cut, are packages or WireErrors; packages survive writing and reading."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshnode.limits import Limits
from meshnode.wire import FrameSplitter, WireError, decode, encode
from tests.support.profiles import examples
from tests.support.strategies import chunkings, hostile_bytes, packages

LIMITS = Limits(frame_bytes=500, nesting=20)


def frames_of(chunks, limits=LIMITS):
    splitter = FrameSplitter(limits)
    return [frame for chunk in chunks for frame in splitter.feed(chunk)], splitter


@settings(max_examples=examples(300, long=100_000))
@given(hostile_bytes)
def test_any_bytes_are_a_package_or_a_wire_error(data):
    try:
        package = decode(data, LIMITS)
    except WireError as error:
        assert len(str(error)) < 200
    else:
        assert type(package) is dict
        assert type(package["type"]) is int


@settings(max_examples=examples(100, long=100_000))
@given(packages)
@example({"type": 8, "msg": "\ud83d", "x": "\0\x1f\x7f\u2028", "y": -0.0, "z": 10**300})
def test_decode_undoes_encode(package):
    frame = encode(package)
    assert frame.endswith(b"\0")
    assert b"\0" not in frame[:-1]
    assert decode(frame[:-1], Limits()) == package


@settings(max_examples=examples(200, long=20_000))
@given(st.data(), st.lists(st.binary(max_size=60).map(lambda piece: piece.replace(b"\0", b"x")), max_size=8))
def test_any_chunking_gives_the_frames_of_one_chunk(data, pieces):
    limits = Limits(frame_bytes=40)
    stream = b"\0".join(pieces)
    frames, splitter = frames_of([stream], limits)
    again, chunked = frames_of(data.draw(chunkings(stream)), limits)
    assert again == frames
    assert chunked.oversized == splitter.oversized
    assert frames == [piece for piece in pieces[:-1] if 0 < len(piece) <= 40]
    assert chunked.feed(b"\0next\0") == splitter.feed(b"\0next\0")


@settings(max_examples=examples(200, long=100_000))
@given(st.data(), st.lists(hostile_bytes, max_size=4))
def test_any_bytes_split_anywhere_are_packages_or_wire_errors(data, pieces):
    frames, _ = frames_of(data.draw(chunkings(b"\0".join(pieces))))
    for frame in frames:
        assert 0 < len(frame) <= LIMITS.frame_bytes
        try:
            decode(frame, LIMITS)
        except WireError:
            pass
