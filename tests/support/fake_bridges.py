"""The part of the fake service that bridges use: offers, updates of one node, texts and commands."""

from collections.abc import Callable
from typing import Any

from meshward import errors
from meshward.gateway import views
from meshward.gateway.bridge_views import BridgeView, NodeSample, OfferView, ProgressView
from meshward.gateway.service import Caller
from meshward.records import Message
from meshward.rollout.spec import RolloutSpec, Target, Transfer, push_spec
from meshward.rollout.states import FINAL, RolloutState
from meshward.streams import Fanout, Stream

TEXT_BYTES = 65_535
SAMPLES_HELD = 20_000


class FakeBridges:
    """`offered` and `under_way` are the test's to fill; `said` and `commanded` are what was sent."""

    nodes_by_id: dict[int, views.NodeView]
    rollouts_by_id: dict[str, views.RolloutView]
    mesh_connected: bool
    create_rollout: Callable[..., Any]
    _node: Callable[[int], views.NodeView]
    _note: Callable[[Caller, str, str], None]

    def __init__(self) -> None:
        super().__init__()
        self.offered: dict[int, OfferView] = {}
        """Of nodes that could run something else, or cannot be updated."""
        self.under_way: list[ProgressView] = []
        self.bridges_shown: list[BridgeView] = []
        self.said: list[tuple[int | None, str]] = []
        self.commanded: list[tuple[int | None, int, dict[str, Any]]] = []
        self._texts: Fanout[Message] = Fanout()
        self._measured: Fanout[NodeSample] = Fanout()

    # Helpers of tests.

    def offer(self, node_id: int, firmware: str, latest: str, **more: Any) -> None:
        """A node could run this firmware of the library."""
        installed = self._node(node_id).version
        self.offered[node_id] = OfferView(
            **{
                "node": node_id,
                "installed": installed,
                "latest": latest,
                "firmware": firmware,
                "available": latest != installed,
                **more,
            }
        )

    def hear_text(self, sender: int, text: str, *, broadcast: bool = False) -> None:
        """A node says something."""
        self._texts.put(Message(sender, text, broadcast))

    def measure(self, node_id: int, at_s: float, **values: float) -> None:
        """Something is measured of a node."""
        self._measured.put(NodeSample(node=node_id, at_s=at_s, values=values))

    # The service.

    def samples(self) -> Stream[NodeSample]:
        return self._measured.open(SAMPLES_HELD)

    async def offers(self) -> dict[int, OfferView]:
        return {node_id: self._offer(view) for node_id, view in self.nodes_by_id.items()}

    def _offer(self, view: views.NodeView) -> OfferView:
        return self.offered.get(view.id) or OfferView(
            node=view.id, installed=view.version, latest=view.version
        )

    async def update_node(self, node_id: int, caller: Caller, firmware: str = "") -> views.RolloutView:
        view = self._node(node_id)
        offer = self._offer(view)
        image = firmware or offer.firmware
        for rollout in self.rollouts_by_id.values():
            spec = rollout.spec
            if rollout.state not in FINAL and (spec.target.nodes, spec.images) == ((node_id,), (image,)):
                return rollout
        if offer.refusal or not view.online:
            why = offer.refusal or "it is not in the mesh: update it once it is back"
            raise errors.NotPossibleError(f"node {node_id} cannot be updated now: {why}")
        if not firmware and not offer.available:
            raise errors.NotPossibleError(f"node {node_id} runs {offer.installed} already")
        target = Target(roles=(view.role,), nodes=(node_id,))
        made: views.RolloutView = await self.create_rollout(
            push_spec(f"update of {view.name}", image, target, Transfer()), caller
        )
        return made

    def progress(self) -> list[ProgressView]:
        return list(self.under_way)

    async def rollout_of_job(self, job: str) -> views.RolloutView | None:
        found = (view for view in self.rollouts_by_id.values() if job and view.spec.job == job)
        return next(found, None)

    def _check_job(self, spec: RolloutSpec) -> None:
        for view in self.rollouts_by_id.values():
            if spec.job and view.spec.job == spec.job:
                raise errors.ConflictError(f"job {spec.job!r} is rollout {view.id}")

    def messages(self) -> Stream[Message]:
        return self._texts.open()

    async def send_message(self, node_id: int | None, text: str, caller: Caller) -> None:
        self._check_sendable(node_id, text)
        self.said.append((node_id, text))
        self._note(caller, "message.send", "all" if node_id is None else str(node_id))

    async def send_command(
        self, node_id: int | None, command: int, parameters: dict[str, Any], caller: Caller
    ) -> None:
        if not 0 <= command <= 255:
            raise errors.InvalidError(f"a command is a number from 0 to 255, not {command}")
        self._check_sendable(node_id, "")
        self.commanded.append((node_id, command, parameters))
        self._note(caller, "command.send", "all" if node_id is None else str(node_id))

    def _check_sendable(self, node_id: int | None, text: str) -> None:
        if len(text.encode(errors="surrogatepass")) > TEXT_BYTES:
            raise errors.InvalidError(f"a text of more than {TEXT_BYTES} bytes is too long")
        if node_id is not None and not self._node(node_id).online:
            raise errors.NotPossibleError(f"node {node_id} is not in the mesh: send it again once it is back")
        if not self.mesh_connected:
            raise errors.NotPossibleError("the gateway is not in the mesh at the moment")

    def bridges(self) -> list[BridgeView]:
        return list(self.bridges_shown)


def over(rollout: views.RolloutView, state: RolloutState = RolloutState.COMPLETED) -> None:
    """A rollout of the fake's ends."""
    rollout.state = state
    rollout.actions = []
