"""Frames, and the JSON in them."""

import json
import tracemalloc

import pytest

from meshnode import wire
from meshnode.limits import Limits
from meshnode.wire import FrameSplitter, WireError, decode, encode

LIMITS = Limits()


def splitter(**limits: int) -> FrameSplitter:
    return FrameSplitter(Limits(**limits))


# -- framing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chunks",
    [
        [b"one\0two\0three\0"],
        [b"one\0", b"two\0", b"three\0"],
        [b"on", b"e\0t", b"wo\0three", b"\0"],
        [bytes([byte]) for byte in b"one\0two\0three\0"],
        [b"", b"one\0two\0", b"", b"three", b"", b"\0"],
    ],
)
def test_frames_come_out_however_they_were_cut(chunks):
    splits = splitter()
    assert [frame for chunk in chunks for frame in splits.feed(chunk)] == [b"one", b"two", b"three"]


def test_an_unfinished_frame_waits():
    splits = splitter()
    assert splits.feed(b"half") == []
    assert splits.feed(b"") == []
    assert splits.feed(b" a frame\0rest") == [b"half a frame"]
    assert splits.feed(b"\0") == [b"rest"]


def test_empty_frames_are_left_out():
    splits = splitter()
    assert splits.feed(b"\0\0a\0\0\0b\0\0") == [b"a", b"b"]
    assert splits.feed(b"\0") == []
    assert splits.oversized == 0


def test_a_frame_of_exactly_the_limit_passes():
    splits = splitter(frame_bytes=4)
    assert splits.feed(b"abcd\0") == [b"abcd"]
    assert splits.feed(b"ab") == []
    assert splits.feed(b"cd") == []
    assert splits.feed(b"\0") == [b"abcd"]
    assert splits.oversized == 0


@pytest.mark.parametrize(
    "chunks",
    [
        [b"abcde\0next\0"],
        [b"abc", b"de\0next\0"],
        [b"abcde", b"\0next\0"],
        [b"abcde", b"fg", b"hi\0", b"next\0"],
        [bytes([byte]) for byte in b"abcdefghij\0next\0"],
        [b"ok\0abcde", b"fgh\0next\0"],
    ],
)
def test_an_oversized_frame_is_skipped_and_the_next_one_taken(chunks):
    splits = splitter(frame_bytes=4)
    frames = [frame for chunk in chunks for frame in splits.feed(chunk)]
    assert [frame for frame in frames if frame != b"ok"] == [b"next"]
    assert splits.oversized == 1


def test_several_oversized_frames_are_all_counted():
    splits = splitter(frame_bytes=4)
    assert splits.feed(b"abcde\0abcdef\0ab\0abcdefg") == [b"ab"]
    assert splits.feed(b"h\0") == []
    assert splits.feed(b"cd\0") == [b"cd"]
    assert splits.oversized == 3


def test_a_dripped_frame_costs_little_more_memory_than_its_bytes():
    splits = splitter(frame_bytes=100_000)
    tracemalloc.start()
    try:
        for number in range(50_000):
            splits.feed(number.to_bytes(3, "big")[1:].replace(b"\0", b"x"))
        assert tracemalloc.get_traced_memory()[0] < 300_000
    finally:
        tracemalloc.stop()
    (frame,) = splits.feed(b"\0")
    assert len(frame) == 100_000


def test_what_comes_out_is_bytes():
    splits = splitter()
    frames = splits.feed(b"a") + splits.feed(b"b\0c\0")
    assert [type(frame) for frame in frames] == [bytes, bytes]


# -- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["5", "5.0", '"5"', "5e0", "0.5e1"])
def test_a_type_may_come_as_number_or_text(written):
    package = decode(b'{"type":%s,"x":1}' % written.encode(), LIMITS)
    assert package == {"type": 5, "x": 1}
    assert type(package["type"]) is int


@pytest.mark.parametrize(
    "written",
    [
        "null",
        "true",
        "5.5",
        '"five"',
        '""',
        '"-"',
        '"5.0"',
        '" 5"',
        '"+5"',
        '"1_0"',
        '"\u0665"',
        '"\u00b2"',
        "[5]",
        "{}",
        "1e400",
        "-1e400",
        "1e18",
    ],
)
def test_other_types_are_refused(written):
    with pytest.raises(WireError):
        decode(b'{"type":%s}' % written.encode(), LIMITS)


def test_a_package_without_type_is_refused():
    with pytest.raises(WireError):
        decode(b'{"nodeId":5}', LIMITS)


@pytest.mark.parametrize("written", [b"", b" ", b"null", b"5", b'"x"', b"[]", b'[{"type":5}]', b"true"])
def test_what_is_no_object_is_refused(written):
    with pytest.raises(WireError):
        decode(written, LIMITS)


@pytest.mark.parametrize(
    "written",
    [
        b"{",
        b'{"type":5',
        b'{"type":5}}',
        b'{"type":5} {"type":6}',
        b'{"type":5,}',
        b"{'type':5}",
        b"{type:5}",
        b'{"type":05}',
        b'{"type":5,"x":"\\q"}',
        b"\xef\xbb\xbf" + b'{"type":5}',
        b'{"type":5}\x01',
        b'{"type":5,"x":yes}',
    ],
)
def test_malformed_json_is_refused(written):
    with pytest.raises(WireError):
        decode(written, LIMITS)


def test_white_space_and_order_do_not_matter():
    assert decode(b' \r\n\t{ "x" : [ 1 , 2 ] , "type" : 8 } \n', LIMITS) == {"type": 8, "x": [1, 2]}


def test_control_characters_come_raw():
    """Relays of the C++ library unescape them: \\u0007 arrives as byte 0x07."""
    raw = b'{"type":8,"msg":"a\x07b\x1f\nc\td"}'
    assert decode(raw, LIMITS)["msg"] == "a\x07b\x1f\nc\td"


def test_utf8_comes_raw_or_escaped():
    assert decode('{"type":8,"msg":"M\u00fcnchen \u20ac"}'.encode(), LIMITS)["msg"] == "M\u00fcnchen \u20ac"
    assert (
        decode(b'{"type":8,"msg":"M\\u00fcnchen \\ud83d\\ude00"}', LIMITS)["msg"] == "M\u00fcnchen \U0001f600"
    )


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\x80", b"\x80\x80"])
def test_wrong_utf8_spoils_only_its_characters(bad):
    package = decode(b'{"type":8,"dest":7,"msg":"a' + bad + b'b"}', LIMITS)
    assert package["dest"] == 7
    assert package["msg"] == "a" + "\ufffd" * len(bad) + "b"


def test_the_last_of_duplicate_keys_counts():
    assert decode(b'{"type":8,"dup":1,"type":9,"dup":2}', LIMITS) == {"type": 9, "dup": 2}


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity"])
def test_nan_and_infinity_are_refused(value):
    for written in (b'{"type":8,"x":%s}', b'{"type":8,"x":[{"y":%s}]}', b'{"type":%s}'):
        with pytest.raises(WireError):
            decode(written % value, LIMITS)


def test_large_integers_are_kept():
    package = decode(b'{"type":250,"a":123456789012,"b":18446744073709551615,"c":-5}', LIMITS)
    assert (package["a"], package["b"], package["c"]) == (123456789012, 18446744073709551615, -5)


def test_huge_integers_never_cause_another_error():
    for digits in (b"9" * 100_000, b"9" * 5000, b"9" * 4000):
        with pytest.raises(WireError):
            decode(b'{"type":"%s"}' % digits, LIMITS)
    digits = b"9" * 100_000
    for written in (b'{"type":%s}', b'{"type":5,"x":%s}', b'{"type":8,"x":-%s}', b'{"type":"%s"}'):
        with pytest.raises(WireError):
            decode(written % digits, LIMITS)


def test_a_frame_over_the_limit_is_refused():
    frame = b'{"type":8,"msg":"' + b"x" * 100 + b'"}'
    assert decode(frame, Limits(frame_bytes=len(frame)))["type"] == 8
    with pytest.raises(WireError, match="bytes"):
        decode(frame, Limits(frame_bytes=len(frame) - 1))


# -- nesting ---------------------------------------------------------------------------------


def nested(levels: int, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """A package `levels` deep, its own object included."""
    inside = levels - 1
    return b'{"type":9,"x":' + opening * inside + (b"1" if b":" in opening else b"") + closing * inside + b"}"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_up_to_the_limit_passes(opening, closing):
    limits = Limits(nesting=20)
    assert decode(nested(20, opening, closing), limits)["type"] == 9
    with pytest.raises(WireError, match="deeper"):
        decode(nested(21, opening, closing), limits)


@pytest.mark.parametrize("levels", [256, 1000, 100_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_a_wire_error(levels, opening):
    closing = b"]" if opening == b"[" else b"}"
    with pytest.raises(WireError):
        decode(nested(levels, opening, closing), Limits(frame_bytes=1 << 20))
    with pytest.raises(WireError):
        decode(b'{"type":9,"x":' + opening * levels, Limits(frame_bytes=1 << 20))


def test_many_brackets_side_by_side_are_not_deep():
    assert len(decode(b'{"type":9,"x":[' + b"[],{}," * 500 + b"1]}", Limits(nesting=3))["x"]) == 1001


def test_brackets_in_strings_are_not_nesting():
    text = r"[[[{{{ \" [[[ \\"
    frame = b'{"type":9,"x":"' + text.encode() + b'","[[[":"\\\\","y":[[1]]}'
    package = decode(frame, Limits(nesting=3))
    assert package["x"] == text.replace('\\"', '"').replace("\\\\", "\\")
    with pytest.raises(WireError, match="deeper"):
        decode(frame, Limits(nesting=2))


def test_an_escaped_quote_does_not_end_a_string():
    with pytest.raises(WireError, match="deeper"):
        decode(b'{"type":9,"x":"\\\\","y":[[[1]]]}', Limits(nesting=3))
    assert decode(b'{"type":9,"x":"\\",[[[[","y":[1]}', Limits(nesting=3))["y"] == [1]


def test_the_depth_of_trees_is_left_to_their_reader():
    frame = b'{"type":5,"nodeId":1,"subs":' + b"[" * 10 + b"]" * 10 + b"}"
    assert decode(frame, Limits(nesting=3))["type"] == 5
    assert decode(frame.replace(b":5", b":6"), Limits(nesting=3))["type"] == 6


# -- writing ---------------------------------------------------------------------------------


def test_packages_are_written_compact_in_order_with_one_nul():
    package = {"nodeId": 1, "root": True, "subs": [{"nodeId": 2}], "type": 6, "dest": 0, "from": 1}
    assert encode(package) == b'{"nodeId":1,"root":true,"subs":[{"nodeId":2}],"type":6,"dest":0,"from":1}\0'


def test_a_nul_in_a_text_is_escaped():
    frame = encode({"type": 8, "msg": "nul\0inside"})
    assert frame.count(b"\0") == 1
    assert decode(frame[:-1], LIMITS)["msg"] == "nul\0inside"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), [float("nan")]])
def test_what_is_not_json_is_not_written(value):
    with pytest.raises(ValueError, match="JSON"):
        encode({"type": 8, "x": value})


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_what_json_does_not_know_is_not_written(value):
    with pytest.raises(TypeError):
        encode({"type": 8, "x": value})


# -- fields ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (4294967295, 4294967295), ("1001", 1001), (1001.0, 1001), ("0042", 42), (-0.0, 0)],
)
def test_u32_reads_what_relays_make_of_a_number(value, number):
    assert wire.u32({"dest": value}, "dest") == number


@pytest.mark.parametrize("value", [-1, 4294967296, "99999999999", "-2", 1.5, None, True, "x", [], {}, 10**30])
def test_u32_refuses_the_rest(value):
    with pytest.raises(WireError):
        wire.u32({"dest": value}, "dest")


def test_u32_refuses_a_missing_key():
    with pytest.raises(WireError):
        wire.u32({}, "dest")


@pytest.mark.parametrize(
    ("kind", "route"),
    [(3, 1), (4, 0), (5, 0), (6, 0), (8, 2), (9, 1), (7, -1), (10, -1), (250, -1)],
)
def test_packages_without_routing_go_by_their_type(kind, route):
    assert wire.routing({"type": kind}) == route
    assert wire.routing({"type": kind, "routing": None}) == route


@pytest.mark.parametrize(("value", "route"), [(0, 0), (1, 1), (2, 2), ("02", 2), (1.0, 1), (7, 7), (-1, -1)])
def test_routing_goes_before_the_type(value, route):
    for kind in (8, 9, 250):
        assert wire.routing({"type": kind, "routing": value}) == route


@pytest.mark.parametrize("value", ["x", True, [], 1.5])
def test_a_routing_that_is_no_number_is_refused(value):
    with pytest.raises(WireError):
        wire.routing({"type": 8, "routing": value})


def test_recorded_frames_survive_reading_and_writing():
    for text in (
        '{"nodeId":1001,"subs":[{"nodeId":1002,"subs":[{"nodeId":1003}]}],"type":6,"dest":1,"from":1001}',
        '{"type":4,"dest":1,"from":1001,"msg":{"type":2,"t0":692483186,"t1":722738952,"t2":722738963}}',
    ):
        assert encode(decode(text.encode(), LIMITS)) == text.encode() + b"\0"
        assert json.loads(text) == decode(text.encode(), LIMITS)
