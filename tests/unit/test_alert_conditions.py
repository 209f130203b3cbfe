import pytest

from meshward.status.facts import Anomaly, FailedUpdate, Leak, Outlier
from tests.support.alerts import Scene

HIGH = 1_000_000


def feeding(scene, seconds, every_s=60, **values):
    """Values that come every minute."""
    for _ in range(int(seconds / every_s)):
        scene.set(3, **values)
        for _ in range(int(every_s / 5)):
            scene.run(5)
            scene.nodes[3].metrics = {
                name: type(fact)(fact.value, fact.age_s + 5, fact.source)
                for name, fact in scene.nodes[3].metrics.items()
            }
    return scene


def test_a_quiet_mesh_has_no_alerts():
    scene = Scene().set(3, rssi_dbm=-70, heap_free_bytes=28_000, temperature_c=50, battery_percent=80)
    assert not scene.run(3600).open()


def test_a_weak_link_is_told_after_five_minutes_and_names_both_ends():
    scene = feeding(Scene(), 240, rssi_dbm=-88)
    assert not scene.firing()
    feeding(scene, 120, rssi_dbm=-88)
    alert = scene.one("weak_link")
    assert "Kitchen (3) hears its parent, Hall (2), badly: -88 dBm for" in alert.text
    assert "1 node hangs behind it." in alert.text
    assert (alert.value, alert.threshold, alert.labels) == (-88, -85, {"node": "3", "metric": "rssi_dbm"})


def test_between_the_two_thresholds_a_weak_link_neither_fires_nor_ends():
    assert not feeding(Scene(), 1200, rssi_dbm=-83).open()
    scene = feeding(feeding(Scene(), 600, rssi_dbm=-90), 3600, rssi_dbm=-83)
    assert scene.firing("weak_link")
    feeding(scene, 1200, rssi_dbm=-75)
    assert not scene.open()


def test_single_bad_values_are_noise():
    scene = Scene()
    for _ in range(20):
        feeding(scene, 180, rssi_dbm=-80)
        feeding(scene, 60, rssi_dbm=-95)
    assert not scene.open()


def test_a_board_without_signal_is_judged_by_its_probes():
    scene = feeding(Scene(), 600, probe_loss_percent=40)
    assert "does not answer 40 % of our probes" in scene.one("weak_link").text
    assert not feeding(Scene(), 600, probe_loss_percent=40, rssi_dbm=-60).open()


@pytest.mark.parametrize(
    ("hardware", "heap", "fires"),
    [("ESP8266", 5000, True), ("ESP8266", 15_000, False), ("ESP32", 15_000, True), ("", 15_000, False)],
)
def test_low_heap_depends_on_the_hardware(hardware, heap, fires):
    scene = Scene()
    scene.nodes[3].hardware = hardware
    scene.set(3, heap_free_bytes=heap).run(300)
    assert bool(scene.firing("low_heap")) is fires


def test_a_limit_of_low_heap_is_for_all():
    scene = Scene(rules="[low_heap]\nbelow = 40_000").set(3, heap_free_bytes=30_000).run(300)
    assert "29.3 KB of heap free" in scene.one("low_heap").text
    assert "limit 39.1 KB" in scene.one("low_heap").text


def test_a_leak_is_told_with_the_hours_left_and_again_when_it_is_critical():
    scene = Scene().set(3, heap_free_bytes=20_000)
    scene.nodes[3].leak = Leak(620, 40.0, 30.0, 52.0)
    scene.run(900)
    alert = scene.one("leak")
    assert alert.severity == "warning"
    assert "runs out in about 40 h (likely between 30 h and 2 days)" in alert.text
    assert "620 B an hour, 19.5 KB are left" in alert.text
    scene.engine.ack(alert.id, "Ada", "tomorrow", scene.wall_s)
    scene.nodes[3].leak = Leak(620, 20.0, 15.0, 25.0)
    scene.run(60)
    assert scene.one("leak").severity == "critical"
    assert not scene.one("leak").acked_by
    assert [n.alerts[0].severity for n in scene.notices()] == ["warning", "critical"]
    # It is not taken back for a better forecast.
    scene.nodes[3].leak = Leak(620, 60.0, 50.0, 70.0)
    scene.run(600)
    assert scene.one("leak").severity == "critical"
    scene.nodes[3].leak = None
    scene.run(3600)
    assert not scene.open()


def test_a_reboot_loop_is_told_at_once_even_while_the_node_is_away():
    scene = Scene().run(300)
    scene.nodes[3].restarts_us = (scene.now_us - 60 * HIGH, scene.now_us - 30 * HIGH)
    scene.run(20)
    assert not scene.open()
    scene.nodes[3].restarts_us += (scene.now_us,)
    scene.leave(3, silent_s=0).run(10)
    assert "Kitchen (3) restarted 3 times within 30 min" in scene.one("reboot_loop").text
    scene.back(3).run(1700)
    assert scene.firing("reboot_loop")
    scene.run(200)
    assert not scene.open()


def test_a_stock_board_that_comes_back_again_and_again_is_a_loop_too():
    scene = Scene().set(3, rejoins_per_h=6).run(10)
    assert "came back 6 times within the last hour" in scene.one("reboot_loop").text


def test_a_board_that_comes_back_elsewhere_each_time_moves_and_is_no_loop():
    assert not Scene().set(3, rejoins_per_h=9, moves_per_h=8).run(10).open()
    scene = Scene().set(3, rejoins_per_h=9, moves_per_h=3).run(10)
    assert "came back 6 times" in scene.one("reboot_loop").text


def test_a_node_that_moves_and_a_mesh_that_does():
    scene = Scene({1: None} | dict.fromkeys(range(2, 12), 1)).run(100)
    scene.nodes[3].moves_us = tuple(scene.now_us - n * HIGH for n in range(6))
    scene.run(200)
    assert "Kitchen (3) changed its parent 6 times within 30 min" in scene.one("moving").text
    for node in range(4, 9):
        scene.nodes[node].moves_us = (scene.now_us,)
    scene.run(200)
    single, storm = sorted(scene.firing("moving"), key=lambda doc: "mesh" in doc.labels)
    assert storm.labels == {"mesh": "all"}
    assert "6 of 11 nodes changed their parent" in storm.text
    assert single.inhibited_by == storm.fingerprint


def test_a_storm_after_a_break_is_explained_by_it():
    scene = Scene({1: None} | dict.fromkeys(range(2, 12), 1)).run(100).leave(2).run(60)
    for node in range(4, 10):
        scene.nodes[node].moves_us = (scene.now_us,)
    scene.run(300)
    assert scene.one("moving").inhibited_by == scene.one("silent_node").fingerprint
    assert scene.rules_told() == ["silent_node"]


def test_firmware_that_is_not_what_it_was():
    scene = Scene()
    scene.nodes[3].told_md5, scene.nodes[3].firmware_md5 = "AB" * 16, "ab" * 16
    assert not scene.run(600).open()
    scene.nodes[3].told_md5 = "cd" * 16
    scene.nodes[3].updating = True
    assert not scene.run(600).open()
    scene.nodes[3].updating = False
    scene.run(600)
    assert "cdcd" in scene.one("firmware_mismatch").text
    assert "abab" in scene.one("firmware_mismatch").text
    scene.nodes[3].told_md5 = ""
    assert not scene.run(60).firing()


@pytest.mark.parametrize(("told", "proven"), [("", "ab" * 16), ("ab" * 16, ""), ("", "")])
def test_firmware_of_which_nothing_is_known_is_no_other(told, proven):
    scene = Scene()
    scene.nodes[3].told_md5, scene.nodes[3].firmware_md5 = told, proven
    assert not scene.run(1200).open()


def test_a_failed_update_is_one_alert():
    scene = Scene()
    scene.facts.failed_updates = (FailedUpdate("r1", "June", "the canary failed.", (3, 4)),)
    scene.run(60)
    alert = scene.one("update_failed")
    assert alert.text == "The update 'June' failed: the canary failed. 2 nodes: Kitchen (3) and node 4."
    assert "meshward rollout show r1" in alert.advice
    assert alert.labels == {"rollout": "r1"}
    scene.facts.failed_updates = ()
    assert not scene.run(10).open()


def test_clocks():
    scene = Scene().set(3, clock_offset_ms=-4000).run(900)
    assert "Kitchen (3) is 4.0 s behind ours" in scene.one("node_clock").text
    scene.facts.clock_is_sane = False
    scene.run(600)
    assert "not set" in scene.one("gateway_clock").text


def test_several_metrics_unlike_themselves_are_told_and_one_never_is():
    scene = Scene()
    odd = Anomaly("heap_free_bytes", 12_000, 28_000, 500, 0)
    scene.nodes[3].anomalies = (odd, Anomaly("delay_ms", 900, 20, 5, 0))
    assert not scene.run(1200).open()
    scene.nodes[3].anomalies += (Anomaly("heap_block_bytes", 9_000, 20_000, 500, 0),)
    assert not scene.run(1200).open()  # the same memory, seen in another way
    scene.nodes[3].anomalies += (Anomaly("loop_max_ms", 700, 20, 5, 0),)
    scene.run(600)
    text = scene.one("unwell").text
    assert "unlike itself in 3 ways at once: free heap 11.7 KB (usually 27.3 KB)" in text


def test_outliers_are_worth_an_info():
    scene = Scene()
    scene.nodes[3].outliers = (Outlier("loop_max_ms", 800, 20, 12),)
    assert not scene.run(1500).firing()
    scene.run(600)
    assert scene.one("outlier").severity == "info"
    assert "unlike the 12 others" in scene.one("outlier").text


def test_floods_lies_and_strangers():
    scene = Scene()
    scene.nodes[3].packages_per_min = 900
    scene.nodes[7].refused_per_min, scene.nodes[7].refused = 40, "<b>\x1b[2Jheap</b> is NaN"
    scene.facts.unknown_senders_per_min, scene.facts.unknown_sender_via = 60, 2
    scene.run(120)
    texts = " ".join(doc.text for doc in scene.firing("strange_packages"))
    assert len(scene.firing("strange_packages")) == 3
    assert "900 packages a minute" in texts
    assert "40 values a minute are refused" in texts
    assert "\x1b" not in texts
    assert "most come through Hall (2)" in texts
    assert len(scene.notices()) == 1


@pytest.mark.parametrize(
    ("rule", "values"), [("hot", {"temperature_c": 90}), ("battery", {"battery_percent": 9})]
)
def test_hot_chips_and_empty_batteries(rule, values):
    scene = Scene().set(3, **values).run(900)
    assert scene.one(rule).advice
    assert "Kitchen (3): " in scene.one(rule).text


def test_values_that_come_no_more_leave_an_alert_as_it_is_for_an_hour():
    scene = feeding(Scene(), 600, heap_free_bytes=3000)
    scene.set(3, age_s=700, heap_free_bytes=3000).run(3000)
    assert scene.firing("low_heap")
    scene.run(900)
    assert not scene.open()
    (over,) = scene.notices("resolved")
    assert "no data" in over.alerts[0].ended


def test_old_values_raise_nothing():
    assert not Scene().set(3, age_s=700, heap_free_bytes=3000).run(900).open()


def test_a_node_that_is_away_gets_no_alerts_of_its_metrics():
    scene = Scene().set(7, heap_free_bytes=3000).leave(7).run(600)
    assert [doc.rule for doc in scene.open()] == ["silent_node"]


def test_a_counter_is_watched_as_a_rate():
    rules = '[custom.drops]\nmetric = "messages_dropped"\nabove = 2\nfor = "3m"\n'
    scene = Scene(rules=rules)
    for minute in range(12):
        feeding(scene, 60, messages_dropped=5000 + minute * 300)
    assert "5 1/s" in scene.one("drops").text
    scene = Scene(rules=rules)
    for minute in range(12):
        feeding(scene, 60, messages_dropped=5_000_000 + minute * 10)
    assert not scene.open()


def test_a_rule_may_be_about_some_nodes_only():
    rules = '[battery]\ntags = ["garden"]\nfor = 0\n'
    scene = Scene(rules=rules).set(3, battery_percent=3).set(4, battery_percent=3)
    scene.nodes[4].tags = ("garden",)
    assert [doc.node for doc in scene.run(10).firing()] == [4]
    scene.nodes[4].tags = ()
    scene.run(5)
    assert not scene.open()
