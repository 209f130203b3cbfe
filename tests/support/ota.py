"""Images, OTA packages as a stock sender writes them, and a stock receiver on a table of its own."""

import base64
import hashlib
import json
from random import Random

from meshward.sim.flash import Flash
from meshward.sim.stock import StockReceiver

SENDER = 1
NODE = 1001
PART_BYTES = 1024


class Firmware:
    """An image that boots, cut into parts."""

    def __init__(self, parts=10, *, seed=1, data=None, part_bytes=PART_BYTES):
        self.bytes = b"\xe9" + Random(seed).randbytes(parts * part_bytes - 1) if data is None else data
        self.md5 = hashlib.md5(self.bytes).hexdigest()
        self.parts = [self.bytes[at : at + part_bytes] for at in range(0, len(self.bytes), part_bytes)]

    def announce(self, *, routing=1, dest=NODE, sender=SENDER, **keys):
        package = {"from": sender, "routing": routing, "dest": dest, "type": 10, "md5": self.md5}
        package |= {"hardware": "ESP32", "role": "sensor", "noPart": len(self.parts), "broadcasted": False}
        return package | keys

    def data(self, part, *, routing=1, dest=NODE, sender=SENDER, **keys):
        chunk = self.parts[part] if part < len(self.parts) else b""
        package = {"from": sender, "routing": routing, "type": 12, "md5": self.md5, "hardware": "ESP32"}
        package |= {"role": "sensor", "noPart": len(self.parts), "broadcasted": False, "dest": dest}
        return package | {"partNo": part, "data": text(chunk)} | keys

    def poll(self, **keys):
        return self.data(999999, **{"broadcasted": True} | keys)

    def reset(self, part, junk=b"junk", **keys):
        return self.data(part, noPart=part + 1, data=text(junk), **keys)


def text(data):
    return base64.b64encode(data).decode()


def brief(requests):
    """(sender it claims, part) of each request."""
    return [(request["from"], request["partNo"]) for request in requests]


class Table:
    """One receiver, its flash and a clock. What it is told returns what it answers at once."""

    def __init__(self, kind=StockReceiver, *, flash=None, **options):
        self.kind = kind
        self.flash = flash or Flash()
        self.options = {"role": "sensor"} | options
        self.now_us = 0
        self.reboots = []
        self.boot()

    def boot(self):
        self.flash.boot()
        self.receiver = self.kind(NODE, self.flash, on_reboot=self._on_reboot, **self.options)

    def _on_reboot(self, why):
        self.reboots.append((self.now_us / 1e6, why))

    def tell(self, *packages):
        answers = []
        for package in packages:
            received = json.loads(json.dumps(package))
            answers += self.receiver.receive(received, self.now_us)
        return answers

    def push(self, firmware, *parts, **keys):
        """Tell it these parts (all without any)."""
        return self.tell(*(firmware.data(part, **keys) for part in parts or range(len(firmware.parts))))

    def wait(self, seconds):
        """Let time pass; returns (second, request) of what it sends meanwhile."""
        end_us = self.now_us + round(seconds * 1e6)
        sent = []
        while (due_us := self.receiver.next_deadline_us()) is not None and due_us <= end_us:
            self.now_us = max(self.now_us, due_us)
            sent += [(self.now_us / 1e6, request) for request in self.receiver.handle_deadline(self.now_us)]
        self.now_us = end_us
        return sent

    @property
    def idle(self):
        return self.receiver.md5 == "" and self.receiver.part == 0

    def runs(self, firmware):
        """Whether it runs the image after the restart that is due."""
        self.wait(2)
        if not self.receiver.rebooted:
            return False
        self.boot()
        return self.flash.running.md5 == firmware.md5


class StockSender:
    """The library's own sender: answers each request with the part, to the mesh if it is broadcasted."""

    package_types = (11,)

    def __init__(self, firmware, *, max_replies=5000):
        self.firmware = firmware
        self.requests = []
        self.data_bytes = 0
        self.left = max_replies

    def next_deadline_us(self):
        return None

    def handle_deadline(self, now_us):
        return []

    def receive(self, package, now_us):
        self.requests.append((now_us / 1e6, package))
        if package["partNo"] >= len(self.firmware.parts) or not self.left:
            return []
        self.left -= 1
        broadcasted = package.get("broadcasted", False)
        reply = self.firmware.data(
            package["partNo"],
            routing=2 if broadcasted else 1,
            sender=package["dest"],
            dest=package["from"],
            broadcasted=broadcasted,
        )
        self.data_bytes += len(json.dumps(reply, separators=(",", ":"))) + 1
        return [reply]
