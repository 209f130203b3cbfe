"""The packages of painlessMesh's own update protocol (types 10, 11, 12), as stock nodes take them.

Facts about the receiver, all measured on C++ nodes, are told where they are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from meshnode.wire import (
    OTA_ANNOUNCE,
    OTA_DATA,
    OTA_DATA_REQUEST,
    ROUTE_BROADCAST,
    ROUTE_SINGLE,
)

Package = dict[str, Any]


class Random(Protocol):
    """The one thing asked of a source of randomness."""

    def random(self) -> float: ...


POLL_PART = 999_999
"""A part number no node ever expects: what a poll asks for."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a stock node compares before it takes a package: image, hardware and role.

    `md5` is that of the bytes as sent (of the .gz for a compressed image), in lower case: stock
    nodes reject upper case.
    """

    md5: str
    hardware: str
    role: str

    def made_up(self, rng: Random) -> Offer:
        """An image that does not exist, for the same role and hardware."""
        md5 = "".join(f"{int(rng.random() * 2**32):08x}" for _ in range(4))
        return Offer(md5, self.hardware, self.role)


class DataRequest(msgspec.Struct, frozen=True):
    """A node asks for a part (type 11); also its only acknowledgement of the part before.

    `from_id` is copied by the node from the `dest` of the data it answers, so it is 0 (anonymous)
    after broadcast data. `broadcasted` is None on receivers of 2019, which do not know the key.
    """

    md5: str
    part: int = msgspec.field(name="partNo")
    from_id: int = msgspec.field(name="from", default=0)
    parts: int = msgspec.field(name="noPart", default=0)
    hardware: str = ""
    role: str = ""
    broadcasted: bool | None = None


def parse_request(package: Package) -> DataRequest | None:
    """The request in a package of type 11, None for one that makes no sense."""
    if package.get("type") != OTA_DATA_REQUEST:
        return None
    try:
        request = msgspec.convert(package, DataRequest, strict=False)
    except msgspec.ValidationError:
        return None
    return request if request.part >= 0 else None


def announce(offer: Offer, dest: int, parts: int, *, silent: bool) -> Package:
    """Offer an image to one node.

    `silent` sets `broadcasted`: the node then takes parts without asking for any, until it is polled.
    A node that runs the image, or is busy with the same one, ignores the offer.
    """
    return _package(OTA_ANNOUNCE, offer, parts, broadcasted=silent, dest=dest)


def poll(offer: Offer, dest: int, parts: int) -> Package:
    """Ask a silent node where it stands; it answers once per announced update."""
    return _data(offer, dest, POLL_PART, parts, "", broadcasted=True)


def part_for(offer: Offer, dest: int, part: int, parts: int, text: str) -> Package:
    """One part for one node, taken if it is the one the node expects next."""
    return _data(offer, dest, part, parts, text, broadcasted=False)


def part_for_all(offer: Offer, ghost_id: int, part: int, parts: int, text: str) -> Package:
    """One part for every node that was offered the image.

    `broadcasted` stays false: with true, one lost part makes every node drop out. The sender is
    given as `ghost_id`, a node that does not exist: receivers that were polled before answer each
    part to its sender, and those answers then end where they begin instead of flooding the mesh.
    """
    package = _data(offer, 0, part, parts, text, broadcasted=False)
    package["routing"] = ROUTE_BROADCAST
    package["from"] = ghost_id
    return package


def reset(offer: Offer, dest: int, part: int) -> Package:
    """Put a node that expects `part` back to idle: a last part that fails its MD5 check."""
    return _data(offer, dest, part, part + 1, "", broadcasted=False)


def _data(offer: Offer, dest: int, part: int, parts: int, text: str, *, broadcasted: bool) -> Package:
    package = _package(OTA_DATA, offer, parts, broadcasted=broadcasted, dest=dest)
    package["partNo"] = part
    package["data"] = text
    return package


def _package(kind: int, offer: Offer, parts: int, *, broadcasted: bool, dest: int) -> Package:
    return {
        "routing": ROUTE_SINGLE,
        "type": kind,
        "md5": offer.md5,
        "hardware": offer.hardware,
        "role": offer.role,
        "noPart": parts,
        "broadcasted": broadcasted,
        "dest": dest,
    }
