import zlib

import pytest

from meshward.errors import StoreError
from meshward.status.metrics import BY_NUMBER, METRICS
from meshward.store.history_codec import (
    Unpacked,
    metrics_of,
    pack_chunk,
    pack_sample,
    source_name,
    source_number,
    unpack_chunk,
    unpack_means,
    unpack_sample,
    unpack_value,
)

TELEMETRY = {
    "heap_free_bytes": 41_216.0,
    "heap_min_bytes": 38_016.0,
    "heap_block_bytes": 22_528.0,
    "rssi_dbm": -67.0,
    "loop_max_ms": 212.0,
    "cpu_percent": 17.0,
    "temperature_c": 41.5,
    "battery_percent": 88.0,
    "nodes": 250.0,
    "links": 4.0,
    "messages_received": 4_294_967_295.0,
    "messages_sent": 1_000_001.0,
    "messages_dropped": 0.0,
    "bytes_received": 123_456_832.0,
    "bytes_sent": 98_765_440.0,
    "reconnects": 12.0,
}


def by_number(values):
    return {METRICS[name].number: value for name, value in values.items()}


def test_a_sample_comes_back_as_it_was():
    data = pack_sample(TELEMETRY, 7, 86_400.9)
    assert unpack_sample(data) == Unpacked(by_number(TELEMETRY), 7, 86_400)
    assert metrics_of(data) == 0xFFFF
    assert len(data) <= 50


def test_what_is_stored_is_read_by_every_later_version():
    # Databases hold such bytes. Number, quantum, kind and sign of a metric must stay what they are, therefore.
    data = bytes.fromhex(
        "ffffffffff0f053c151c235331387d464d545b626970777e018c01930164c102a801af01b601bd0164cb01646464e701ee01"
        "05018504c801944f"
    )
    first = [2688, 3584, 4480, -42, 49, 56, -31.5, 70, 77, 84, 91, 98, 105, 112, 119, 126]
    seen = [1, 14, 14.7, 100, -16.1, 168, 175]
    told = [182, 189, 100, 203, 100, 100, 100, 231, 238, -3, 1, -25.9, 100, 1013.2]
    assert unpack_sample(data) == Unpacked(dict(enumerate([*first, *seen, *told])), 5, 60)
    names = [metric.name for metric in BY_NUMBER[:37]]
    assert pack_sample(dict(zip(names, [*first, *seen, *told], strict=True)), 5, 60) == data


@pytest.mark.parametrize("metric", BY_NUMBER, ids=lambda metric: metric.name)
def test_the_bounds_of_every_metric_can_be_stored(metric):
    for value in (metric.low, metric.high):
        back = unpack_sample(pack_sample({metric.name: value}, None, None))
        assert back.values[metric.number] == pytest.approx(value, abs=metric.quantum / 2)


def test_tenths_come_back_as_tenths():
    for tenths in range(3000, 12_000):
        value = tenths / 10
        assert unpack_sample(pack_sample({"pressure_hpa": value}, None, None)).values == {36: value}


def test_what_no_metric_can_be_is_left_out():
    odd = {
        "rssi_dbm": 5,
        "heap_free_bytes": -1,
        "cpu_percent": float("nan"),
        "nodes": float("inf"),
        "wings": 2,
    }
    assert unpack_sample(pack_sample({**odd, "links": 3}, None, None)).values == {9: 3.0}


def test_one_value_is_read_without_the_others():
    data = pack_sample(TELEMETRY, 300, None)
    assert unpack_value(data, METRICS["rssi_dbm"]) == (-67.0, 44, None)
    assert unpack_value(data, METRICS["reconnects"]) == (12.0, 44, None)
    assert unpack_value(data, METRICS["online"]) is None
    assert unpack_value(pack_sample({"pressure_hpa": 1013.2}, None, 5), METRICS["pressure_hpa"]) == (
        1013.2,
        None,
        5,
    )


def test_an_empty_sample_is_one_byte():
    assert pack_sample({}, None, None) == b"\0"
    assert unpack_sample(b"\0") == Unpacked({}, None, None)


@pytest.mark.parametrize("source", ["mesh", "telemetry", "query", "202", "604", "614"])
def test_sources_have_numbers(source):
    assert source_name(source_number(source)) == source


def test_a_chunk_comes_back_as_it_was():
    points = [(600, 1.5, 1.5, 1.5, 1), (720, 20.0, 10.0, 30.0, 3), (4140, -1.0, -2.0, 0.5, 70_000)]
    assert unpack_chunk(pack_chunk(points, 600, 60, 60), 600, 60, 60) == points
    assert unpack_chunk(pack_chunk([], 0, 60, 60), 0, 60, 60) == []


def test_a_value_that_stands_still_costs_next_to_nothing():
    points = [(at_s, 38_016.0, 38_016.0, 38_016.0, 1) for at_s in range(0, 3600, 60)]
    assert len(pack_chunk(points, 0, 60, 60)) < 30


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", pack_sample(TELEMETRY, 1, 1)[:-1], b"\xff\xff\xff\xff\xff\xff\xff\x7f\1\1\1"],
    ids=["empty", "half a number", "cut", "unknown metrics"],
)
def test_a_damaged_sample_is_told(data):
    with pytest.raises(StoreError, match="restore a backup"):
        unpack_sample(data)


def test_a_damaged_value_is_told():
    with pytest.raises(StoreError, match="restore a backup"):
        unpack_value(pack_sample({"links": 300}, None, None)[:-1], METRICS["links"])


@pytest.mark.parametrize(
    "data",
    [b"", b"nonsense", pack_chunk([(0, 1.0, 1.0, 1.0, 1)], 0, 60, 60)[:-4], pack_chunk([], 0, 60, 3)],
    ids=["empty", "nonsense", "cut", "too few steps"],
)
def test_a_damaged_chunk_is_told(data):
    with pytest.raises(StoreError, match="restore a backup"):
        unpack_chunk(data, 0, 60, 60)
    with pytest.raises(StoreError, match="restore a backup"):
        unpack_means(data, 60)


def test_a_chunk_that_would_fill_the_memory_is_not_unpacked():
    deflate = zlib.compressobj(9, wbits=-10)
    bomb = deflate.compress(bytes(50_000_000)) + deflate.flush()
    assert unpack_chunk(bomb, 0, 60, 60) == []
