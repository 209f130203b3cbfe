"""`push` where a gateway runs: the gateway updates the boards, and this process watches."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from meshward.cli.asking import ask, at_terminal
from meshward.cli.firmware_upload import CheckedFile, checked, upload
from meshward.cli.output import print_json, print_line
from meshward.cli.rollout_print import print_left, print_outcome, print_plan
from meshward.cli.rollout_watch import NoView, display, watch
from meshward.cli.states import GOOD
from meshward.gateway.views import FirmwareView, NodeEntryView, PushRequest, RolloutPlan, RolloutView
from meshward.rollout.spec import Target, Transfer, push_spec
from meshward.text import printable

if TYPE_CHECKING:
    from meshward.cli.gateway_client import Gateway
    from meshward.cli.push_options import ImageOptions

Strategy = Literal["auto", "broadcast", "sequential", "stock"]


async def push_through(
    gateway: "Gateway", file: Path, image: "ImageOptions", strategy: Strategy, *, dry_run: bool, json: bool
) -> int:
    """Upload the file, let the gateway push it, watch; the exit status is that of `push` alone."""
    started_s = time.monotonic()
    looked_at = checked(file, extract=image.extract, force=image.force, chip=image.chip)
    firmware, _ = await upload(gateway, looked_at, quiet=json)
    request = PushRequest(
        firmware=firmware.sha256,
        role=image.role,
        nodes=list(image.nodes),
        exclude=list(image.exclude),
        strategy=strategy,
        compress=image.compress,
        part_bytes=image.part_size,
        force=image.force,
        chip=image.chip,
    )
    if dry_run:
        await _show_plan(gateway, firmware, request, json=json)
        return 0
    pushed = await gateway.post("updates", RolloutView, request)
    if json:
        ended = await watch(gateway, pushed.id, NoView())
    else:
        with display(json=False) as view:
            ended = await watch(gateway, pushed.id, view)
    if ended is None:
        await _leave(gateway, pushed.id)
        return 130
    targets = [entry for entry in ended.nodes if entry.state != "not_targeted"]
    ok = bool(targets) and all(entry.state in GOOD for entry in targets)
    if json:
        print_json(_report(ended, request, looked_at, ok=ok, total_s=time.monotonic() - started_s))
    else:
        _print_end(ended, targets, request)
    return 0 if ok else 1


async def _show_plan(gateway: "Gateway", firmware: FirmwareView, request: PushRequest, *, json: bool) -> None:
    target = Target(roles=(request.role,), nodes=tuple(request.nodes), exclude=tuple(request.exclude))
    transfer = Transfer(
        strategy=request.strategy,
        compress=request.compress,
        part_bytes=request.part_bytes,
        force=request.force,
        chip=request.chip,
    )
    spec = push_spec(firmware.name, firmware.sha256, target, transfer)
    plan = await gateway.post("rollouts/plan", RolloutPlan, spec)
    if not json:
        print_plan(spec, plan, [firmware])
        return
    print_json(
        {
            "strategy": request.strategy,
            "targets": [node for wave in plan.waves for node in wave.nodes],
            "already_installed": plan.already_installed,
            "not_targeted": [{"node": int(node), "reason": why} for node, why in plan.not_targeted.items()],
            "unknown": plan.unknown,
            "bytes_all_links": plan.bytes_all_links,
            "estimated_seconds": round(plan.estimated_s, 1),
            "warnings": plan.warnings,
        }
    )


async def _leave(gateway: "Gateway", rollout_id: str) -> None:
    """After Ctrl-C: the update goes on, unless somebody at the terminal wants it stopped."""
    if at_terminal() and not ask("Leave the update running?", default=True):
        await gateway.post(f"rollouts/{rollout_id}/abort", RolloutView, {"reason": "stopped by Ctrl-C"})
        print_line(f"update {rollout_id} is stopped; half-way nodes are put back to idle")
        return
    print_left(rollout_id)


def _print_end(ended: RolloutView, targets: list[NodeEntryView], request: PushRequest) -> None:
    for entry in sorted(targets, key=lambda entry: entry.node):
        if entry.state not in GOOD:
            print_line(f"node {entry.node} {entry.state}: {printable(entry.reason or '')}".rstrip(": "))
    if not targets:
        print_line(f"nobody to update: no node answers as role {request.role!r} on this hardware")
    print_outcome(ended)
    print_line(f"{ended.sent_bytes / 1e6:.2f} MB sent")


def _report(
    ended: RolloutView, request: PushRequest, file: CheckedFile, *, ok: bool, total_s: float
) -> dict[str, Any]:
    image = file.image
    return {
        "strategy": request.strategy,
        "image": {
            "file": file.name,
            "size_bytes": image.size_bytes,
            "md5": image.md5,
            "sha256": image.sha256,
            "hardware": image.hardware,
            "role": request.role,
        },
        "rollout": ended.id,
        "state": ended.state,
        "total_seconds": round(total_s, 3),
        "bytes_sent": ended.sent_bytes,
        "ok": ok,
        "nodes": [
            {"node": entry.node, "state": entry.state, "reason": entry.reason, "attempts": entry.attempts}
            for entry in sorted(ended.nodes, key=lambda entry: entry.node)
        ],
    }
