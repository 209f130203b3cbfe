"""`python -m meshward.demo [FIRMWARE]`: twenty virtual boards, the gateway, and a staged rollout to them."""

import asyncio
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from meshward.cli.output import print_line
from meshward.errors import FleetPortError, GatewayError, MeshwardError
from meshward.firmware.synthetic import synthetic_image
from meshward.fleet.boards import StockPlan
from meshward.fleet.fleet import VirtualFleet
from meshward.fleet.plan import FleetPlan
from meshward.gateway import endpoint
from meshward.push import PreparedImage, prepare
from meshward.sim.baseline import stock_seconds

_NODES = 20
#: Places for the fleet: the usual one first, for others may be in use.
_PORTS = range(5600, 6600, 50)
#: Far more than even a small board needs for 20 nodes.
_PATIENCE_S = 30
_ROLE = "sensor"
_LOOP_MS = 10
_STOCK_PART_BYTES = 1024
_SOAK = "5s"


async def demo(firmware: Path | None) -> bool:
    """Start a fleet and a gateway, roll an image out, check the audit log; whether all went well."""
    with tempfile.TemporaryDirectory() as folder:
        if firmware is None:
            firmware = Path(folder) / "firmware.bin"
            firmware.write_bytes(synthetic_image(200 * 1024, hardware="ESP8266"))
        plain = prepare(
            firmware, role=_ROLE, hardware=None, compress="never", part_bytes=_STOCK_PART_BYTES, force=True
        )
        last_good = Path(folder) / "last-good.bin"
        last_good.write_bytes(synthetic_image(100 * 1024, hardware=plain.offer.hardware, version="0.9"))
        data = Path(folder) / "data"
        async with _fleet(plain.offer.hardware) as fleet:
            print_line(f"{_NODES} virtual boards on 127.0.0.1, each with a {_LOOP_MS} ms main loop.\n")
            async with _gateway(data, fleet.plan.port):
                went_well = await _roll_out(data, firmware, last_good)
            parents = fleet.plan.parents()
    if went_well:
        await asyncio.to_thread(_compare, plain, parents)
    return went_well


async def _roll_out(data: Path, firmware: Path, last_good: Path) -> bool:
    """What a user would type."""
    commands = [
        ("status",),
        (
            *("rollout", "create", str(firmware), "--role", _ROLE, "--canary", "2", "--soak", _SOAK),
            *("--rollback-to", str(last_good), "--name", "demo", "--yes", "--watch"),
        ),
        ("events", "--kind", "rollout"),
        ("audit", "verify"),
    ]
    for command in commands:
        print_line(f"\n$ meshward {shlex.join(_shortened(word) for word in command)}\n")
        if await _run(data, *command) != 0:
            return False
    return True


def _shortened(word: str) -> str:
    return Path(word).name if os.sep in word else word


async def _run(data: Path, *command: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meshward", *command), env={**os.environ, "MESHWARD_DATA": str(data)}
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


@asynccontextmanager
async def _gateway(data: Path, port: int) -> AsyncIterator[None]:
    """`meshward run`, in the mesh."""
    arguments = ("run", "--data", str(data), "--connect", f"127.0.0.1:{port}", "--http", "127.0.0.1:0")
    log = data.parent / "gateway.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "meshward", *arguments), stdout=output, stderr=output
        )
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not await asyncio.to_thread(_sees_all, data):
                if process.returncode is not None:
                    raise GatewayError(f"the gateway ended: {log.read_text()[-500:]}")
                await asyncio.sleep(0.1)
        yield
    except TimeoutError:
        raise GatewayError(f"the gateway is not ready after {_PATIENCE_S} s: is this machine busy?") from None
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


def _sees_all(data: Path) -> bool:
    """Whether the gateway is up, and shows all boards."""
    try:
        found = endpoint.find(data)
        if found is None:
            return False
        asked = {"authorization": f"Bearer {found.token}"}
        answer = httpx.get(f"{found.url}/api/v1/nodes", params={"online": "true"}, headers=asked)
        return bool(answer.json()["total"] == _NODES)
    except (GatewayError, httpx.HTTPError):
        return False


def _compare(plain: PreparedImage, parents: list[int | None]) -> None:
    computer_s, board_s = (
        stock_seconds(parents, plain.offer, plain.parts, loop_ms=_LOOP_MS, sender_has_loop=has_loop)
        for has_loop in (False, True)
    )
    print_line(
        f"\npainlessMesh's own sender needs {computer_s:.0f} s from a computer and {board_s:.0f} s from a "
        "board\n(in virtual time) for this, without canary, proof or a way back."
    )


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
