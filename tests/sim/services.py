"""Services and traffic of known sizes, for the tests of the virtual world."""

import json

PARTS_KIND = 701
REQUEST_KIND = 702


def package_of_size(frame_bytes, **fields):
    """A package whose frame, its NUL included, is exactly so long."""
    package = {**fields, "pad": ""}
    package["pad"] = "x" * (frame_bytes - 1 - len(json.dumps(package, separators=(",", ":"))))
    return package


def send_single(source, target, frame_bytes):
    """Send a package from one host to another, of which the frame is exactly so long."""
    fields = {"type": PARTS_KIND, "routing": 1, "dest": target.node_id, "from": source.node_id}
    source.send(package_of_size(frame_bytes, **fields))


class PartServer:
    """Answers each request for a part with a frame of 1548 bytes: what a 1 KB part costs on the wire."""

    package_types = (REQUEST_KIND,)

    def __init__(self, host):
        self._node_id = host.node_id

    def next_deadline_us(self):
        return None

    def handle_deadline(self, now_us):
        return []

    def receive(self, package, now_us):
        return [
            package_of_size(1548, type=PARTS_KIND, routing=1, dest=package["from"], **{"from": self._node_id})
        ]


class PartReceiver:
    """Asks for part after part, each when the last has come, with frames of 166 bytes."""

    package_types = (PARTS_KIND,)

    def __init__(self, host, server_id, parts):
        self._host = host
        self._server_id = server_id
        self._left = parts
        self.finished_s = None

    def start(self):
        self._host.send(self._request())

    def next_deadline_us(self):
        return None

    def handle_deadline(self, now_us):
        return []

    def receive(self, package, now_us):
        self._left -= 1
        if not self._left:
            self.finished_s = self._host.world.now_s
            return []
        return [self._request()]

    def _request(self):
        fields = {"type": REQUEST_KIND, "routing": 1, "dest": self._server_id, "from": self._host.node_id}
        return package_of_size(166, **fields)
