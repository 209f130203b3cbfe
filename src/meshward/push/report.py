"""How an update ended, for programs."""

from typing import Any

from meshward.ota.states import GOOD, NodeState
from meshward.ota.update import Update


def floor_seconds(update: Update) -> float | None:
    """The least time the parts need on our busiest link, None where its rate was not seen.

    What every node behind it must be sent, once to all or once to each, at the best rate that the
    link was seen to sustain.
    """
    rate = update.tally.link_rate_bytes_per_s()
    frames_bytes = sum(update.parts.frame_bytes(part) for part in range(len(update.parts)))
    copies = update.copies_on_busiest_link()
    return frames_bytes * copies / rate if rate and copies else None


def transfer_seconds(update: Update) -> float | None:
    """From the first offer to the last part past the relays; None where nothing had to be sent."""
    if update.transfers.started_us is None or update.transfers.ended_us is None:
        return None
    return (update.transfers.ended_us - update.transfers.started_us) / 1e6


def report(update: Update, *, image: dict[str, Any], total_seconds: float) -> dict[str, Any]:
    """The object that `meshward push --json` prints."""
    seconds = transfer_seconds(update)
    floor = floor_seconds(update)
    return {
        "strategy": update.options.strategy,
        "image": image,
        "part_bytes": update.parts.part_bytes,
        "parts": len(update.parts),
        "seconds": _rounded(seconds),
        "total_seconds": _rounded(total_seconds),
        "floor_seconds": _rounded(floor),
        "efficiency": _rounded(floor / seconds) if floor and seconds else None,
        "bytes_sent": update.tally.sent_bytes,
        "bytes_all_links": update.tally.all_links_bytes,
        "ok": succeeded(update),
        "nodes": [node_report(update, node_id) for node_id in sorted(update.records)],
    }


def node_report(update: Update, node_id: int) -> dict[str, Any]:
    """How one node ended."""
    record = update.records[node_id]
    seconds = None
    if record.started_us is not None and record.finished_us is not None:
        seconds = (record.finished_us - record.started_us) / 1e6
    return {
        "node": node_id,
        "state": record.state.value,
        "reason": record.reason,
        "seconds": _rounded(seconds),
        "repaired_parts": record.repaired_parts,
        "attempts": record.attempts,
    }


def succeeded(update: Update) -> bool:
    """Whether some node was a target, and all targets run the image."""
    targets = [r for r in update.records.values() if r.state is not NodeState.NOT_TARGETED]
    return bool(targets) and all(record.state in GOOD for record in targets)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
