"""Following a rollout until it ends, through restarts of the gateway."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from rich.console import Console, RenderableType
from rich.live import Live

from meshward.cli.durations import duration_text
from meshward.cli.gateway_client import TokenRefusedError, UnreachableError
from meshward.cli.output import print_event, print_line
from meshward.cli.rollout_print import print_left, print_outcome
from meshward.cli.rollout_view import Moment, screen, stages
from meshward.cli.states import counts_text, state_words
from meshward.errors import GatewayError
from meshward.gateway.views import EventView, Page, RolloutView
from meshward.rollout.states import FINAL, RolloutState
from meshward.text import printable

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway

POLL_S = 0.5
"""Three of these and a person calls it slow."""
_LINE_EVERY_S = 10.0
_EVENTS_KEPT = 10
_EVENTS_AT_ONCE = 100


class View(Protocol):
    """Shows a rollout while it runs."""

    def show(self, moment: Moment) -> None:
        """How it stands; called at every look, whether or not anything changed."""


class Watcher:
    """Keeps the newest that the gateway said of a rollout."""

    def __init__(self, gateway: "Gateway", rollout_id: str) -> None:
        self._gateway = gateway
        self._id = rollout_id
        self._etag: str | None = None
        self._rollout: RolloutView | None = None
        self._said_s = 0.0
        self._away_since_s: float | None = None
        self._events: list[EventView] = []
        self._last_event: int | None = None

    async def look(self) -> Moment | None:
        """How it stands now; None before the gateway ever answered. Raises MeshwardError for what does not
        pass by itself.
        """
        try:
            await self._ask()
            self._away_since_s = None
        except (UnreachableError, TokenRefusedError) as error:
            moved = await self._gateway.find_again()
            if isinstance(error, TokenRefusedError) and not moved:
                raise
            if self._away_since_s is None:
                self._away_since_s = time.monotonic()
        if self._rollout is None:
            return None
        age_s = time.monotonic() - self._said_s
        return Moment(self._rollout, age_s, self._events, datetime.now(UTC), self._trouble())

    async def _ask(self) -> None:
        rollout, etag = await self._gateway.get_changed(f"rollouts/{self._id}", RolloutView, self._etag)
        if rollout is not None:
            self._rollout, self._etag, self._said_s = rollout, etag, time.monotonic()
        if self._last_event is None:
            newest = await self._page({"limit": _EVENTS_KEPT})
            self._take(list(reversed(newest.items)))
        else:
            self._take((await self._page({"limit": _EVENTS_AT_ONCE, "after": self._last_event})).items)

    async def _page(self, params: dict[str, int]) -> Page[EventView]:
        return await self._gateway.get("events", Page[EventView], {"rollout": self._id, **params})

    def _take(self, events: list[EventView]) -> None:
        self._events = (self._events + events)[-_EVENTS_KEPT:]
        self._last_event = self._events[-1].id if self._events else 0

    def _trouble(self) -> str:
        if self._away_since_s is None:
            return ""
        away = duration_text(time.monotonic() - self._away_since_s)
        return f"the gateway does not answer, trying again ({away}) …"


async def watch(gateway: "Gateway", rollout_id: str, view: View) -> RolloutView | None:
    """Follow a rollout; how it ended, None where Ctrl-C came first."""
    watcher = Watcher(gateway, rollout_id)
    with _interruptions() as interrupted:
        while True:
            moment = await watcher.look()
            if moment is not None:
                view.show(moment)
                if moment.rollout.state in FINAL:
                    return moment.rollout
                if gateway.local:
                    raise GatewayError(
                        "no gateway runs, so this rollout stands still: start one with `meshward run`"
                    )
            try:
                await asyncio.wait_for(interrupted.wait(), POLL_S)
            except TimeoutError:
                continue
            return None


async def follow(gateway: "Gateway", rollout_id: str, *, json: bool) -> int:
    """Show a rollout until it ends; the exit status."""
    with display(json=json) as view:
        ended = await watch(gateway, rollout_id, view)
    if ended is None:
        print_left(rollout_id)
        return 130
    if not json:
        print_outcome(ended)
    return 0 if succeeded(ended) else 1


@contextmanager
def _interruptions() -> Iterator[asyncio.Event]:
    """Set by Ctrl-C and SIGTERM."""
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, interrupted.set)
    try:
        yield interrupted
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


class LiveView:
    """The whole terminal, drawn anew at every look."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._moment: Moment | None = None
        self.live = Live(
            console=console, auto_refresh=False, get_renderable=self._render, vertical_overflow="crop"
        )
        """To be entered around all looks."""

    def show(self, moment: Moment) -> None:
        self._moment = moment
        self.live.refresh()

    def _render(self) -> RenderableType:
        if self._moment is None:
            return "asking the gateway …"
        return screen(self._moment, self._console.width, self._console.height)


class PlainView:
    """One line per change, for logs and pipes."""

    def __init__(self) -> None:
        self._state = ""
        self._trouble = False
        self._nodes: dict[int, str] = {}
        self._outcomes: list[str] = []
        self._line_due_s = 0.0

    def show(self, moment: Moment) -> None:
        rollout = moment.rollout
        if bool(moment.trouble) != self._trouble:
            self._trouble = bool(moment.trouble)
            print_line(moment.trouble or "the gateway answers again")
        self._show_nodes(rollout)
        self._show_waves(rollout)
        if rollout.state != self._state:
            self._state = rollout.state
            print_line(_sentence(rollout))
        elif time.monotonic() >= self._line_due_s and rollout.counts:
            print_line(counts_text(rollout.counts) or state_words(rollout.state))
        else:
            return
        self._line_due_s = time.monotonic() + _LINE_EVERY_S

    def _show_nodes(self, rollout: RolloutView) -> None:
        for entry in rollout.nodes:
            if self._nodes.get(entry.node, "pending") != entry.state and entry.state != "not_targeted":
                reason = f": {printable(entry.reason)}" if entry.reason else ""
                print_line(f"node {entry.node} {entry.state}{reason}")
            self._nodes[entry.node] = entry.state

    def _show_waves(self, rollout: RolloutView) -> None:
        outcomes = [wave.outcome for wave in rollout.waves]
        for index, stage in enumerate(stages(rollout)[: len(outcomes)]):
            if outcomes[index] and outcomes[index : index + 1] != self._outcomes[index : index + 1]:
                reason = rollout.waves[index].reason
                told = f": {printable(reason)}" if reason else ""
                print_line(f"wave {index + 1} ({printable(stage.name)}) {outcomes[index]}{told}")
        self._outcomes = outcomes


class JsonView:
    """An object a line: `rollout` whenever it changed, and each new event as `happened`."""

    def __init__(self) -> None:
        self._shown: RolloutView | None = None
        self._last_event = 0

    def show(self, moment: Moment) -> None:
        for event in moment.events:
            if event.id > self._last_event:
                self._last_event = event.id
                print_event("happened", **_builtins(event))
        if moment.rollout != self._shown:
            self._shown = moment.rollout
            print_event("rollout", **_builtins(moment.rollout))


class NoView:
    """Nothing: an object at the end says all."""

    def show(self, moment: Moment) -> None:
        """Nothing to show."""


@contextmanager
def display(*, json: bool) -> Iterator[View]:
    """The view that suits where the output goes."""
    console = Console(highlight=False)
    if json:
        yield JsonView()
    elif console.is_terminal:
        view = LiveView(console)
        with view.live:
            yield view
    else:
        yield PlainView()


def succeeded(rollout: RolloutView) -> bool:
    """Whether it ended as it was meant to."""
    return rollout.state == RolloutState.COMPLETED


def _sentence(rollout: RolloutView) -> str:
    reason = f": {printable(rollout.reason)}" if rollout.reason else ""
    hint = ""
    if rollout.state in {RolloutState.AWAITING_APPROVAL, RolloutState.AWAITING_GO}:
        hint = f"; go on with `meshward rollout approve {rollout.id}`"
    return f"rollout {rollout.id} {state_words(rollout.state)}{reason}{hint}"


def _builtins(value: Any) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(value)
    return built
