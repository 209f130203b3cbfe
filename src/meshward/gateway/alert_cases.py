"""Use cases: alerts, what keeps them quiet, and the rules they come from."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from meshward.errors import ConflictError, InvalidError, NotPossibleError, UnknownItemError
from meshward.gateway.dashboard_views import RuleTrial, RuleTrialView
from meshward.gateway.desk import Desk
from meshward.gateway.health_shown import rule_view, silence_view
from meshward.gateway.health_store import keep_rule
from meshward.gateway.health_views import (
    SILENCE_S_MAX,
    AlertView,
    NewSilence,
    RulePatch,
    RuleView,
    SilenceView,
    TestResult,
)
from meshward.gateway.service import Caller
from meshward.gateway.shown import DAY_S
from meshward.gateway.trial_run import try_on
from meshward.gateway.trial_shown import TrialTally
from meshward.gateway.views import Page
from meshward.status.alerts.documents import AlertDoc, SilenceDoc
from meshward.status.alerts.rules import Rule, RuleBook
from meshward.status.metrics import METRICS
from meshward.store import alerts
from meshward.store.pages import Part, limited, position

OPEN = ("pending", "firing")
TRIAL = "trial"
"""How a rule is called that is only tried."""
TRIAL_S_MAX = 20.0
"""How long nodes are looked at for a trial; of very many some may be left out then."""
Ack = tuple[str, float | None, str]
"""Who acknowledged an alert, when, and the note."""


class AlertCases(Desk):
    """See `service.Service`."""

    tester: Callable[[], Awaitable[list[TestResult]]] | None = None
    """Sends a test notification to every receiver; the daemon's to set."""
    _trying = False
    """Whether a rule is on trial."""

    async def alerts(
        self,
        *,
        state: Sequence[str] = (),
        node: int | None = None,
        rule: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> Page[AlertView]:
        """Newest first. Open ones are as of now; one that ended counts as over when that is stored."""
        wanted = tuple(state) or OPEN
        if set(wanted) <= set(OPEN):
            part = _part(
                (
                    doc
                    for doc in self.monitor.alerts.open_alerts()
                    if doc.state in wanted and node in {None, doc.node} and rule in {None, doc.rule}
                ),
                limit,
                before,
            )
        else:
            part = await self.database.read(
                alerts.page, state=wanted, node=node, rule=rule, limit=limit, before=before
            )
            latest = {doc.id: doc for doc in self.monitor.alerts.open_alerts()}
            part = Part([latest.get(doc.id, doc) for doc in part.items], part.total, part.next)
        return Page(items=[self.alert_view(doc) for doc in part.items], total=part.total, next=part.next)

    async def alert(self, alert_id: str) -> AlertView:
        """One. Raises UnknownItemError."""
        doc = self._open_alert(alert_id)
        if doc is None:
            doc = await self.database.read(alerts.get, alert_id)
        return self.alert_view(doc)

    async def ack_alert(self, alert_id: str, note: str, caller: Caller) -> AlertView:
        """Somebody sees to it. Raises UnknownItemError, ConflictError."""
        self.must_be_writable()
        before = self._ack(alert_id)
        doc = self.monitor.alerts.ack(alert_id, caller.name, note, self.now_s())
        await self._keep_ack(before, doc, caller, "alert.ack", {"note": note} if note else {})
        return self.alert_view(doc)

    async def unack_alert(self, alert_id: str, caller: Caller) -> AlertView:
        """Nobody does any more. Raises UnknownItemError, ConflictError."""
        self.must_be_writable()
        before = self._ack(alert_id)
        doc = self.monitor.alerts.unack(alert_id, self.now_s())
        await self._keep_ack(before, doc, caller, "alert.unack", {})
        return self.alert_view(doc)

    async def silences(self, *, over: bool = False) -> list[SilenceView]:
        """What keeps alerts quiet."""
        now_s = self.now_s()
        docs = await self.database.read(alerts.silences, now_s, over=over)
        return [silence_view(doc, now_s) for doc in docs]

    async def create_silence(self, new: NewSilence, caller: Caller) -> SilenceView:
        """Keep alerts quiet. Raises InvalidError."""
        self.must_be_writable()
        doc = self._silence(new, caller)
        engine = self.monitor.alerts
        engine.add_silence(doc)

        def undo() -> None:
            engine.end_silence(doc.id, caller.name, self.now_s())

        await self._keep_or(undo, caller, f"{doc.kind}.create", doc.id, msgspec.to_builtins(new))
        return silence_view(doc, self.now_s())

    async def end_silence(self, silence_id: str, caller: Caller) -> SilenceView:
        """End it now. Raises UnknownItemError, ConflictError."""
        self.must_be_writable()
        engine = self.monitor.alerts
        stored = await self.database.read(alerts.silences, self.now_s())
        doc = engine.end_silence(silence_id, caller.name, self.now_s())

        def undo() -> None:
            # A window of an update that is not stored yet is not among them; the update opens it again.
            for before in stored:
                if before.id == silence_id:
                    engine.add_silence(before)

        await self._keep_or(undo, caller, f"{doc.kind}.end", doc.id, {})
        return silence_view(doc, self.now_s())

    def rules(self) -> list[RuleView]:
        """All rules as they are in force."""
        return [rule_view(rule) for rule in self.monitor.alerts.rules.rules]

    async def patch_rule(self, name: str, patch: RulePatch, caller: Caller) -> RuleView:
        """Change a rule, or make one. Raises InvalidError."""
        self.must_be_writable()
        given = {
            key: value for key, value in msgspec.structs.asdict(patch).items() if value is not msgspec.UNSET
        }
        rules = self.monitor.alerts.rules
        before = rules.overrides.get(name)
        override = rules.patch(name, given)
        await self._keep_rule(caller, "rule.change", name, given, override, before)
        return next(rule for rule in self.rules() if rule.name == name)

    async def reset_rule(self, name: str, caller: Caller) -> RuleView | None:
        """Take back what was changed by the API. Raises UnknownItemError."""
        self.must_be_writable()
        rules = self.monitor.alerts.rules
        before = rules.overrides.get(name)
        rules.reset(name)
        await self._keep_rule(caller, "rule.reset", name, {}, None, before)
        return next((rule for rule in self.rules() if rule.name == name), None)

    async def try_rule(self, trial: RuleTrial) -> RuleTrialView:
        """What a rule would have fired on. Raises UnknownItemError, InvalidError, NotPossibleError."""
        rule = self._rule_on_trial(trial)
        nodes = [
            view.id
            for view in sorted(self.book.views.values(), key=lambda view: view.id)
            if rule.is_about(view.id, tuple(view.tags))
        ]
        if self._trying:
            raise NotPossibleError(
                f"another rule is being tried, which takes up to {TRIAL_S_MAX:.0f} s: try again then"
            )
        self._trying = True
        try:
            end_s = self.now_s()
            last_us = self.now_us() + int(TRIAL_S_MAX * 1e6)
            tally = TrialTally(rule.metric, end_s - trial.days * DAY_S, end_s, len(nodes))
            for node in nodes:
                tally.add(node, await try_on(self.database, node, rule, tally.start_s, end_s))
                if self.now_us() > last_us:
                    break
        finally:
            self._trying = False
        return tally.view({node: view.name for node, view in self.book.views.items()})

    async def test_alerts(self, caller: Caller) -> list[TestResult]:
        """Try every receiver. Raises NotPossibleError where no gateway runs."""
        if self.tester is None:
            raise NotPossibleError("no gateway runs that could send anything: start it with `meshward run`")
        self.must_be_writable()
        results = await self.tester()
        detail = {result.receiver: result.text for result in results}
        await self.keep_alerts(caller, "alert.test", "receivers", detail)
        return results

    # -- inside ------------------------------------------------------------------------------

    def _rule_on_trial(self, trial: RuleTrial) -> Rule:
        """Checked as a rule that is made. Raises UnknownItemError, InvalidError."""
        if trial.metric not in METRICS:
            raise UnknownItemError(f"there is no metric {trial.metric!r}; known are {', '.join(METRICS)}")
        for node in trial.nodes:
            self.known_node(node)
        values = msgspec.structs.asdict(trial)
        del values["days"]
        if trial.clear is None:
            del values["clear"]
        book = RuleBook()
        book.patch(TRIAL, values)
        return book.by_name[TRIAL]

    def _open_alert(self, alert_id: str) -> AlertDoc | None:
        return next((doc for doc in self.monitor.alerts.open_alerts() if doc.id == alert_id), None)

    async def _keep_or(
        self, undo: Callable[[], None], caller: Caller, action: str, subject: str, detail: dict[str, Any]
    ) -> None:
        """Store what somebody did; where that cannot be, it was not done, and can be tried again."""
        try:
            await self.keep_alerts(caller, action, subject, detail)
        except Exception:
            # What ended by itself meanwhile needs no undoing.
            with suppress(UnknownItemError, ConflictError, InvalidError):
                undo()
            raise

    async def _keep_ack(
        self, before: Ack | None, doc: AlertDoc, caller: Caller, action: str, detail: dict[str, Any]
    ) -> None:
        """Store an acknowledgement that changed; where that cannot be, it is as it was `before`."""
        engine = self.monitor.alerts
        after = _ack_of(doc)

        def undo() -> None:
            if before is None or _ack_of(doc) != after:
                return  # somebody else changed it since
            who, at_s, note = before
            if at_s is None:
                engine.unack(doc.id, self.now_s())
            else:
                engine.ack(doc.id, who, note, at_s)

        await self._keep_or(undo, caller, action, doc.id, detail)

    def _ack(self, alert_id: str) -> Ack | None:
        doc = self._open_alert(alert_id)
        return None if doc is None else _ack_of(doc)

    async def _keep_rule(
        self,
        caller: Caller,
        action: str,
        name: str,
        given: dict[str, Any],
        override: dict[str, Any] | None,
        before: dict[str, Any] | None,
    ) -> None:
        """Store what is changed of a rule; where that cannot be, it is as it was `before`."""
        try:
            await self.write_audited(caller, action, lambda _: (name, given), keep_rule, name, override)
        except Exception:
            rules = self.monitor.alerts.rules
            if name in rules.by_name:
                rules.reset(name)
            if before is not None:
                rules.patch(name, before)
            raise

    def _silence(self, new: NewSilence, caller: Caller) -> SilenceDoc:
        now_s = self.now_s()
        starts_s = now_s if new.starts_at is None else _seconds("starts_at", new.starts_at)
        if (new.duration_s is None) == (new.ends_at is None):
            raise InvalidError("say either how long (duration_s), or until when (ends_at)")
        ends_s = (
            _seconds("ends_at", new.ends_at)
            if new.ends_at is not None
            else starts_s + (new.duration_s or 0.0)
        )
        if not max(starts_s, now_s) < ends_s <= starts_s + SILENCE_S_MAX:
            raise InvalidError(
                f"it must end after its start, in the future, and within {SILENCE_S_MAX / 86_400:.0f} days"
            )
        known = {rule.name for rule in self.monitor.alerts.rules.rules}
        for name in new.rules:
            if name not in known:
                raise InvalidError(f"there is no rule {name!r}; there are {', '.join(sorted(known))}")
        return SilenceDoc(
            id=secrets.token_hex(6),
            kind=new.kind,
            rules=new.rules,
            nodes=new.nodes,
            tags=new.tags,
            starts_s=starts_s,
            ends_s=ends_s,
            reason=new.reason,
            created_by=caller.name,
            created_s=now_s,
        )


def _ack_of(doc: AlertDoc) -> Ack:
    return doc.acked_by, doc.acked_s, doc.ack_note


def _part(docs: Iterable[AlertDoc], limit: int, before: str | None) -> Part[AlertDoc]:
    """Of open alerts, newest first. Raises InvalidError for what is no cursor."""
    placed = sorted(((_place(doc), doc) for doc in docs), key=lambda one: one[0], reverse=True)
    rest = placed
    if before is not None:
        at_us, between, alert_id = before.partition("_")
        start = (position(at_us if between else "") or 0, alert_id)
        rest = [one for one in placed if one[0] < start]
    shown = rest[: limited(limit)]
    more = len(rest) > len(shown)
    return Part([doc for _, doc in shown], len(placed), "{}_{}".format(*shown[-1][0]) if more else None)


def _place(doc: AlertDoc) -> tuple[int, str]:
    """Where it is in a list; many begin at the same moment."""
    return int(doc.since_s * 1e6), doc.id


def _seconds(name: str, text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError(f"{name} must be a time as 2026-11-25T18:00:00Z, not {text!r}") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
