"""How updates go, told on retained topics: each one, and all in the form that was proposed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from meshward.bridges.mqtt.control.control import fetching
from meshward.bridges.mqtt.control.images import Images
from meshward.bridges.mqtt.control.progress import RolloutProgress, is_over, progress_of
from meshward.bridges.mqtt.control.proposal import status_of
from meshward.bridges.mqtt.messages import Received
from meshward.bridges.mqtt.part import Session
from meshward.bridges.mqtt.profiles.profile import Profile
from meshward.bridges.mqtt.retained import Retained
from meshward.bridges.mqtt.topics import Topics
from meshward.bridges.picture import Follower
from meshward.bridges.values import unix_s
from meshward.errors import MeshwardError
from meshward.gateway.service import Service
from meshward.gateway.views import RolloutSummary
from meshward.rollout.spec import RolloutSpec
from meshward.rollout.states import RolloutState

PERIOD_S = 1.0
"""Shortest time between two looks."""
IDLE_S = 60.0
"""Longest time between two looks: what ended long ago is cleared then."""
ENDED_SHOWN_S = 24 * 3600.0
ENDED_MAX = 20
UNDER_WAY_MAX = 100
"""As many as the gateway runs at once."""


class ProgressPart:
    """A `Part` that writes to the shelf only."""

    def __init__(
        self,
        service: Service,
        topics: Topics,
        profile: Profile,
        shelf: Retained,
        images: Images | None = None,
        now_s: Callable[[], float] = time.time,
        period_s: float = PERIOD_S,
    ) -> None:
        """`images`: where control is on."""
        self._service = service
        self._topics = topics
        self._profile = profile
        self._shelf = shelf
        self._images = images
        self._now_s = now_s
        self._period_s = period_s
        self._follower = Follower(service.feed)
        self._filled = shelf.promise()
        self._specs: dict[str, RolloutSpec] = {}
        self._told: dict[str, RolloutProgress] = {}
        self._status: Any = None

    @property
    def filters(self) -> Sequence[str]:
        """Nothing is asked."""
        return ()

    async def work(self) -> None:
        """Look when something changed; each second while something is under way."""
        await self._follower.next()
        while True:
            await self.look()
            self._filled()
            await asyncio.sleep(self._period_s)
            if self._is_busy():
                self._follower.catch_up()
                continue
            try:
                async with asyncio.timeout(self._period_s if self._images is not None else IDLE_S):
                    await self._follower.next()
            except TimeoutError:
                pass

    async def run(self, session: Session) -> None:
        """What is on the shelf is sent by the bridge."""

    async def on_message(self, message: Received) -> None:
        """Nothing is asked."""

    async def look(self) -> None:
        """Write what is different now."""
        shown = self._shown()
        await self._learn_specs(shown)
        running = self._service.progress()
        now_s = self._now_s()
        progresses = [self._onwards(progress_of(each, self._specs.get(each.id), running)) for each in shown]
        for gone in self._told.keys() - {each.rollout for each in progresses}:
            del self._told[gone]
            self._specs.pop(gone, None)
            self._shelf.drop(self._topics.update_status(gone))
        for progress in progresses:
            if self._told.get(progress.rollout) != progress:
                self._told[progress.rollout] = progress
                payload = self._profile.rollout(msgspec.to_builtins(progress), now_s)
                self._shelf.put(self._topics.update_status(progress.rollout), payload)
        self._tell_all(progresses, now_s)

    def _shown(self) -> list[RolloutSummary]:
        """Under way, and lately ended; newest first."""
        newest_first = sorted(
            self._follower.picture.rollouts.values(),
            key=lambda each: (each.created_at, each.id),
            reverse=True,
        )
        since_s = self._now_s() - ENDED_SHOWN_S
        ended = [each for each in newest_first if is_over(each.state) and _ended_s(each) >= since_s]
        under_way = [each for each in newest_first if not is_over(each.state)]
        chosen = {each.id for each in (*under_way[:UNDER_WAY_MAX], *ended[:ENDED_MAX])}
        return [each for each in newest_first if each.id in chosen]

    async def _learn_specs(self, shown: Sequence[RolloutSummary]) -> None:
        """What a rollout is to do never changes, so it is looked up once."""
        for each in shown:
            if each.id not in self._specs:
                try:
                    self._specs[each.id] = (await self._service.rollout(each.id)).spec
                except MeshwardError:
                    continue  # told without it; looked up again the next time

    def _onwards(self, progress: RolloutProgress) -> RolloutProgress:
        """The share never goes back: what runs tell is newer than counts, and gone when they are paused."""
        before = self._told.get(progress.rollout)
        if before is not None and not before.over and _goes_back(before) == _goes_back(progress):
            progress.percent = max(progress.percent, before.percent)
        return progress

    def _tell_all(self, progresses: Sequence[RolloutProgress], now_s: float) -> None:
        """The topic of all; its time is that of the latest change."""
        fetches = [] if self._images is None else fetching(self._images)
        seen = (progresses, fetches)
        if seen != self._status:
            self._status = seen
            status = status_of(progresses, fetches, now_s)
            payload = self._profile.updates(msgspec.to_builtins(status), now_s)
            self._shelf.put(self._topics.update_status(), payload)

    def _is_busy(self) -> bool:
        if self._images is not None and self._images.under_way:
            return True
        return any(not is_over(each.state) for each in self._follower.picture.rollouts.values())


def _goes_back(progress: RolloutProgress) -> bool:
    return progress.state == RolloutState.ROLLING_BACK


def _ended_s(summary: RolloutSummary) -> float:
    return unix_s(summary.ended_at or summary.created_at) or 0.0
