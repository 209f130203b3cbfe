"""Use cases: alerts, what keeps them quiet, and the rules they come from."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from meshward.errors import InvalidError, NotPossibleError, StoreError
from meshward.gateway.desk import Desk
from meshward.gateway.health_shown import rule_view, silence_view
from meshward.gateway.health_store import keep_rule
from meshward.gateway.health_views import (
    AlertView,
    NewSilence,
    RulePatch,
    RuleView,
    SilenceView,
    TestResult,
)
from meshward.gateway.service import Caller
from meshward.gateway.views import Page
from meshward.status.alerts.documents import SilenceDoc
from meshward.store import alerts

SILENCE_S_MAX = 400 * 86_400.0


class AlertCases(Desk):
    """See `service.Service`."""

    tester: Callable[[], Awaitable[list[TestResult]]] | None = None
    """Sends a test notification to every receiver; the daemon's to set."""

    async def alerts(
        self,
        *,
        state: Sequence[str] = (),
        node: int | None = None,
        rule: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> Page[AlertView]:
        """Newest first."""
        await self._keep_if_possible()
        wanted = tuple(state) or ("pending", "firing")
        part = await self.database.read(
            alerts.page, state=wanted, node=node, rule=rule, limit=limit, before=before
        )
        return Page(items=[self.alert_view(doc) for doc in part.items], total=part.total, next=part.next)

    async def alert(self, alert_id: str) -> AlertView:
        """One. Raises UnknownItemError."""
        await self._keep_if_possible()
        return self.alert_view(await self.database.read(alerts.get, alert_id))

    async def ack_alert(self, alert_id: str, note: str, caller: Caller) -> AlertView:
        """Somebody sees to it. Raises UnknownItemError, ConflictError."""
        self.must_be_writable()
        doc = self.monitor.alerts.ack(alert_id, caller.name, note, self.now_s())
        await self.keep_alerts(caller, "alert.ack", alert_id, {"note": note} if note else {})
        return self.alert_view(doc)

    async def unack_alert(self, alert_id: str, caller: Caller) -> AlertView:
        """Nobody does any more. Raises UnknownItemError, ConflictError."""
        self.must_be_writable()
        doc = self.monitor.alerts.unack(alert_id, self.now_s())
        await self.keep_alerts(caller, "alert.unack", alert_id, {})
        return self.alert_view(doc)

    async def silences(self, *, over: bool = False) -> list[SilenceView]:
        """What keeps alerts quiet."""
        await self._keep_if_possible()
        now_s = self.now_s()
        docs = await self.database.read(alerts.silences, now_s, over=over)
        return [silence_view(doc, now_s) for doc in docs]

    async def create_silence(self, new: NewSilence, caller: Caller) -> SilenceView:
        """Keep alerts quiet. Raises InvalidError."""
        self.must_be_writable()
        doc = self._silence(new, caller)
        self.monitor.alerts.add_silence(doc)
        await self.keep_alerts(caller, f"{doc.kind}.create", doc.id, msgspec.to_builtins(new))
        return silence_view(doc, self.now_s())

    async def end_silence(self, silence_id: str, caller: Caller) -> SilenceView:
        """End it now. Raises UnknownItemError, ConflictError."""
        self.must_be_writable()
        doc = self.monitor.alerts.end_silence(silence_id, caller.name, self.now_s())
        await self.keep_alerts(caller, f"{doc.kind}.end", doc.id, {})
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

    async def test_alerts(self, caller: Caller) -> list[TestResult]:
        """Try every receiver. Raises NotPossibleError where no gateway runs."""
        if self.tester is None:
            raise NotPossibleError("no gateway runs that could send anything: start it with `meshward run`")
        results = await self.tester()
        detail = {result.receiver: result.text for result in results}
        await self.keep_alerts(caller, "alert.test", "receivers", detail)
        return results

    # -- inside ------------------------------------------------------------------------------

    async def _keep_if_possible(self) -> None:
        """So that what is read is as of now; what a full disk does not take is no reason to show nothing."""
        with suppress(StoreError):
            await self.keep_health()

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
            raise InvalidError("it must end after its start, in the future, and within 400 days")
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


def _seconds(name: str, text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError(f"{name} must be a time as 2026-11-25T18:00:00Z, not {text!r}") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
