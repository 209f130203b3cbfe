"""Use cases: what happened, who may ask, and how the gateway itself does."""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from meshward import __version__
from meshward.errors import InvalidError, StoreError
from meshward.gateway.desk import SETTINGS_KEY, Desk
from meshward.gateway.service import Caller
from meshward.gateway.shown import audit_view, event_view, token_view
from meshward.gateway.views import (
    AuditCheck,
    AuditView,
    EventView,
    HealthView,
    MadeToken,
    NewToken,
    Page,
    SettingsPatch,
    SettingsView,
    TokenView,
)
from meshward.store import audit, events, failures, idempotency, settings, tokens
from meshward.store.connection import open_read_only

PROBE_S = (1.0, 86_400.0)
AT_ONCE = (1, 16)
NOT_PEOPLE = frozenset({"gateway", "command line"})
"""Names that the audit log has for others than holders of tokens."""


class RecordCases(Desk):
    """See `service.Service`."""

    async def events(
        self,
        *,
        node: int | None = None,
        rollout: str | None = None,
        kind: str | None = None,
        severity: str | None = None,
        limit: int = 100,
        before: int | None = None,
        after: int | None = None,
    ) -> Page[EventView]:
        """Newest first; with `after`, oldest first."""
        part = await self.database.read(
            events.page,
            node=node,
            rollout=rollout,
            kind=kind,
            severity=severity,
            limit=limit,
            before=before,
            after=after,
        )
        return Page(items=[event_view(event) for event in part.items], total=part.total, next=part.next)

    async def audit(self, *, limit: int = 100, before: int | None = None) -> Page[AuditView]:
        """Newest first."""
        part = await self.database.read(audit.page, limit=limit, before=before)
        return Page(items=[audit_view(row) for row in part.items], total=part.total, next=part.next)

    async def verify_audit(self) -> AuditCheck:
        """Whether the audit log is whole."""
        # With a connection of its own: a long log takes seconds, and everybody's tokens are read meanwhile.
        async with self.audit_lock:
            check = await asyncio.to_thread(_verify, self.database.path)
        return AuditCheck(
            ok=check.ok,
            entries=check.entries,
            head=check.head,
            broken_at=check.broken_at,
            problem=check.problem,
        )

    # Tokens.

    async def tokens(self) -> list[TokenView]:
        """All that were ever made."""
        return [token_view(row) for row in await self.database.read(tokens.load_all)]

    async def create_token(self, new: NewToken, caller: Caller) -> MadeToken:
        """Make one; its secret is in the answer and nowhere else. Raises InvalidError, StoreError."""
        if new.name.strip().casefold() in NOT_PEOPLE:
            raise InvalidError(
                f"a token cannot be called {new.name.strip()!r}: the audit log means another by it"
            )
        now_s = self.now_s()
        expires_s = None if new.expires_in_s is None else now_s + new.expires_in_s
        row, secret = await self.write_audited(
            caller,
            "token.create",
            lambda made: (made[0].id, {"role": new.role, "name": new.name}),
            tokens.create,
            role=new.role,
            name=new.name,
            created_by=caller.name,
            at_s=now_s,
            expires_s=expires_s,
        )
        return MadeToken(**msgspec.structs.asdict(token_view(row)), token=secret)

    async def revoke_token(self, token_id: str, caller: Caller) -> TokenView:
        """Make one useless. Raises UnknownItemError."""
        row = await self.write_audited(
            caller,
            "token.revoke",
            lambda revoked: (token_id, {"name": revoked.name}),
            tokens.revoke,
            token_id,
            self.now_s(),
        )
        return token_view(row)

    async def authenticate(self, secret: str) -> Caller | None:
        """Who holds this token; None for one that is not known, expired or revoked."""
        now_s = self.now_s()
        row = await self.database.read(tokens.find, secret, now_s)
        if row is None:
            return None
        if row.use_is_worth_noting(now_s) and self.database.writable:
            with suppress(StoreError):  # a full disk is no reason to keep anybody out
                await self.database.write(tokens.used, row.id, now_s)
        name = f"{row.name} (token {row.id})" if row.name else f"token {row.id}"  # names may be shared
        return Caller(name, row.role, row.id)

    # The gateway itself.

    def health(self) -> HealthView:
        """How it does."""
        alarms = list(self.alarms.values())
        return HealthView(
            ok=not alarms,
            version=__version__,
            uptime_s=round((self.now_us() - self.started_us) / 1e6, 1),
            mesh_connected=self.mesh_connected,
            nodes_online=len(self.book.online()),
            nodes_known=len(self.book.views),
            own_id=self.book.own_id,
            neighbours=self.neighbours,
            store_writable=self.database.writable,
            alarms=alarms,
            rollouts_active=len(self.engine.rollouts),
            stream_clients=self.feed.readers,
        )

    async def settings(self) -> SettingsView:
        """What can be changed while it runs, and what cannot."""
        engine = self.engine.settings
        return SettingsView(
            updates_paused=engine.updates_paused,
            updates_at_once=engine.updates_at_once,
            probe_every_s=engine.probe_every_us / 1e6,
            fixed=self.fixed,
        )

    async def patch_settings(self, patch: SettingsPatch, caller: Caller) -> SettingsView:
        """Change some. Raises InvalidError, StoreError."""
        given = {
            name: value for name, value in msgspec.structs.asdict(patch).items() if value is not msgspec.UNSET
        }
        _check_range(given, "updates_at_once", AT_ONCE)
        _check_range(given, "probe_every_s", PROBE_S)
        stored: dict[str, Any] = await self.database.read(settings.get, SETTINGS_KEY, {})
        await self.write_audited(
            caller,
            "settings.change",
            lambda _: ("gateway", given),
            settings.put,
            SETTINGS_KEY,
            {**stored, **given},
        )
        self.set_engine(given)
        self.on_change()
        return await self.settings()

    # Idempotency.

    async def recall(self, key: str, caller: Caller, fingerprint: str) -> tuple[int, Any] | None:
        """What was answered under this key. Raises ConflictError for another request."""
        who = caller.token_id or caller.name
        return await self.database.read(idempotency.recall, key, who, fingerprint, self.now_s())

    async def remember(self, key: str, caller: Caller, fingerprint: str, status: int, body: Any) -> None:
        """Keep an answer."""
        who = caller.token_id or caller.name
        await self.database.write(idempotency.remember, key, who, fingerprint, status, body, self.now_s())


def _verify(database: Path) -> audit.AuditCheck:
    with failures.translated(database), closing(open_read_only(database)) as connection:
        return audit.verify(connection)


def _check_range(given: dict[str, Any], name: str, limits: tuple[float, float]) -> None:
    low, high = limits
    if name in given and not low <= given[name] <= high:
        raise InvalidError(f"{name} must be from {low:g} to {high:g}, not {given[name]}")
