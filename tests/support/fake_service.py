"""A gateway without a mesh: the whole `gateway.service.Service` in memory, with real behaviour."""

import hashlib
import secrets
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from meshward import errors
from meshward.gateway import views
from meshward.gateway.feed import Feed
from meshward.gateway.service import Caller
from meshward.rollout.spec import RolloutSpec, Target, Transfer, push_spec
from meshward.rollout.states import TRANSITIONS, Action, RolloutState, actions_in
from tests.support.fake_bridges import FakeBridges
from tests.support.fake_health import FakeHealth
from tests.support.fake_past import FakePast
from tests.support.fake_self import FakeSelf
from tests.support.fake_trials import FakeTrials

NOW = "2026-11-25T12:00:00Z"
FIRMWARE_BYTES_MAX = 16 * 1024 * 1024
ESP_MAGIC = 0xE9
GZIP_MAGIC = b"\x1f\x8b"


def node(number: int, **fields: Any) -> views.NodeView:
    """A node with an id that is not just its number."""
    return views.NodeView(
        **{
            "id": 1000 + number,
            "name": f"node {number}",
            "online": number % 5 != 0,
            "hardware": "ESP32" if number % 2 else "ESP8266",
            "role": "sensor" if number % 3 else "relay",
            "version": f"1.{number % 4}",
            "tags": ["roof"] if number % 4 == 0 else [],
            "depth": 1 + number % 4 if number % 5 else None,
            "delay_ms": float(number) if number % 5 else None,
            **fields,
        }
    )


class FakeService(FakeBridges, FakeTrials, FakeSelf, FakePast, FakeHealth):
    """Nodes are given; all but health and alerts begins empty."""

    def __init__(self, nodes: int = 20) -> None:
        super().__init__()
        self.nodes_by_id = {view.id: view for view in (node(number) for number in range(1, nodes + 1))}
        self.mesh_connected = True
        self.store_writable = True
        self.calls: list[tuple[str, Any]] = []
        self.feed = Feed("epoch-1", self._snapshot)
        self.library: dict[str, views.FirmwareView] = {}
        self.taken_bytes = 0
        self.uploads_open = 0
        self.rollouts_by_id: dict[str, views.RolloutView] = {}
        self.updates_by_id: dict[str, views.UpdateView] = {}
        self.event_log: list[views.EventView] = []
        self.audit_log: list[views.AuditView] = []
        self.tokens_by_id: dict[str, views.TokenView] = {}
        self.secrets: dict[str, str] = {}
        self.current = views.SettingsView()
        self.remembered: dict[tuple[str, str], tuple[str, int, Any]] = {}

    # Helpers of tests.

    def secret(self, role: views.Role, name: str = "") -> str:
        """The secret of a new token."""
        made = self._make_token(views.NewToken(role=role, name=name or role), "test")
        return made.token

    def revoke(self, secret: str) -> None:
        """Revoke a token by its secret."""
        self.tokens_by_id[self.secrets[secret]].revoked_at = NOW

    def change(self, number: int) -> None:
        """Something happens to a node."""
        view = self.nodes_by_id[1000 + number]
        view.delay_ms = (view.delay_ms or 0.0) + 1.0
        self.feed.publish([{"kind": "node", "id": view.id, "value": msgspec.to_builtins(view)}])

    def _snapshot(self) -> dict[str, Any]:
        return {"nodes": [msgspec.to_builtins(view) for view in self.nodes_by_id.values()]}

    def _note(self, caller: Caller, action: str, subject: str) -> None:
        self.calls.append((action, caller))
        before = self.audit_log[-1].hash if self.audit_log else ""
        number = len(self.audit_log) + 1
        text = f"{before}{caller.name}{action}{subject}"
        self.audit_log.append(
            views.AuditView(
                id=number,
                at=NOW,
                actor=caller.name,
                action=action,
                subject=subject,
                detail={},
                hash=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            )
        )
        self.event_log.append(
            views.EventView(id=number, at=NOW, kind=action, severity="info", text=f"{action} {subject}")
        )

    # The mesh.

    def nodes(self) -> list[views.NodeView]:
        return list(self.nodes_by_id.values())

    def _node(self, node_id: int) -> views.NodeView:
        if node_id not in self.nodes_by_id:
            raise errors.UnknownItemError(f"there is no node {node_id}; list them with `meshward nodes`")
        return self.nodes_by_id[node_id]

    async def node(self, node_id: int) -> views.NodeDetail:
        return views.NodeDetail(**msgspec.structs.asdict(self._node(node_id)))

    async def patch_node(self, node_id: int, patch: views.NodePatch, caller: Caller) -> views.NodeDetail:
        view = self._node(node_id)
        for name, value in msgspec.structs.asdict(patch).items():
            if value is not msgspec.UNSET:
                setattr(view, name, value)
        self._note(caller, "patch node", str(node_id))
        return await self.node(node_id)

    async def forget_node(self, node_id: int, caller: Caller) -> None:
        if self._node(node_id).online:
            raise errors.NotPossibleError(
                f"node {node_id} is online; only nodes that are gone can be forgotten"
            )
        del self.nodes_by_id[node_id]
        self._note(caller, "forget node", str(node_id))

    def topology(self) -> views.TopologyView:
        below = [views.TopologyNode(id=node_id, parent=1, depth=1) for node_id in self.nodes_by_id]
        return views.TopologyView(
            own_id=1, nodes=[views.TopologyNode(id=1, parent=None, depth=0, root=True), *below]
        )

    # Firmware.

    async def firmware(self) -> list[views.FirmwareView]:
        return list(self.library.values())

    async def firmware_one(self, sha256: str) -> views.FirmwareView:
        found = [view for known, view in self.library.items() if known.startswith(sha256)]
        if len(found) != 1:
            raise errors.UnknownItemError(
                f"there is no firmware {sha256}; list it with `meshward firmware list`"
            )
        return found[0]

    async def add_firmware(
        self, chunks: AsyncIterator[bytes], *, name: str, notes: str, caller: Caller
    ) -> tuple[views.FirmwareView, bool]:
        self.uploads_open += 1
        data = bytearray()
        inflate = None
        inflated = 0
        async for chunk in chunks:
            if not data and chunk[:2] == GZIP_MAGIC:
                inflate = zlib.decompressobj(31)
            data += chunk
            self.taken_bytes = max(self.taken_bytes, len(data))
            if len(data) > FIRMWARE_BYTES_MAX:
                raise errors.FirmwareError("this file is larger than any board's flash")
            packed = chunk
            while inflate is not None and packed:
                inflated += len(inflate.decompress(packed, 65536))
                packed = inflate.unconsumed_tail
                if inflated > FIRMWARE_BYTES_MAX:
                    raise errors.FirmwareError("this gzip file unpacks to more than any board's flash")
        if inflate is None and data[:1] != bytes([ESP_MAGIC]):
            raise errors.FirmwareError("this is no firmware: it does not begin with 0xE9")
        sha256 = hashlib.sha256(data).hexdigest()
        new = sha256 not in self.library
        if new:
            self.library[sha256] = views.FirmwareView(
                sha256=sha256,
                md5=hashlib.md5(data).hexdigest(),
                name=name,
                size_bytes=len(data),
                what="esp-app",
                notes=notes,
                added_at=NOW,
                added_by=caller.name,
            )
            self._note(caller, "add firmware", sha256)
        return self.library[sha256], new

    async def note_firmware(self, sha256: str, notes: str, caller: Caller) -> views.FirmwareView:
        view = await self.firmware_one(sha256)
        view.notes = notes
        self._note(caller, "note firmware", sha256)
        return view

    async def remove_firmware(self, sha256: str, caller: Caller) -> None:
        view = await self.firmware_one(sha256)
        if any(view.sha256 in rollout.spec.images for rollout in self.rollouts_by_id.values()):
            raise errors.ConflictError("a rollout needs this firmware")
        del self.library[view.sha256]
        self._note(caller, "remove firmware", sha256)

    # Rollouts and updates.

    def _check(self, spec: RolloutSpec) -> None:
        for image in spec.images:
            if image not in self.library:
                raise errors.RolloutError(f"images: there is no firmware {image[:64]}")
        if not spec.images or not spec.target.roles or not spec.waves:
            raise errors.RolloutError("a rollout needs images, roles and waves")

    async def plan_rollout(self, spec: RolloutSpec) -> views.RolloutPlan:
        self._check(spec)
        wave = views.PlannedWave(name="everyone", nodes=sorted(self.nodes_by_id), soak_s=0.0)
        return views.RolloutPlan(
            waves=[wave],
            already_installed=[],
            not_targeted={},
            unknown=[],
            bytes_all_links=1,
            estimated_s=1.0,
            rollback={},
            warnings=[],
        )

    async def create_rollout(self, spec: RolloutSpec, caller: Caller) -> views.RolloutView:
        self._check_job(spec)
        self._check(spec)
        state = RolloutState.AWAITING_APPROVAL if spec.approval else RolloutState.SCHEDULED
        view = views.RolloutView(
            id=f"r{len(self.rollouts_by_id) + 1}",
            name=spec.name,
            state=state,
            wave_names=[wave.name for wave in spec.waves],
            counts={},
            created_at=NOW,
            created_by=caller.name,
            actions=list(actions_in(state)),
            spec=spec,
            waves=[],
            nodes=[],
        )
        self.rollouts_by_id[view.id] = view
        self.updates_by_id[f"u{view.id}"] = views.UpdateView(
            id=f"u{view.id}",
            rollout=view.id,
            kind="survey",
            firmware=spec.images[0],
            hardware="",
            role=spec.target.roles[0],
            open=True,
            strategy="auto",
            started_at=NOW,
            counts={},
            sent_bytes=0,
            all_links_bytes=0,
            nodes=[self._attempt(number, view.id) for number in self.nodes_by_id],
        )
        self._note(caller, "create rollout", view.id)
        return view

    def _attempt(self, node_id: int, rollout: str) -> views.AttemptView:
        return views.AttemptView(
            node=node_id, update=f"u{rollout}", rollout=rollout, kind="survey", firmware="", state="pending"
        )

    async def push(self, request: views.PushRequest, caller: Caller) -> views.RolloutView:
        target = Target(roles=(request.role,), nodes=tuple(request.nodes), exclude=tuple(request.exclude))
        spec = push_spec("push", request.firmware, target, Transfer())
        return await self.create_rollout(msgspec.structs.replace(spec, job=request.job), caller)

    async def rollouts(
        self, *, state: Sequence[str] = (), limit: int = 100, before: str | None = None
    ) -> views.Page[views.RolloutSummary]:
        found = [view for view in self.rollouts_by_id.values() if not state or view.state in state]
        names = views.RolloutSummary.__struct_fields__
        shown = [
            views.RolloutSummary(**{name: getattr(view, name) for name in names}) for view in found[::-1]
        ]
        return _page(shown, lambda view: view.id, limit, before)

    async def rollout(self, rollout_id: str) -> views.RolloutView:
        if rollout_id not in self.rollouts_by_id:
            raise errors.UnknownItemError(f"there is no rollout {rollout_id}")
        return self.rollouts_by_id[rollout_id]

    async def act(
        self, rollout_id: str, action: Action, caller: Caller, reason: str = ""
    ) -> views.RolloutView:
        view = await self.rollout(rollout_id)
        ways = TRANSITIONS[RolloutState(view.state)]
        if action not in ways:
            raise errors.NotPossibleError(f"{action} is not possible while it is {view.state}")
        view.state = ways[action][0]
        view.reason = reason
        view.actions = list(actions_in(RolloutState(view.state)))
        self._note(caller, action, rollout_id)
        return view

    async def updates(
        self,
        *,
        rollout: str | None = None,
        kind: str | None = None,
        open_only: bool = False,
        limit: int = 100,
        before: str | None = None,
    ) -> views.Page[views.UpdateView]:
        found = [
            view
            for view in reversed(self.updates_by_id.values())
            if rollout in {None, view.rollout} and kind in {None, view.kind} and (view.open or not open_only)
        ]
        return _page(found, lambda view: view.id, limit, before)

    async def update(self, update_id: str) -> views.UpdateView:
        if update_id not in self.updates_by_id:
            raise errors.UnknownItemError(f"there is no run {update_id}")
        return self.updates_by_id[update_id]

    async def attempts(
        self,
        *,
        node: int | None = None,
        rollout: str | None = None,
        limit: int = 100,
        before: str | None = None,
    ) -> views.Page[views.AttemptView]:
        found = [
            attempt
            for view in reversed(self.updates_by_id.values())
            for attempt in view.nodes
            if node in {None, attempt.node} and rollout in {None, attempt.rollout}
        ]
        return _page(found, lambda attempt: f"{attempt.update}.{attempt.node}", limit, before)

    # What happened.

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
    ) -> views.Page[views.EventView]:
        found = [
            event
            for event in self.event_log
            if kind in {None, event.kind} and severity in {None, event.severity} and event.id > (after or 0)
        ]
        if after is None:
            found.reverse()
        return _page(found, lambda event: str(event.id), limit, before and str(before))

    async def audit(self, *, limit: int = 100, before: int | None = None) -> views.Page[views.AuditView]:
        return _page(self.audit_log[::-1], lambda entry: str(entry.id), limit, before and str(before))

    async def verify_audit(self) -> views.AuditCheck:
        head = self.audit_log[-1].hash if self.audit_log else ""
        return views.AuditCheck(ok=True, entries=len(self.audit_log), head=head)

    # Tokens.

    async def tokens(self) -> list[views.TokenView]:
        return list(self.tokens_by_id.values())

    def _make_token(self, new: views.NewToken, by: str) -> views.MadeToken:
        secret = f"mw_{secrets.token_urlsafe(24)}"
        view = views.TokenView(
            id=f"t{len(self.tokens_by_id) + 1}", name=new.name, role=new.role, created_at=NOW, created_by=by
        )
        self.tokens_by_id[view.id] = view
        self.secrets[secret] = view.id
        return views.MadeToken(**msgspec.structs.asdict(view), token=secret)

    async def create_token(self, new: views.NewToken, caller: Caller) -> views.MadeToken:
        self._note(caller, "create token", new.name)
        return self._make_token(new, caller.name)

    async def revoke_token(self, token_id: str, caller: Caller) -> views.TokenView:
        if token_id not in self.tokens_by_id:
            raise errors.UnknownItemError(f"there is no token {token_id}")
        self.tokens_by_id[token_id].revoked_at = NOW
        self._note(caller, "revoke token", token_id)
        return self.tokens_by_id[token_id]

    async def authenticate(self, secret: str) -> Caller | None:
        view = self.tokens_by_id.get(self.secrets.get(secret, ""))
        return Caller(view.name, view.role, view.id) if view and not view.revoked_at else None

    # The gateway itself.

    def health(self) -> views.HealthView:
        return views.HealthView(
            ok=self.mesh_connected and self.store_writable,
            version="0",
            uptime_s=1.0,
            mesh_connected=self.mesh_connected,
            nodes_online=sum(view.online for view in self.nodes_by_id.values()),
            nodes_known=len(self.nodes_by_id),
            store_writable=self.store_writable,
            stream_clients=self.feed.readers,
        )

    async def settings(self) -> views.SettingsView:
        return self.current

    async def patch_settings(self, patch: views.SettingsPatch, caller: Caller) -> views.SettingsView:
        if patch.updates_at_once is not msgspec.UNSET and not 1 <= patch.updates_at_once <= 10:
            raise errors.SettingsError("updates_at_once: 1 to 10")
        changes = {
            name: value for name, value in msgspec.structs.asdict(patch).items() if value is not msgspec.UNSET
        }
        self.current = msgspec.structs.replace(self.current, **changes)
        self._note(caller, "patch settings", "")
        return self.current

    # Idempotency of actions.

    async def recall(self, key: str, caller: Caller, fingerprint: str) -> tuple[int, Any] | None:
        known = self.remembered.get((caller.token_id or caller.name, key))
        if known is None:
            return None
        if known[0] != fingerprint:
            raise errors.ConflictError("another request was made under this idempotency key")
        return known[1], known[2]

    async def remember(self, key: str, caller: Caller, fingerprint: str, status: int, body: Any) -> None:
        # Through JSON, as a store would.
        kept = msgspec.json.decode(msgspec.json.encode(body))
        self.remembered[caller.token_id or caller.name, key] = (fingerprint, status, kept)


def _page(
    items: list[Any], cursor_of: Callable[[Any], str], limit: int, before: str | None
) -> views.Page[Any]:
    start = 0
    if before is not None:
        cursors = [cursor_of(item) for item in items]
        start = cursors.index(before) + 1 if before in cursors else len(items)
    shown = items[start : start + limit]
    more = start + len(shown) < len(items)
    return views.Page(items=shown, total=len(items), next=cursor_of(shown[-1]) if shown and more else None)
