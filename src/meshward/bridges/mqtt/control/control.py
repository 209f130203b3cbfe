"""What requests do: one for all brokers of a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from meshward.bridges.mqtt.control.answers import RequestRefusedError
from meshward.bridges.mqtt.control.images import Images, Wanted
from meshward.bridges.mqtt.control.jobs import asked_image, job_of, known_as, spec_of, wanted_of
from meshward.bridges.mqtt.control.progress import progress_of, whole_progress_of
from meshward.bridges.mqtt.control.requests import (
    ActRequest,
    Request,
    StartRequest,
    StatusRequest,
    decoded,
)
from meshward.bridges.mqtt.control.signing import ACTIONS, KNOWN
from meshward.errors import ConflictError, UnknownItemError
from meshward.gateway.service import Caller, Service
from meshward.gateway.views import RolloutSummary, RolloutView
from meshward.rollout.spec import RolloutSpec
from meshward.rollout.states import FINAL, Action, RolloutState

CALLER = Caller("mqtt", "operator")
UNDER_WAY = tuple(state.value for state in RolloutState if state not in FINAL)
ROLLOUTS_TOLD_MAX = 100
SPECS_KEPT_MAX = 200
"""Twice what is told of at once."""

Do = Callable[[], Awaitable[Any]]


class Control:
    """Does what is asked, with a service."""

    def __init__(self, service: Service, images: Images) -> None:
        self.service = service
        self.images = images
        self._starting: set[str] = set()
        """Jobs; as many as there are workers, at most."""
        self._specs: dict[str, RolloutSpec] = {}
        self._acting = asyncio.Lock()
        """Actions are done in the order in which they came."""

    def work(self, action: str, text: bytes) -> tuple[Request, Do]:
        """A request, and what does it and gives the answer's data. Raises RequestRefusedError."""
        if action == "start":
            start = decoded(text, StartRequest)
            return start, lambda: self.start(start)
        if action == "check":
            check = decoded(text, StartRequest)
            return check, lambda: self.check(check)
        if action == "status":
            status = decoded(text, StatusRequest)
            return status, lambda: self.status(status)
        if action in ACTIONS:
            act = decoded(text, ActRequest)
            return act, lambda: self.act(Action(action), act)
        raise RequestRefusedError("unknown_action", f"there is no such request; there are {', '.join(KNOWN)}")

    async def start(self, request: StartRequest) -> dict[str, Any]:
        """An update, or the one that its job has already. Raises MeshwardError."""
        job = job_of(request)
        if not job:
            raise RequestRefusedError(
                "invalid",
                "job is missing: give each update a name of its own, so that asking twice does no harm",
            )
        with self.alone(job):
            earlier = await self.service.rollout_of_job(job)
            spec = await self._spec(request, earlier)
            wanted = wanted_of(request.image)
            if wanted is not None and earlier is None:
                await self.images.have(wanted, CALLER, job)
            return await self.begin(spec, earlier)

    async def begin(self, spec: RolloutSpec, earlier: RolloutView | None) -> dict[str, Any]:
        """A new rollout, unless there is an `earlier` one, which must have the same spec.

        Raises MeshwardError.
        """
        if earlier is None:
            try:
                return self._started(await self.service.create_rollout(spec, CALLER), new=True)
            except ConflictError:  # the same job may have been asked for by the API meanwhile
                earlier = await self.service.rollout_of_job(spec.job) if spec.job else None
                if earlier is None:
                    raise
        if earlier.spec != spec:
            raise RequestRefusedError(
                "conflict",
                f"job {spec.job} is rollout {earlier.id} already, and was asked for otherwise: give this one "
                "another job",
            )
        return self._started(earlier, new=False)

    @contextmanager
    def alone(self, job: str) -> Iterator[None]:
        """One request of a job at a time. Raises RequestRefusedError for a second one: it would only wait."""
        if job in self._starting:
            raise RequestRefusedError(
                "busy",
                "this job is being started already, and its image fetched if need be: ask for its status, or "
                "try again later",
            )
        self._starting.add(job)
        try:
            yield
        finally:
            self._starting.discard(job)

    async def check(self, request: StartRequest) -> dict[str, Any]:
        """What `start` would do; nothing is kept. Raises MeshwardError."""
        wanted = wanted_of(request.image)
        if wanted is not None and not await self._is_listed(wanted):
            found = await self.images.check(wanted, job_of(request))
            fields = msgspec.to_builtins(found)
            del fields["inspection"]  # its segments and tables fill many pages
            return {"firmware": fields}
        plan = await self.service.plan_rollout(await self._spec(request, None))
        return {"plan": msgspec.to_builtins(plan)}

    async def act(self, action: Action, request: ActRequest) -> dict[str, Any]:
        """Raises MeshwardError."""
        async with self._acting:
            rollout = await self.rollout_id(request.rollout, request.job)
            await self.service.act(rollout, action, CALLER, request.reason)
        return await self.told(rollout)

    async def status(self, request: StatusRequest) -> dict[str, Any]:
        """One rollout, one node, or what is under way. Raises MeshwardError."""
        if request.node is not None:
            if request.rollout or request.job:
                raise RequestRefusedError("invalid", "give one of rollout, job and node")
            return await self._node(request.node)
        if request.rollout or request.job:
            fetch = next(
                (fetch for fetch in fetching(self.images) if fetch["job"] == request.job != ""), None
            )
            if fetch is not None:
                return {"state": "fetching", **fetch}
            return await self.told(await self.rollout_id(request.rollout, request.job))
        running = self.service.progress()
        progresses = [
            progress_of(each, await self._spec_of(each.id), running) for each in await self.under_way()
        ]
        return {"rollouts": [_builtins(each) for each in progresses], "fetching": fetching(self.images)}

    async def told(self, rollout: str) -> dict[str, Any]:
        """How a rollout stands, with its nodes. Raises UnknownItemError."""
        view = await self.service.rollout(rollout)
        return _builtins(whole_progress_of(view, self.service.progress()))

    async def rollout_id(self, rollout: str, job: str) -> str:
        """Raises RequestRefusedError, UnknownItemError."""
        if bool(rollout) == bool(job):
            raise RequestRefusedError("invalid", "give either rollout (its id) or job")
        if rollout:
            return rollout
        found = await self.service.rollout_of_job(job)
        if found is None:
            raise UnknownItemError("there is no rollout of this job: start it first")
        return found.id

    async def under_way(self) -> list[RolloutSummary]:
        """Newest first."""
        return (await self.service.rollouts(state=UNDER_WAY, limit=ROLLOUTS_TOLD_MAX)).items

    async def newest(self) -> RolloutSummary | None:
        """The rollout that was asked for last."""
        return next(iter((await self.service.rollouts(limit=1)).items), None)

    def _started(self, view: RolloutView, *, new: bool) -> dict[str, Any]:
        return {"new": new, **_builtins(progress_of(view, view.spec, self.service.progress()))}

    async def _spec(self, request: StartRequest, earlier: RolloutView | None) -> RolloutSpec:
        known = () if earlier is None else (*earlier.spec.images, *earlier.spec.rollback_to)
        asked = asked_image(request)
        is_fetched = wanted_of(request.image) is not None
        image = asked if is_fetched or not asked else await self._whole_hash(asked, known)
        spec = spec_of(request, image)
        if request.spec is None:
            return spec
        return msgspec.structs.replace(
            spec,
            images=tuple([await self._whole_hash(each, (image, *known)) for each in spec.images]),
            rollback_to=tuple([await self._whole_hash(each, known) for each in spec.rollback_to]),
        )

    async def _whole_hash(self, beginning: str, known: tuple[str, ...]) -> str:
        """As the rollout's own spec will have it. Raises UnknownItemError, ConflictError."""
        return known_as(beginning, known) or (await self.service.firmware_one(beginning)).sha256

    async def _spec_of(self, rollout: str) -> RolloutSpec:
        """What a rollout is to do never changes, so it is looked up once."""
        if rollout not in self._specs:
            if len(self._specs) >= SPECS_KEPT_MAX:
                del self._specs[next(iter(self._specs))]
            self._specs[rollout] = (await self.service.rollout(rollout)).spec
        return self._specs[rollout]

    async def _is_listed(self, wanted: Wanted) -> bool:
        try:
            await self.service.firmware_one(wanted.sha256)
        except UnknownItemError:
            return False
        return True

    async def _node(self, node: int) -> dict[str, Any]:
        view = await self.service.node(node)
        told: dict[str, Any] = {
            "node": view.id,
            "name": view.name,
            "online": view.online,
            "hardware": view.hardware,
            "role": view.role,
            "version": view.version,
            "firmware": view.firmware,
            "state": view.update_state,
            "rollout": view.rollout,
        }
        running = next((each for each in self.service.progress() if each.node == node and each.parts), None)
        if running is not None:
            told["percent"] = min(100, 100 * running.parts_done // running.parts)
        return {name: value for name, value in told.items() if value not in {None, ""}}


def fetching(images: Images) -> list[dict[str, Any]]:
    """Files on their way into the library."""
    return [
        {"job": fetch.job, "host": fetch.host, **_fetched(fetch.received_bytes, fetch.size_bytes)}
        for fetch in images.under_way
    ]


def _fetched(received_bytes: int, size_bytes: int | None) -> dict[str, Any]:
    told: dict[str, Any] = {"received_bytes": received_bytes}
    if size_bytes:
        told |= {"size_bytes": size_bytes, "percent": min(100, 100 * received_bytes // size_bytes)}
    return told


def _builtins(value: msgspec.Struct) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(value)
    return told
