"""What the commands about alerts show."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.text import Text

from meshward.cli.durations import (
    age_text,
    ago_text,
    local_text,
    parse_at,
    seconds_since,
    span_text,
)
from meshward.cli.options import shortened
from meshward.cli.readings import value_text
from meshward.cli.tables import Cell, Column, print_facts, print_table, print_text
from meshward.gateway.health_views import AlertView, RuleView, SilenceView, TestResult
from meshward.text import printable

_ALERTS = (
    Column("id"),
    Column("severity", matters=7),
    Column("state"),
    Column("rule", matters=3),
    Column("for", matters=6, right=True),
    Column("what", flexible=True, room=24),
)
_SILENCES = (
    Column("id"),
    Column("kind", matters=5),
    Column("state", matters=7),
    Column("keeps quiet", flexible=True),
    Column("until", matters=8),
    Column("by", matters=3),
    Column("reason", matters=4, flexible=True),
)
_RULES = (
    Column("rule"),
    Column("", matters=8),
    Column("severity", matters=7),
    Column("it watches", flexible=True, room=24),
    Column("limit", matters=6, right=True, flexible=True),
    Column("for", matters=5, right=True),
    Column("stays for", matters=2, right=True),
    Column("about", matters=4),
    Column("from", matters=3),
)
_ORDER = ("critical", "warning", "info")
_STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
_TEXT_MAX = 300
_ID_CHARACTERS = 8


def by_severity(alerts: Iterable[AlertView]) -> list[AlertView]:
    """The worst first; of one severity the newest."""
    newest_first = sorted(alerts, key=lambda alert: alert.fired_at or alert.since_at, reverse=True)
    return sorted(newest_first, key=lambda alert: _ORDER.index(alert.severity))


def alert_line(alert: AlertView) -> Text:
    """An alert in one line: `critical a1b2: Kitchen is silent since …`."""
    line = Text().append(alert.severity, style=_STYLES[alert.severity])
    line.append(f" {short_id(alert.id)}", style="dim")
    return line.append(f": {printable(alert.text, _TEXT_MAX)}")


def short_id(text: str) -> str:
    """The beginning of an id, which is enough to name it by."""
    return printable(text[:_ID_CHARACTERS])


def alert_state(alert: AlertView) -> Text:
    """`firing`, `firing, acknowledged`."""
    style = {"firing": "bold red", "pending": "yellow", "resolved": "green"}[alert.state]
    state = Text().append(alert.state, style="dim" if alert.quiet and alert.state == "firing" else style)
    return state.append(f", {printable(alert.quiet, 20)}", style="dim") if alert.quiet else state


def print_alerts(alerts: Sequence[AlertView], now: datetime, *, filtered: bool) -> None:
    """A table of alerts, those that are firing and worst first."""
    if not alerts:
        print_text("There are no such alerts." if filtered else "No alert is firing, and none may soon.")
        return
    order = ("firing", "pending", "resolved")
    ordered = sorted(by_severity(alerts), key=lambda alert: order.index(alert.state))
    print_table(_ALERTS, [_alert_row(alert, now) for alert in ordered])


def _alert_row(alert: AlertView, now: datetime) -> list[Cell]:
    return [
        short_id(alert.id),
        Text(alert.severity, style=_STYLES[alert.severity]),
        alert_state(alert),
        alert.rule,
        age_text(seconds_since(alert.fired_at or alert.since_at, now)),
        alert.text,
    ]


def print_alert(alert: AlertView, now: datetime) -> None:
    """All of an alert."""
    heading = Text().append(alert.severity, style=_STYLES[alert.severity]).append(": ")
    print_text(heading.append(printable(alert.text), style="bold"))
    if alert.advice:
        print_text(f"→ {alert.advice}")
    node = "" if alert.node is None else f"{alert.node} {alert.name}".rstrip()
    acked = f"by {alert.acked_by}, {ago_text(alert.acked_at, now)}" if alert.acked_by else ""
    named = {"node", "rule"}
    labels = ", ".join(f"{key}={value}" for key, value in alert.labels.items() if key not in named)
    print_text("")
    print_facts(
        [
            ("id", alert.id),
            ("state", alert_state(alert)),
            ("rule", alert.rule),
            ("node", node),
            ("about", labels),
            ("value", "" if alert.value is None else f"{alert.value:g}"),
            ("threshold", "" if alert.threshold is None else f"{alert.threshold:g}"),
            ("behind it", shortened([str(node) for node in alert.behind])),
            ("begun", _moment(alert.since_at, now)),
            ("fired", _moment(alert.fired_at, now)),
            ("over", _moment(alert.resolved_at, now)),
            ("acknowledged", f"{acked}: {alert.ack_note}" if alert.ack_note else acked),
            ("follows from", alert.explained_by),
            ("silence", alert.silence),
            ("fingerprint", alert.fingerprint),
        ]
    )


def print_silences(silences: Sequence[SilenceView]) -> None:
    """A table of silences and maintenance windows, those that are active first."""
    if not silences:
        print_text("Nothing is silenced.")
        return
    order = ("active", "waiting", "over")
    ordered = sorted(silences, key=lambda silence: (order.index(silence.state), silence.ends_at))
    print_table(_SILENCES, [_silence_row(silence) for silence in ordered])


def _silence_row(silence: SilenceView) -> list[Cell]:
    style = {"active": "green", "waiting": "yellow", "over": "dim"}[silence.state]
    return [
        short_id(silence.id),
        silence.kind,
        Text(silence.state, style=style),
        scope_text(silence),
        local_text(silence.ends_at)[:16],
        silence.created_by,
        silence.reason,
    ]


def scope_text(about: SilenceView | RuleView) -> str:
    """What a silence or a rule is about: `rule low_heap, nodes 1001, 1002`, `everything`."""
    rules = about.rules if isinstance(about, SilenceView) else []
    lists = (("rule", rules), ("node", [str(node) for node in about.nodes]), ("tag", about.tags))
    named = [
        f"{noun if len(texts) == 1 else f'{noun}s'} {shortened(texts)}" for noun, texts in lists if texts
    ]
    return ", ".join(named) or ("everything" if isinstance(about, SilenceView) else "all nodes")


def silence_sentence(silence: SilenceView) -> str:
    """What a silence does, in one sentence."""
    what = "maintenance" if silence.kind == "maintenance" else "silence"
    until = local_text(silence.ends_at)[:16]
    lasts = span_text((parse_at(silence.ends_at) - parse_at(silence.starts_at)).total_seconds())
    if silence.state == "waiting":
        span = f"from {local_text(silence.starts_at)[:16]} until {until}"
    else:
        span = f"for {lasts}, until {until}"
    return f"{what} {short_id(silence.id)}: nobody is told of alerts about {scope_text(silence)}, {span}"


def print_rules(rules: Sequence[RuleView]) -> None:
    """A table of rules, the worst first."""
    ordered = sorted(rules, key=lambda rule: (not rule.enabled, _ORDER.index(rule.severity), rule.name))
    print_table(_RULES, [_rule_row(rule) for rule in ordered])


def _rule_row(rule: RuleView) -> list[Cell]:
    return [
        rule.name,
        Text("on", style="green") if rule.enabled else Text("off", style="dim"),
        Text(rule.severity, style=_STYLES[rule.severity]),
        rule.about or condition_text(rule),
        limit_text(rule),
        span_text(rule.for_s) if rule.for_s else "",
        span_text(rule.keep_firing_s) if rule.keep_firing_s else "",
        scope_text(rule) if rule.nodes or rule.tags else "",
        rule.origin if rule.origin != "default" else "",
    ]


def condition_text(rule: RuleView) -> str:
    """`heap_free_bytes below 12.0 KB`; "" for a rule that is about no single number."""
    if rule.threshold is None or not rule.metric or not rule.direction:
        return ""
    return f"{rule.metric} {rule.direction} {value_text(rule.threshold, rule.unit)}"


def limit_text(rule: RuleView) -> str:
    """`< 12.0 KB`, `3 restarts`; "" for a rule without a threshold."""
    if rule.threshold is None:
        return ""
    sign = {"above": "> ", "below": "< "}.get(rule.direction, "")
    limit = span_text(rule.threshold) if rule.unit == "s" else value_text(rule.threshold, rule.unit)
    return f"{sign}{limit}"


def print_rule(rule: RuleView) -> None:
    """All of a rule."""
    about = printable(rule.about or condition_text(rule))
    print_text(Text().append(printable(rule.name), style="bold").append(f": {about}"))
    threshold = "" if rule.threshold is None else value_text(rule.threshold, rule.unit)
    clear = "" if rule.clear is None else value_text(rule.clear, rule.unit)
    origin = {"default": "as it comes", "file": "the configuration file", "api": "a command or the API"}
    print_facts(
        [
            ("state", "on" if rule.enabled else "off"),
            ("severity", Text(rule.severity, style=_STYLES[rule.severity])),
            ("metric", rule.metric),
            (f"fires {rule.direction}".rstrip(), threshold),
            ("over at", clear),
            ("fires after", span_text(rule.for_s) if rule.for_s else "at once"),
            ("over after", span_text(rule.keep_firing_s) if rule.keep_firing_s else "at once"),
            ("about", scope_text(rule)),
            ("set by", origin[rule.origin]),
        ]
    )


def print_tests(results: Sequence[TestResult]) -> None:
    """What came of test notifications, a line each."""
    for result in results:
        line = Text().append("✓ " if result.ok else "✗ ", style="green" if result.ok else "bold red")
        line.append(printable(result.receiver, 60), style="bold")
        print_text(line.append(f": {printable(result.text)}"))


def _moment(text: str | None, now: datetime) -> str:
    return "" if text is None else f"{local_text(text)}, {ago_text(text, now)}"
