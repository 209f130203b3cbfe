"""`python -m meshward.demo [FIRMWARE]`: update twenty virtual boards, then compare with the stock way."""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom

from meshward.cli.output import print_line
from meshward.cli.push_view import make_view
from meshward.cli.render import print_tree
from meshward.errors import FleetPortError, MeshwardError
from meshward.firmware.synthetic import synthetic_image
from meshward.fleet.boards import StockPlan
from meshward.fleet.fleet import VirtualFleet
from meshward.fleet.plan import FleetPlan
from meshward.mesh import Mesh
from meshward.push import Options, PreparedImage, Pusher, Update, prepare, succeeded, transfer_seconds
from meshward.sim.baseline import stock_seconds

_NODES = 20
#: Places for the fleet: the usual one first, for others may be in use.
_PORTS = range(5600, 6600, 50)
#: Far more than even a small board needs for 20 nodes.
_PATIENCE_S = 30
_ROLE = "sensor"
_LOOP_MS = 10
_STOCK_PART_BYTES = 1024


async def demo(firmware: Path | None) -> bool:
    """Start a fleet, update it, compare; whether all boards run the image."""
    with tempfile.TemporaryDirectory() as folder:
        if firmware is None:
            firmware = Path(folder) / "firmware.bin"
            firmware.write_bytes(synthetic_image(200 * 1024, hardware="ESP8266"))
        image = prepare(firmware, role=_ROLE, hardware=None)
        plain = prepare(
            firmware, role=_ROLE, hardware=None, compress="never", part_bytes=_STOCK_PART_BYTES, force=True
        )
    print_line(f"Image: {len(plain.parts.data)} bytes for {image.offer.hardware}")
    print_line(
        f"Sent as {len(image.parts.data)} bytes in {len(image.parts)} parts, "
        f"compression: {image.compression}\n"
    )
    async with _fleet(image.offer.hardware) as fleet:
        update, total_s = await _update(fleet, image)
        parents = fleet.plan.parents()
    if succeeded(update):
        await asyncio.to_thread(_compare, update, total_s, plain, parents)
    return succeeded(update)


async def _update(fleet: VirtualFleet, image: PreparedImage) -> tuple[Update, float]:
    async with Mesh.connect(f"127.0.0.1:{fleet.plan.port}", node_id=1) as mesh:
        await mesh.settle()
        print_line(f"{_NODES} virtual boards on 127.0.0.1, each with a {_LOOP_MS} ms main loop:\n")
        print_tree(mesh.topology(), own=mesh.node_id)
        print_line("")
        update = Update(image.offer, image.parts, Options(), SystemRandom())
        started_s = time.monotonic()
        with make_view(update, json=False) as view:
            await Pusher(mesh, update, view.refresh).run()
        return update, time.monotonic() - started_s


def _compare(update: Update, total_s: float, plain: PreparedImage, parents: list[int | None]) -> None:
    ours_s = transfer_seconds(update) or 0.0
    print_line("\nThe same image by painlessMesh's own sender, in virtual time …")
    rows = [("meshward push (real TCP)", ours_s)]
    for words, has_loop in (("on a computer", False), ("on a board, as measured", True)):
        seconds = stock_seconds(parents, plain.offer, plain.parts, loop_ms=_LOOP_MS, sender_has_loop=has_loop)
        rows.append((f"stock sender {words}", seconds))
    print_line(f"\n{'until all boards have the image':<40}{'seconds':>9}{'times':>8}")
    for words, seconds in rows:
        print_line(f"{words:<40}{seconds:>9.1f}{seconds / ours_s:>8.1f}")
    print_line(f"\nWith looking, restarts and proofs before and after, the push took {total_s:.1f} s.")


@asynccontextmanager
async def _fleet(hardware: str) -> AsyncIterator[VirtualFleet]:
    """A fleet that has converged, at the first ports that are free."""
    stock = StockPlan(role=_ROLE, hardware=hardware)
    for port in _PORTS:
        plan = FleetPlan(nodes=_NODES, topology="tree", port=port, loop_ms=_LOOP_MS, stock=stock)
        fleet = VirtualFleet(plan)
        try:
            await fleet.__aenter__()
        except FleetPortError:
            continue
        try:
            await _converged(fleet)
            yield fleet
        finally:
            await fleet.close()
        return
    raise MeshwardError(f"no {_NODES} free ports in a row from {_PORTS.start} on; stop what uses them")


async def _converged(fleet: VirtualFleet) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await fleet.wait_converged()
    except TimeoutError:
        raise MeshwardError(
            f"the virtual nodes are no mesh after {_PATIENCE_S} s: is this machine very busy?"
        ) from None


def main(arguments: list[str]) -> int:
    """Run the demo; its exit status."""
    try:
        return 0 if asyncio.run(demo(Path(arguments[0]) if arguments else None)) else 1
    except MeshwardError as error:
        print("meshward:", error, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
