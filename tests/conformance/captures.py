"""The recorded traffic of real C++ nodes: what its README says of each file, and how to read it."""

import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "captures"

OTA_KINDS = (10, 11, 12)
SESSION = (
    "join_as_station",
    "steady_state_70s",
    "time_delay",
    "leave_and_rejoin",
    "ota_unicast_3_nodes",
)
"""One session, cut into files: each goes on where the one before it ends."""


@dataclass(frozen=True)
class Line:
    """One line of a recording."""

    t: float  # seconds since the recording began
    dir: str  # "rx": the C++ nodes sent it; "tx": the peer did; "closed": the C++ node hung up
    link: int  # the peer's first connection is 0, its second 1
    text: str = ""
    package: dict | None = None  # None where the recording holds no whole frame

    @property
    def kind(self):
        return self.package["type"] if self.package else None

    @property
    def message_kind(self):
        """`msg.type` of time sync and time delay."""
        return self.package["msg"]["type"] if self.kind in {3, 4} else None


def load(*names, second_link_from_s=None):
    """The lines of some files, in order. OTA content is left out: it belongs to the update receiver."""
    texts = [text for name in names for text in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
    lines = [_line(json.loads(text), second_link_from_s) for text in texts]
    return [line for line in lines if line.kind not in OTA_KINDS]


def names():
    """All recordings."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def _line(record, second_link_from_s):
    # A connection whose neighbour is not known yet has peer 0; a later one of these is a second connection.
    unknown = record.get("link_peer", record.get("peer")) == 0
    second = second_link_from_s is not None and unknown and record["t"] >= second_link_from_s
    text = record.get("text", "")
    package = None
    if text.endswith("..."):  # cut by the recorder
        package = {"type": 12} if '"type":12' in text else None
    elif text:
        package = json.loads(text, strict=False)
    return Line(record["t"], record["dir"], int(second), text, package)
