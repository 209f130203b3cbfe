"""Rules about one metric: a threshold, another one where it is over, and values that are too old."""

from __future__ import annotations

from meshward.status.alerts.around import Around
from meshward.status.alerts.hits import UNSURE, Before, Hit, Unsure, Verdict
from meshward.status.alerts.recent import Series
from meshward.status.alerts.rule import Direction, Rule
from meshward.status.alerts.words import lasting, measured, named_at_start, place, size
from meshward.status.facts import Fact, NodeFacts
from meshward.status.metrics import METRICS

_ADVICE = {
    "hot": "Give it shade or air, or let its processor sleep; chips fail early above 85 °C.",
    "battery": "Charge or change its battery before it falls out of the mesh.",
}


def threshold(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    """Any metric against any limit; counters as rates."""
    series = fresh(node, rule.metric, around, before)
    if not isinstance(series, Series):
        return series
    metric = METRICS[rule.metric]
    value = series.rate() if metric.kind == "counter" else series.values[-1]
    if value is None:
        return UNSURE
    assert rule.threshold is not None
    if not is_beyond(value, rule.direction, rule.threshold, rule.clear, before):
        return None
    shown, limit = _shown(value, rule), _shown(rule.threshold, rule)
    text = (
        f"{named_at_start(node.node, around.nodes)}: {metric.words} is {shown}{so_long(before)} "
        f"(limit {limit})."
    )
    return Hit(text, _ADVICE.get(rule.name, ""), value, rule.threshold)


def low_heap(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    """Free heap against a limit, which depends on the hardware unless somebody set one for all."""
    series = fresh(node, rule.metric, around, before)
    if not isinstance(series, Series):
        return series
    limit, clear = rule.threshold, rule.clear
    if limit is None:
        # Not known to be an ESP32: the lower limit, which is too low for everybody.
        prefix = "esp32" if node.hardware.upper().startswith("ESP32") else "esp8266"
        limit, clear = rule.params[prefix], rule.params[prefix + "_clear"]
    value = series.values[-1]
    if not is_beyond(value, "below", limit, clear, before):
        return None
    text = (
        f"{named_at_start(node.node, around.nodes)} is nearly out of memory: {size(value)} of heap free"
        f"{so_long(before)} (limit {size(limit)}). It may crash, and drops messages before that."
    )
    return Hit(text, "Restart it; if this comes again, look for what its sketch keeps.", value, limit)


def weak_link(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    """The signal of its parent; where a board never told one, what of our probes is not answered."""
    if "rssi_dbm" not in node.metrics:
        return _lossy(rule, node, around, before)
    series = fresh(node, "rssi_dbm", around, before)
    if not isinstance(series, Series):
        return series
    value = series.level(around.now_us)  # single values are noise
    assert rule.threshold is not None
    if not is_beyond(value, "below", rule.threshold, rule.clear, before):
        return None
    text = (
        f"{named_at_start(node.node, around.nodes)} hears its parent, {place(node.parent, around.nodes)}, "
        f"badly: {value:.0f} dBm{so_long(before)} (limit {rule.threshold:g}). It may fall out of the mesh."
    )
    return Hit(
        text, "Bring the two closer together, turn an antenna, or add a node between.", value, rule.threshold
    )


def node_clock(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    """Its mesh time against ours, on either side."""
    series = fresh(node, rule.metric, around, before)
    if not isinstance(series, Series):
        return series
    offset_ms = series.values[-1]
    assert rule.threshold is not None
    if not is_beyond(abs(offset_ms), "above", rule.threshold, rule.clear, before):
        return None
    side = "ahead of" if offset_ms > 0 else "behind"
    text = (
        f"The mesh time of {place(node.node, around.nodes)} is {abs(offset_ms) / 1000:.1f} s {side} ours"
        f"{so_long(before)}. What it does at agreed times, it does at wrong ones."
    )
    return Hit(
        text,
        "Restart it. If several nodes show this, look for a second root or time authority.",
        offset_ms,
        rule.threshold,
    )


def fresh(node: NodeFacts, metric: str, around: Around, before: Before) -> Series | Unsure | None:
    """The values of a metric; None where a node never told it, and unsure where it tells it no more."""
    fact: Fact | None = node.metrics.get(metric)
    if fact is None:
        return UNSURE if before.firing else None
    series = around.recent.series(node.node, metric, fact, around.now_us)
    return UNSURE if series.is_stale(fact.age_s) else series


def is_beyond(value: float, direction: Direction, limit: float, clear: float | None, before: Before) -> bool:
    """Whether a value is on the wrong side: for what is firing already, of the clear threshold."""
    if before.firing and clear is not None:
        limit = clear
    return value > limit if direction == "above" else value < limit


def so_long(before: Before) -> str:
    """As " for 6 min"; "" where it was just seen."""
    return f" for {lasting(before.for_s)}" if before.for_s >= 30 else ""


def _lossy(rule: Rule, node: NodeFacts, around: Around, before: Before) -> Verdict:
    series = fresh(node, "probe_loss_percent", around, before)
    if not isinstance(series, Series):
        return series
    value, limit = series.values[-1], rule.params["loss"]
    if not is_beyond(value, "above", limit, rule.params["loss_clear"], before):
        return None
    text = (
        f"{named_at_start(node.node, around.nodes)} does not answer {value:.0f} % of our probes"
        f"{so_long(before)} (limit {limit:g} %). A link on the way to it, by "
        f"{place(node.parent, around.nodes)}, is bad or busy."
    )
    return Hit(
        text,
        "See whether its neighbours have the same; the link that all share is the bad one.",
        value,
        limit,
    )


def _shown(value: float, rule: Rule) -> str:
    if METRICS[rule.metric].kind == "counter":
        return f"{value:.3g} {rule.unit}"
    return measured(value, rule.metric)
