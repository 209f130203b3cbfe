"""Commands that update firmware: push and verify."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import (
    DATA_DEFAULTS,
    GATEWAY_DEFAULTS,
    DataOptions,
    GatewayOptions,
    gateway,
)
from meshward.cli.options import JOIN_DEFAULTS, JoinOptions, Json, joined
from meshward.cli.output import plural, print_json, print_line
from meshward.cli.push_options import HOW, File, ImageOptions
from meshward.errors import UpdateRefusedError

if TYPE_CHECKING:
    from meshward.cli.push_view import UpdateView
    from meshward.mesh import Mesh
    from meshward.push import Journal, NodeRecord, NodeState, Options, PreparedImage, Pusher, Update

WINDOW = 32
CONCURRENCY = 3

Alone = Annotated[
    bool,
    Parameter(
        group=HOW,
        negative="",
        show_default=False,
        help="Join the mesh from here although a gateway runs; with --force, as two senders disturb "
        "each other.",
    ),
]


async def push(
    file: File,
    /,
    *,
    image: ImageOptions,
    strategy: Annotated[
        Literal["auto", "broadcast", "sequential", "stock"],
        Parameter(
            group=HOW,
            help="broadcast: every part once to all, with repair; sequential: a few nodes at a time; stock: "
            "the library's own slow way, for comparison; auto: broadcast for two nodes or more.",
        ),
    ] = "auto",
    window: Annotated[int, Parameter(group=HOW, help="Most parts on the way to one node.")] = WINDOW,
    concurrency: Annotated[
        int, Parameter(group=HOW, help="Nodes served at once when sequential.")
    ] = CONCURRENCY,
    backlog: Annotated[
        int | None,
        Parameter(
            group=HOW,
            metavar="BYTES",
            help="Most bytes to have queued towards any relay, one part per hop not counted; "
            "32768 for ESP32, 16384 for ESP8266.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        Parameter(
            group=HOW, negative="", show_default=False, help="Ask the nodes, show the plan, send nothing."
        ),
    ] = False,
    resume: Annotated[
        bool,
        Parameter(
            group=HOW,
            negative="",
            show_default=False,
            help="Fail where there is no interrupted update to go on with.",
        ),
    ] = False,
    restart: Annotated[
        bool,
        Parameter(
            group=HOW, negative="", show_default=False, help="Forget how far an interrupted update came."
        ),
    ] = False,
    state_dir: Annotated[
        Path | None, Parameter(group=HOW, metavar="DIR", help="Where interrupted updates are remembered.")
    ] = None,
    alone: Alone = False,
    json: Json = False,
    join: JoinOptions = JOIN_DEFAULTS,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> int:
    """Update the firmware of every unmodified painlessMesh board of a role.

    Nodes are first asked what they run; only those of the right role and hardware that need the
    image get it, and each is asked again after its restart. Interrupted, the same command goes on
    where the nodes are. Where a gateway runs, it does the work, and goes on when this command is
    left. Exit status: 0 all targets run the image, 1 some do not, 2 refused.

    Example: meshward push firmware.bin --role sensor --connect 10.1.2.1
    """
    from meshward.push import (  # noqa: PLC0415 a help page needs none of it
        BACKLOG_BYTES,
        BACKLOG_BYTES_DEFAULT,
        LOOK_TIMEOUT_US,
        Journal,
    )

    prepared = image.prepared(file)
    if min(window, concurrency) < 1 or (backlog is not None and backlog < 2048):
        raise UsageError("--window and --concurrency must be 1 or more, --backlog 2048 or more")
    if _through_gateway(at, alone=alone, force=image.force):
        given = {
            "--connect, --listen and --node-id": join != JOIN_DEFAULTS,
            "--window": window != WINDOW,
            "--concurrency": concurrency != CONCURRENCY,
            "--backlog": backlog is not None,
            "--resume": resume,
            "--restart": restart,
            "--state-dir": state_dir is not None,
        }
        _refuse_beside_gateway([option for option, is_given in given.items() if is_given])
        from meshward.cli.push_gateway import push_through  # noqa: PLC0415

        async with gateway(at) as reached:
            return await push_through(reached, file, image, strategy, dry_run=dry_run, json=json)
    options = replace(
        image.core_options(),
        strategy="broadcast" if strategy == "auto" else strategy,
        window=window,
        concurrency=concurrency,
        backlog_bytes=backlog or BACKLOG_BYTES.get(prepared.offer.hardware, BACKLOG_BYTES_DEFAULT),
        check_only=dry_run,
    )
    journal = Journal.of(prepared.offer, state_dir)
    if restart:
        journal.delete()
    if resume and journal.load() is None:
        raise UpdateRefusedError(
            "there is no interrupted update of this image, hardware and role to go on with"
        )
    async with joined(join) as (mesh, _):
        if dry_run:
            options = replace(options, idle_return_timeout_us=LOOK_TIMEOUT_US)
            return await _dry_run(mesh, prepared, options, json=json)
        return await _push(mesh, prepared, options, journal, json=json)


async def verify(
    file: File,
    /,
    *,
    image: ImageOptions,
    alone: Alone = False,
    json: Json = False,
    join: JoinOptions = JOIN_DEFAULTS,
    at: DataOptions = DATA_DEFAULTS,
) -> int:
    """Ask every node of a role whether it runs an image; no firmware is sent.

    A node that is half-way through an update, of whatever image, is put back to idle by it.

    A node that never took an update over the air cannot prove what it runs, and counts as not
    running it. Where a gateway runs it is refused: two senders disturb each other. Exit status: 0 all
    of them run it, 1 some do not, 2 refused.

    Example: meshward verify firmware.bin --role sensor --connect 10.1.2.1
    """
    from meshward.push import LOOK_TIMEOUT_US, report, succeeded  # noqa: PLC0415 as above

    prepared = image.prepared(file)
    if _through_gateway(GatewayOptions(data=at.data), alone=alone, force=image.force):
        raise UpdateRefusedError(
            "a gateway runs here, and two senders on one mesh disturb each other: `meshward status` shows "
            "what its nodes were proven to run; stop it, or add --alone --force where it has another mesh"
        )
    options = replace(image.core_options(), check_only=True, idle_return_timeout_us=LOOK_TIMEOUT_US)
    async with joined(join) as (mesh, _):
        update = await _look(mesh, prepared, options, json=json)
    if json:
        print_json(report(update, image=prepared.summary(), total_seconds=0.0))
    else:
        _print_states(update)
    return 0 if succeeded(update) else 1


def _through_gateway(at: GatewayOptions, *, alone: bool, force: bool) -> bool:
    """Whether a gateway is to do it. Raises UpdateRefusedError where we would disturb one."""
    if at.place() is None:
        return False
    if alone and not force:
        raise UpdateRefusedError(
            "a gateway runs here, and two senders on one mesh disturb each other: leave out --alone to go "
            "through it, or add --force where it has another mesh"
        )
    return not alone


def _refuse_beside_gateway(options: list[str]) -> None:
    if options:
        raise UsageError(
            f"{options[0]} cannot be used while a gateway does the work: leave it out, or add "
            "--alone --force where the gateway has another mesh"
        )


def _new_update(
    prepared: "PreparedImage", options: "Options", restored: "Sequence[NodeRecord]" = ()
) -> "Update":
    from meshward.push import Update  # noqa: PLC0415

    return Update(prepared.offer, prepared.parts, options, SystemRandom(), restored=restored)


async def _look(mesh: "Mesh", prepared: "PreparedImage", options: "Options", *, json: bool) -> "Update":
    from meshward.cli.push_view import make_view  # noqa: PLC0415
    from meshward.push import Pusher  # noqa: PLC0415

    update = _new_update(prepared, options)
    with make_view(update, json=json) as view:
        await Pusher(mesh, update, view.refresh).run()
    return update


async def _dry_run(mesh: "Mesh", prepared: "PreparedImage", options: "Options", *, json: bool) -> int:
    from meshward.push import plan  # noqa: PLC0415

    update = await _look(mesh, prepared, options, json=json)
    planned = plan(update)
    if json:
        print_json({"image": prepared.summary(), **planned.as_dict()})
        return 0
    print_line(
        f"would update {plural(len(planned.targets), 'node')} by {planned.strategy}: {planned.targets}"
    )
    print_line(f"{plural(len(planned.running), 'node')} run it already: {planned.running}")
    for node, reason in planned.others.items():
        print_line(f"not node {node}: {reason}")
    print_line(
        f"{planned.bytes_busiest_link / 1e6:.2f} MB over our link, "
        f"{planned.bytes_all_links / 1e6:.2f} MB over all; "
        f"at {planned.link_bytes_per_s / 1000:.0f} kB/s a link no faster than {planned.floor_seconds:.0f} s, "
        f"about {planned.estimated_seconds:.0f} s with restarts and checks"
    )
    return 0


async def _push(
    mesh: "Mesh", prepared: "PreparedImage", options: "Options", journal: "Journal", *, json: bool
) -> int:
    from meshward.cli.push_view import make_view  # noqa: PLC0415
    from meshward.push import (  # noqa: PLC0415
        Pusher,
        report,
        succeeded,
    )

    entry = journal.load()
    restored = entry.records() if entry is not None else []
    if entry is not None:
        prepared = replace(prepared, parts=type(prepared.parts)(prepared.parts.data, entry.part_bytes))
    update = _new_update(prepared, options, restored)
    started_s = time.monotonic()
    with make_view(update, json=json) as view:
        if entry is not None:
            view.say(f"going on with the update of {time.ctime(entry.updated_at)}")
        keeper = _Keeper(update, prepared, journal, view.refresh)
        pusher = Pusher(mesh, update, keeper.step)
        with _interruptible(pusher, view):
            await pusher.run()
        keeper.save()
    ok = succeeded(update)
    if ok or not (update.targets() or update.cancelled):
        journal.delete()
    if json:
        print_json(report(update, image=prepared.summary(), total_seconds=time.monotonic() - started_s))
    else:
        _print_end(update, time.monotonic() - started_s)
    if update.cancelled:
        print(  # noqa: T201
            "meshward: stopped; the nodes keep their place: run the same command again to go on",
            file=sys.stderr,
        )
        return 130
    return 0 if ok else 1


class _Keeper:
    """Saves the update every second and whenever a node reaches another state."""

    def __init__(
        self, update: "Update", prepared: "PreparedImage", journal: "Journal", refresh: Callable[[], None]
    ) -> None:
        self._update = update
        self._prepared = prepared
        self._journal = journal
        self._refresh = refresh
        self._states: list[NodeState] = []
        self._due_s = 0.0

    def step(self) -> None:
        """Look whether there is something to keep."""
        self._refresh()
        states = [record.state for record in self._update.records.values()]
        if states != self._states or time.monotonic() >= self._due_s:
            self._states = states
            self.save()

    def save(self) -> None:
        """Keep it now."""
        from meshward.push import SAVE_EVERY_S  # noqa: PLC0415

        self._journal.save(self._update, file=self._prepared.file, compression=self._prepared.compression)
        self._due_s = time.monotonic() + SAVE_EVERY_S


@contextmanager
def _interruptible(pusher: "Pusher", view: "UpdateView") -> Iterator[None]:
    """Ctrl-C asks once on a terminal, then stops in good order; SIGTERM stops at once."""
    import asyncio  # noqa: PLC0415 a help page needs no event loop

    loop = asyncio.get_running_loop()
    asked = not sys.stdin.isatty()

    def interrupted() -> None:
        nonlocal asked
        if asked:
            pusher.stop()
        else:
            asked = True
            view.say("Stop? Press Ctrl-C again. The nodes keep their place, and the same command goes on.")

    loop.add_signal_handler(signal.SIGINT, interrupted)
    loop.add_signal_handler(signal.SIGTERM, pusher.stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)


def _print_end(update: "Update", total_s: float) -> None:
    from meshward.push import GOOD, NodeState, floor_seconds, transfer_seconds  # noqa: PLC0415

    bad = [
        r for r in update.records.values() if r.state not in GOOD and r.state is not NodeState.NOT_TARGETED
    ]
    for record in sorted(bad, key=lambda r: r.node_id):
        print_line(f"node {record.node_id} {record.state.value}: {record.reason}")
    _print_counts(update)
    if not update.targets() and not any(r.state in GOOD for r in update.records.values()):
        print_line(
            f"nobody to update: no node answers as role {update.offer.role!r} on {update.offer.hardware}"
        )
    seconds, floor = transfer_seconds(update), floor_seconds(update)
    tally = update.tally
    line = f"{tally.sent_bytes / 1e6:.2f} MB sent, {tally.all_links_bytes / 1e6:.2f} MB over all links"
    if seconds is not None:
        line += f", transfer {seconds:.1f} s"
    if seconds and floor:
        line += f" (the link's floor is {floor:.1f} s: {100 * floor / seconds:.0f} %)"
    print_line(f"{line}, {total_s:.1f} s in all")


def _print_states(update: "Update") -> None:
    for record in sorted(update.records.values(), key=lambda r: r.node_id):
        state = "runs it" if record.state.value == "already_installed" else record.state.value
        print_line(f"node {record.node_id} {state}" + (f": {record.reason}" if record.reason else ""))
    _print_counts(update)


def _print_counts(update: "Update") -> None:
    counts: dict[str, int] = {}
    for record in update.records.values():
        counts[record.state.value] = counts.get(record.state.value, 0) + 1
    print_line(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no nodes")
