import math

import pytest

from meshward.status.metrics import METRICS
from meshward.status.reports import LISTED_MAX, Report, is_report, read_report, read_samples
from meshward.status.samples import Sample

MD5 = "0123456789abcdef0123456789ABCDEF"


def only(package):
    (sample,) = read_samples({"from": 7, "routing": 2, **package})
    return sample


@pytest.mark.parametrize(
    ("package", "values"),
    [
        (
            {
                "type": 200,
                "temp": 21.5,
                "hum": 40,
                "press": 1013.25,
                "bat": 80,
                "sid": 1,
                "ts": 1_700_000_000,
            },
            {
                "ambient_temperature_c": 21.5,
                "humidity_percent": 40,
                "pressure_hpa": 1013.25,
                "battery_percent": 80,
            },
        ),
        (
            {"type": 202, "status": 1, "uptime": 90, "mem": 120, "wifi": 70},
            {"uptime_s": 90, "heap_free_bytes": 122_880, "wifi_percent": 70},
        ),
        (
            {"type": 202, "mem": 120, "power_config": {"battery_percent": 61.0}},
            {"heap_free_bytes": 122_880, "battery_percent": 61},
        ),
        (
            {
                "type": 204,
                "cpu": 12,
                "loops": 9000,
                "tasks": 3,
                "heap": 31_000,
                "minHeap": 28_000,
                "fragHeap": 11,
                "maxHeap": 20_000,
                "bytesRx": 5000,
                "bytesTx": 6000,
                "pktsRx": 65_535,
                "throughput": 900,
                "avgResp": 2500,
                "maxResp": 9000,
                "avgLat": 14,
                "connQual": 88,
                "rssi": -61,
                "ts": 1,
                "interval": 30_000,
                "uptime": 5,
            },
            {
                "cpu_percent": 12,
                "heap_free_bytes": 31_000,
                "heap_min_bytes": 28_000,
                "heap_block_bytes": 20_000,
                "heap_fragmentation_percent": 11,
                "bytes_received": 5000,
                "bytes_sent": 6000,
                "throughput_bytes_per_s": 900,
                "response_ms": 2.5,
                "latency_ms": 14,
                "link_quality_percent": 88,
                "rssi_dbm": -61,
            },
        ),
        (
            {
                "type": 604,
                "status": 0,
                "uptime": 3600,
                "mem": 41.0,
                "wifi": 55,
                "nodes": 12,
                "conns": 3,
                "msgRx": 10,
                "msgTx": 20,
                "msgDrop": 1,
                "latency": 9,
                "loss": 0,
                "throughput": 0,
                "alerts": 2,
            },
            {
                "uptime_s": 3600,
                "heap_free_bytes": 41_984,
                "wifi_percent": 55,
                "nodes": 12,
                "links": 3,
                "messages_received": 10,
                "messages_sent": 20,
                "messages_dropped": 1,
                "latency_ms": 9,
                "loss_percent": 0,
                "throughput_bytes_per_s": 0,
            },
        ),
        ({"type": 203, "mem": 41, "conns": 2}, {"heap_free_bytes": 41_984, "links": 2}),
        (
            {"type": 605, "loss": 3, "maxLoop": 180, "temp": 48, "uptime": 77, "crashes": 2, "memHealth": 90},
            {"loss_percent": 3, "loop_max_ms": 180, "temperature_c": 48, "uptime_s": 77, "crashes": 2},
        ),
        (
            {"type": 610, "internetConnected": True, "routerRSSI": -50, "uptime": 12_500, "dest": 1},
            {"internet": 1, "router_rssi_dbm": -50, "uptime_s": 12.5},
        ),
        ({"type": 610, "internetConnected": False}, {"internet": 0}),
        (
            {"type": 611, "routerRSSI": -71, "uptime": 5000, "freeMemory": 40_000},
            {"router_rssi_dbm": -71, "uptime_s": 5, "heap_free_bytes": 40_000},
        ),
        ({"type": 612, "routerRSSI": -71, "previousBridge": 5}, {"router_rssi_dbm": -71}),
    ],
    ids=lambda value: str(value.get("type", "")) if isinstance(value, dict) else None,
)
def test_values_come_in_the_units_of_the_catalogue(package, values):
    sample = only(package)
    assert sample.values == pytest.approx(values)
    assert (sample.node, sample.source, sample.told_by) == (7, str(package["type"]), None)
    assert sample.uptime_s == values.get("uptime_s")
    assert sample.refused == ()


@pytest.mark.parametrize(
    ("package", "texts"),
    [
        ({"type": 202, "fw": " v\x1b1\n"}, {"version": "v\N{REPLACEMENT CHARACTER}1"}),
        (
            {
                "type": 202,
                "organization": {"device_name": "Hall", "device_location": "null", "customerId": "x"},
            },
            {"device_name": "Hall"},
        ),
        (
            {"type": 604, "fwMD5": MD5, "lastErr": "e" * 300},
            {"firmware_md5": MD5.lower(), "last_error": "e" * 199 + "…"},
        ),
        ({"type": 604, "fw": "9" * 500}, {"version": "9" * 63 + "…"}),
        ({"type": 605, "recommend": "Reduce load"}, {"advice": "Reduce load"}),
        ({"type": 612, "reason": "Better signal"}, {"takeover_reason": "Better signal"}),
        ({"type": 613, "role": "primary", "load": 20}, {"bridge_role": "primary"}),
        ({"type": 614, "source": "pool.ntp.org", "ntpTime": 1_700_000_000}, {"time_source": "pool.ntp.org"}),
    ],
)
def test_texts_are_cleaned_and_cut(package, texts):
    assert only(package).texts == texts


@pytest.mark.parametrize(
    "package",
    [
        {"type": 202, "mem": 0, "wifi": 0, "fw": "null"},
        {"type": 202, "mem": 65_535, "wifi": 255},
        {"type": 202, "wifi": 196, "fw": "  "},  # a signal in dBm, squeezed into 8 bits without a sign
        {"type": 204, "cpu": 255, "heap": 0, "minHeap": 2**32 - 1, "connQual": 0, "rssi": 31},
        {"type": 204, "rssi": 0, "avgLat": 65_535, "avgResp": 0},
        {"type": 604, "latency": 0, "loss": 255, "fwMD5": "", "lastErr": ""},
        {"type": 605, "temp": -128, "loss": 255},
        {"type": 200, "temp": None, "press": 0, "bat": 0},
        {"type": 610, "routerRSSI": 0},
    ],
)
def test_what_stands_for_unknown_is_neither_taken_nor_refused(package):
    assert read_samples({"from": 7, **package}) == []


def test_a_largest_block_above_the_free_heap_is_none():
    assert only({"type": 204, "heap": 30_000, "maxHeap": 300_000}).values == {"heap_free_bytes": 30_000}
    assert only({"type": 204, "maxHeap": 300_000}).values == {"heap_block_bytes": 300_000}


@pytest.mark.parametrize(
    ("package", "refused"),
    [
        ({"type": 202, "mem": -1}, ("mem -1",)),
        ({"type": 202, "mem": 1.5}, ("mem 1.5",)),
        ({"type": 202, "uptime": "9"}, ('uptime "9"',)),
        ({"type": 202, "uptime": True}, ("uptime true",)),
        ({"type": 202, "uptime": 2**32}, ("uptime 4294967296",)),
        ({"type": 202, "uptime": 10**400}, ("uptime huge",)),
        ({"type": 200, "temp": math.nan, "hum": math.inf}, ("temp nan", "hum inf")),
        ({"type": 200, "temp": -127}, ("temp -127",)),
        ({"type": 200, "bat": 101}, ("bat 101",)),
        ({"type": 204, "rssi": 40}, ("rssi 40",)),
        ({"type": 604, "fw": 5, "fwMD5": "short"}, ("fw 5", 'fwMD5 "short"')),
        ({"type": 604, "nodes": [1, 2]}, ("nodes a list",)),
        ({"type": 604, "lastErr": {"a": 1}}, ("lastErr an object",)),
        ({"type": 610, "internetConnected": "yes"}, ('internetConnected "yes"',)),
        (
            {"type": 202, "mem": "<b>\x1b[2J" + "x" * 100},
            ('mem "<b>\N{REPLACEMENT CHARACTER}[2Jxxxxxxxxxxxxxxxx…"',),
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(package, refused):
    sample = only(package)
    assert sample.refused == refused
    assert (sample.values, sample.texts, sample.uptime_s) == ({}, {}, None)


def test_one_wrong_value_spoils_no_other():
    sample = only({"type": 604, "mem": "x", "nodes": 5, "uptime": -3, "fw": "1.0"})
    assert sample.values == {"nodes": 5}
    assert sample.texts == {"version": "1.0"}
    assert sample.refused == ('mem "x"', "uptime -3")


def test_no_more_than_eight_are_named():
    wrong = dict.fromkeys(("mem", "wifi", "nodes", "conns", "msgRx", "msgTx", "msgDrop", "loss", "fw"), -1)
    assert len(only({"type": 604, **wrong}).refused) == 8


def test_names_that_nobody_knows_cost_nothing():
    sample = only({"type": 604, "mem": 40, **{f"name{number}": number for number in range(10_000)}})
    assert sample.values == {"heap_free_bytes": 40_960}
    assert sample.refused == ()


@pytest.mark.parametrize(
    "package",
    [
        {},
        {"type": 604, "mem": 4},
        {"type": 604, "from": 0, "mem": 4},
        {"type": 604, "from": "7", "mem": 4},
        {"type": 604, "from": 2**32, "mem": 4},
        {"type": 604, "from": True, "mem": 4},
        {"type": 604, "from": [], "mem": 4},
        {"type": "604", "from": 7, "mem": 4},
        {"type": [604], "from": 7, "mem": 4},
        {"type": 205, "from": 7, "mem": 4},
        {"type": 603, "from": 7, "rssi": -50},
        {"type": 204, "from": 7, "mem": 4},
        {"type": 604, "from": 7},
        {"type": 600, "from": 7},
        {"type": 600, "from": 7, "nodes": []},
        {"type": 604, "from": 7, "organization": 5},
    ],
)
def test_what_makes_no_sense_gives_nothing(package):
    assert read_samples(package) == []
    assert read_report(package) is None


@pytest.mark.parametrize("kind", [200, 202, 203, 204, 600, 601, 602, 604, 605, 610, 611, 612, 613, 614])
def test_reports_are_known_by_their_type(kind):
    assert is_report({"type": kind})
    assert not is_report({"type": str(kind)})


@pytest.mark.parametrize("kind", [8, 9, 201, 205, 400, 603, 712, None, True, 604.5])
def test_other_packages_are_no_reports(kind):
    assert not is_report({"type": kind})


def test_a_list_of_nodes_tells_of_others():
    nodes = [
        {"nodeId": 8, "status": 1, "lastSeen": 3, "rssi": -60},
        {"nodeId": 9, "status": 0, "lastSeen": 900, "rssi": -61},  # not there: what is said of it is old
        {"nodeId": 7, "status": 1, "rssi": -40},
        {"nodeId": 10, "status": 1, "rssi": 90},
        {"nodeId": 0, "status": 1},
        "x",
    ]
    assert read_samples({"type": 600, "from": 7, "nodes": nodes, "nodeCount": 6}) == [
        Sample(7, "600", refused=("rssi 90", "nodeId 0", 'nodes "x"')),
        Sample(8, "600", {"rssi_dbm": -60}, told_by=7),
        Sample(7, "600", {"rssi_dbm": -40}),
    ]


def test_of_several_links_the_worst_counts():
    connections = [
        {"from": 7, "to": 8, "quality": 0.9, "latency": 12, "hops": 1},
        {"from": 9, "to": 8, "quality": 0.4, "latency": 5},
        {"from": 9, "to": 5, "quality": 1.5},
        {"from": 9},
    ]
    own, told = read_samples({"type": 601, "from": 7, "connections": connections, "rootNode": 7})
    assert own == Sample(7, "601", refused=("quality 1.5", "to an object"))
    assert told.values == pytest.approx({"link_quality_percent": 40, "latency_ms": 12})
    assert (told.node, told.told_by) == (8, 7)


def test_alerts_of_a_bridge_are_texts_of_the_nodes():
    alerts = [
        {"type": 1, "severity": 2, "msg": "Low <memory>", "nodeId": 8, "value": 3.0},
        {"msg": "split", "nodeId": 0},
        {"msg": "who", "nodeId": -4},
        {"msg": 12, "nodeId": 8},
    ]
    assert read_samples({"type": 602, "from": 7, "alerts": alerts}) == [
        Sample(7, "602", refused=("nodeId -4", "msg 12")),
        Sample(8, "602", texts={"alert": "Low <memory>"}, told_by=7),
    ]


def test_long_lists_are_cut():
    nodes = [{"nodeId": 100 + number, "status": 1, "rssi": -50} for number in range(10_000)]
    own, *others = read_samples({"type": 600, "from": 7, "nodes": nodes})
    assert own.refused == ("nodes with 10000 entries",)
    assert len(others) == LISTED_MAX
    (wrong,) = read_samples({"type": 600, "from": 7, "nodes": 5})
    assert wrong.refused == ("nodes 5",)


def test_every_metric_that_is_read_is_in_the_catalogue():
    from meshward.status import reports  # noqa: PLC0415 its tables are nobody else's business

    fields = [one for fields in reports._NUMBERS.values() for one in fields]
    assert {
        one.metric for one in (*fields, *reports._POWER, *reports._LISTED, reports._QUALITY)
    } <= METRICS.keys()


@pytest.mark.parametrize(
    ("package", "report"),
    [
        (
            {"type": 202, "from": 7, "routing": 2, "status": 1, "uptime": 90, "mem": 120, "fw": "1.4.0"},
            Report(7, free_heap_bytes=122_880, uptime_s=90, version="1.4.0"),
        ),
        ({"type": 203, "from": 7, "mem": 4}, Report(7, free_heap_bytes=4096)),
        ({"type": 204, "from": 7, "heap": 31_000, "uptime": 5}, Report(7, free_heap_bytes=31_000)),
        ({"type": 604, "from": 7, "uptime": 0, "mem": 41.0}, Report(7, free_heap_bytes=41_984, uptime_s=0)),
        ({"type": 202, "from": 7, "uptime": "9", "mem": -1, "fw": "x"}, Report(7, version="x")),
        ({"type": 604, "from": 7, "wifi": 50, "mem": -1}, None),
        ({"type": 611, "from": 7, "freeMemory": 40_000, "uptime": 1000}, None),
        ({"type": 600, "from": 7, "nodes": [{"nodeId": 8, "status": 1, "rssi": -50}]}, None),
    ],
)
def test_rollouts_take_what_they_judge_by(package, report):
    assert read_report(package) == report
