"""Our node in the recording peer's place: a C++ neighbour, played from a recording, must keep it.

What the C++ node said unasked (node syncs, time offers and requests, delay requests) is said at
its recorded times. Its answers are made when our node asks: they hold what it knew by then.
"""

import json

from meshnode.clock import difference_us
from meshnode.events import DelayMeasured
from meshward.sim import LinkProfile, World

PROMPT_US = 5_000
START_S = 1.0
LINK = LinkProfile(latency_us=50)
MORE_S = 130.0
"""How long the link is watched beyond the recording: two rounds of node sync."""
SYNC_S = 60.0


class Neighbour:
    """Plays 1001 towards our node 1. `differences` tells in words what a C++ node would not have liked."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.differences = []
        self.world = World(seed=1, link=LINK)
        self._lines = [line for line in scenario.lines if line.dir == "rx" and line.link == 0]
        self.root = any(line.dir == "tx" and (line.package or {}).get("root") for line in scenario.lines)
        self.host = self.world.add_node(1, root=self.root)
        for child_id in scenario.peer_subs:
            self.world.add_node(child_id).dial([self.host])
        self.delays = []
        self.host.on_event.append(
            lambda host, event: self.delays.append(event) if isinstance(event, DelayMeasured) else None
        )
        self.raw = self.world.add_raw("1001")
        self.raw.on_connection = self._connected
        self.raw.on_frame = self._frame
        self._end = None
        self._tree = self._first_tree()
        self._awaited = []  # (time in µs by which it must have come, what our node must answer)
        self._schedule()

    def run(self):
        """Play to the end and beyond; what our node did wrong."""
        end_s = max(self.scenario.end_s or 0, self.scenario.lines[-1].t) + MORE_S
        self.world.run_for(START_S + end_s)
        if self.raw.closes or not self.host.ends:
            self._differ(f"closed: {self.host.close_reasons}")
        self._overdue()
        return self.differences

    @property
    def clock_us(self):
        """The C++ node's mesh time."""
        return (self.scenario.clock_us + self.world.kernel.now_us - self._us(0)) % (1 << 32)

    # -- what the neighbour says -----------------------------------------------------------

    def _schedule(self):
        scenario = self.scenario
        ends = (self.raw, self.host) if scenario.node_dials else (self.host, self.raw)
        self._at(scenario.connect_s - 2 * LINK.latency_us / 1e6, lambda: self.world.dial(*ends))
        asked_s = [line.t for line in self._lines if _is_unasked(line)]
        for line in self._lines:
            if _is_unasked(line):
                self._at(line.t, lambda line=line: self._say(line.package))
            elif line.kind == 3:  # the recorded peer measured a delay
                self._at(line.t - 0.0004, lambda line=line: self.host.measure_delay(line.package["from"]))
        syncs_s = [line.t for line in self._lines if line.kind == 5] or [max(asked_s, default=0)]
        for round_number in (1, 2):
            self._at(syncs_s[-1] + round_number * SYNC_S, self._sync)
        if scenario.second_dial_s is not None:
            self._at(scenario.second_dial_s, self._be_dialed_by_mistake)

    def _connected(self, end):
        self._end = end

    def _say(self, package):
        kind = package["type"]
        if kind == 5:
            self._tree = {key: package[key] for key in ("nodeId", "subs") if key in package}
            self._await({**self._own_tree(), "type": 6, "dest": 1001, "from": 1})
            self.world.kernel.after(PROMPT_US, self._check_tree)
        elif kind == 4:
            self._await({"type": 4, "dest": 1001, "from": 1, "msg": _answer_to(package["msg"])})
        elif kind == 3:
            self._await({"type": 3, "dest": package["from"], "from": 1, "msg": _answer_to(package["msg"])})
        self._send(package)

    def _sync(self):
        self._say({**self._tree, "type": 5, "dest": 1, "from": 1001})

    def _send(self, package):
        self.raw.send(self._end, json.dumps(package, separators=(",", ":")).encode() + b"\0")

    def _be_dialed_by_mistake(self):
        """Another node of the same mesh hangs up on our node's hello, as it came by two ways."""
        other = self.world.add_raw("another")
        other.on_frame = lambda end, frame: end.close()
        self.world.dial(self.host, other)

    # -- what our node says ----------------------------------------------------------------

    def _frame(self, end, frame):
        package = json.loads(frame)
        kind = package["type"]
        self._overdue()
        for index, (_, expected) in enumerate(self._awaited):
            if _fits(expected, package):
                del self._awaited[index]
                self._check_times(package)
                break
        else:
            if kind not in {4, 5} and not (kind == 3 and package["msg"]["type"] == 1):
                self._differ(f"nobody asked for {frame.decode()}")
        self._answer(kind, package)

    def _answer(self, kind, package):
        if kind == 5:
            if {
                key: value for key, value in package.items() if key not in {"type", "dest", "from"}
            } != self._own_tree():
                self._differ(f"not our tree: {package}")
            self._send({**self._tree, "type": 6, "dest": 1, "from": 1001})
        elif kind in {3, 4} and package["msg"]["type"] == 1:
            times = {"t0": package["msg"]["t0"], "t1": self.clock_us, "t2": self.clock_us + 8}
            sender = package["dest"] or 1001
            self._send({"type": kind, "dest": 1, "from": sender, "msg": {"type": 2, **times}})

    def _check_times(self, package):
        message = package.get("msg", {})
        for key in ("t0",) if message.get("type") == 1 else ("t1", "t2"):
            if key in message and abs(difference_us(message[key], self.host.mesh_time_us)) > PROMPT_US:
                self._differ(f"{key} is not our time: {package}")
        if message.get("type") == 2 and difference_us(message["t2"], message["t1"]) < 0:
            self._differ(f"answered before it was asked: {package}")

    def _check_tree(self):
        seen = self.host.node.tree().nested()
        own = self._own_tree()
        expected = {**own, "subs": [*own.get("subs", []), self._tree]}
        seen["subs"] = sorted(seen.get("subs", []), key=lambda sub: sub["nodeId"])
        if seen != expected:
            self._differ(f"sees {seen} instead of {expected}")

    def _own_tree(self):
        tree = {"nodeId": 1, "root": True} if self.root else {"nodeId": 1}
        if self.scenario.peer_subs:
            tree["subs"] = [{"nodeId": child_id} for child_id in self.scenario.peer_subs]
        return tree

    def _first_tree(self):
        for line in self._lines:
            if line.kind in {5, 6}:
                return {key: line.package[key] for key in ("nodeId", "subs") if key in line.package}
        return {"nodeId": 1001}

    def _await(self, expected):
        self._awaited.append((self.world.kernel.now_us + PROMPT_US, expected))

    def _overdue(self):
        for due_us, expected in list(self._awaited):
            if due_us < self.world.kernel.now_us:
                self._differ(f"never sent {expected}")
                self._awaited.remove((due_us, expected))

    def _us(self, time_s):
        return round((time_s + START_S) * 1e6)

    def _at(self, time_s, action):
        self.world.kernel.at(self._us(time_s), action)

    def _differ(self, what):
        self.differences.append(f"{self.world.now_s - START_S:.4f} s: {what}")


def _is_unasked(line):
    return line.kind == 5 or (line.kind in {3, 4} and line.message_kind != 2)


def _answer_to(message):
    """Shape of the answer to a time message; None stands for any time."""
    if message["type"] == 0:
        return {"type": 1, "t0": None}
    return {"type": 2, "t0": message["t0"], "t1": None, "t2": None}


def _fits(expected, package):
    if "msg" not in expected:
        return package == expected
    if {**package, "msg": None} != {**expected, "msg": None} or package["msg"].keys() != expected[
        "msg"
    ].keys():
        return False
    return all(value is None or package["msg"][key] == value for key, value in expected["msg"].items())
