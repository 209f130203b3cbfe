"""Our nodes in the C++ nodes' place: fed what the peer sent, they must send what the C++ nodes sent.

What is compared: each frame as parsed values, in number, content and time; closes alike; nothing
else may be sent. Values of time are compared against the moment the frame was sent, to
`CLOCK_TOLERANCE_US`.
"""

import json
from dataclasses import dataclass, field

from meshnode.clock import difference_us
from meshnode.wire import NODE_SYNC_REQUEST
from meshward.sim import LinkProfile, World

PROMPT_S = 0.005
"""How far from its recorded time a frame or close may be …"""
CHANGE_S = 0.06
"""… and how much later a node sync: our nodes wait 20 ms on each hop for further changes, C++ nodes do not."""
CLOCK_TOLERANCE_US = 2_000
REACTION_S = 0.05
"""What the peer sent within this time of the line before it was an answer, and keeps that distance."""
START_S = 1.0
"""World time at which the recording begins."""
LINK = LinkProfile(latency_us=50)
_TIMES = ("t0", "t1", "t2")


@dataclass
class _Conversation:
    """One connection of the peer: its lines, and when each came about."""

    lines: list
    end: object = None
    next: int = 0
    late_s: float = 0  # how much later than recorded the peer last spoke, having waited for our node
    happened_s: dict = field(default_factory=dict)  # index of line -> seconds of the recording


class Replay:
    """One run of a scenario. `differences` tells in words what was not as recorded."""

    def __init__(self, scenario, **node_options):
        self.scenario = scenario
        self.differences = []
        self.world = World(seed=1, link=LINK)
        self._t0 = {}  # a t0 of the recording -> what our node sent in its place
        clocks_us = scenario.clocks_us or (scenario.clock_us,) * scenario.nodes
        self.hosts = [
            self.world.add_node(1001 + index, clock_us=(clock_us - self._us(0)) % (1 << 32), **node_options)
            for index, clock_us in enumerate(clocks_us)
        ]
        if scenario.drift_ppm:
            self.hosts[1].set_drift(scenario.drift_ppm)
        self.peer = self.world.add_raw("peer")
        self.peer.on_connection = self._connected
        self.peer.on_frame = self._frame
        lines = scenario.lines
        self._conversations = [
            _Conversation([line for line in lines if line.link == link]) for link in (0, 1)
        ]
        self._schedule()

    def run(self):
        """Run to the end of the recording; what differed."""
        end_s = self.scenario.end_s or self.scenario.lines[-1].t + 0.2
        self.world.run_for(self._us(end_s) / 1e6)
        for conversation in self._conversations:
            self._closes(conversation)
            for index, line in enumerate(conversation.lines):
                if line.dir == "rx" and index not in conversation.happened_s:
                    self._differ(line.t, "missing", line.text)
        return self.differences

    # -- feeding ---------------------------------------------------------------------------

    def _schedule(self):
        scenario = self.scenario
        for index, up_s in enumerate(scenario.links_up_s):
            self._at(up_s, lambda index=index: self.world.dial(self.hosts[index + 1], self.hosts[index]))
        ends = (self.hosts[0], self.peer) if scenario.node_dials else (self.peer, self.hosts[0])
        # A dialer knows of its connection a round trip later.
        self._at(scenario.connect_s - 2 * LINK.latency_us / 1e6, lambda: self.world.dial(*ends))
        if scenario.second_dial_s is not None:
            self._at(scenario.second_dial_s, lambda: self.world.dial(self.peer, self.hosts[-1]))
        for time_s, action in scenario.actions:
            self._at(time_s, lambda action=action: action(self))
        for time_s, text in scenario.instead:
            self._at(time_s, lambda text=text: self._send(self._conversations[0], text))

    def _connected(self, end):
        conversation = next(talk for talk in self._conversations if talk.end is None)
        conversation.end = end
        self._advance(conversation)

    def _advance(self, conversation):
        """Feed what is due. The order of the recording is kept: a frame waits for those before it."""
        lines = conversation.lines
        while conversation.next < len(lines):
            index = conversation.next
            line = lines[index]
            if line.dir == "tx":
                if self._later(conversation, self._due_s(conversation, index)):
                    return
                self._send(conversation, self._own_times(line))
                conversation.happened_s[index] = self.now_s
                conversation.late_s = max(0, self.now_s - line.t)
            elif line.dir == "rx" and index not in conversation.happened_s:
                # Ours may still come; if it does not, that is a difference, and the peer goes on.
                latest_s = line.t + conversation.late_s + CHANGE_S
                if self._later(conversation, latest_s):
                    return
            conversation.next += 1

    def _due_s(self, conversation, index):
        line = conversation.lines[index]
        if index == 0 or line.t - conversation.lines[index - 1].t > REACTION_S:
            return line.t
        before_s = conversation.happened_s.get(index - 1, self.now_s)
        return before_s + line.t - conversation.lines[index - 1].t

    def _later(self, conversation, time_s):
        if self._us(time_s) <= self.world.kernel.now_us:
            return False
        self._at(time_s, lambda: self._advance(conversation))
        return True

    def _own_times(self, line):
        """The line with our node's t0 for the recorded one, and the peer's clock moved along with it."""
        message = (line.package or {}).get("msg")
        if not isinstance(message, dict) or message.get("t0") not in self._t0 or message["type"] != 2:
            return line.text
        t0 = self._t0[message["t0"]]
        moved_us = difference_us(t0, message["t0"])
        times = {
            "t0": t0,
            "t1": (message["t1"] + moved_us) % (1 << 32),
            "t2": (message["t2"] + moved_us) % (1 << 32),
        }
        return json.dumps({**line.package, "msg": {"type": 2, **times}}, separators=(",", ":"))

    def _send(self, conversation, text):
        self.peer.send(conversation.end, text.encode() + b"\0")

    # -- comparing -------------------------------------------------------------------------

    def _frame(self, end, frame):
        conversation = next(talk for talk in self._conversations if talk.end is end)
        package = json.loads(frame)
        for index, line in enumerate(conversation.lines):
            if line.dir != "rx" or index in conversation.happened_s or not self._in_time(conversation, line):
                continue
            if _without_times(line.package) == _without_times(package):
                conversation.happened_s[index] = self.now_s
                self._compare_times(line, package)
                self._advance(conversation)
                return
        self._differ(self.now_s, "unexpected", frame.decode())

    def _in_time(self, conversation, line):
        latest_s = line.t + conversation.late_s + (CHANGE_S if line.kind == NODE_SYNC_REQUEST else PROMPT_S)
        return line.t - PROMPT_S <= self.now_s <= latest_s

    def _compare_times(self, line, package):
        recorded, ours = line.package.get("msg"), package.get("msg")
        if not isinstance(recorded, dict):
            return
        asked_by_us = recorded["type"] == 1
        if asked_by_us:
            self._t0[recorded["t0"]] = ours["t0"]
        elif "t0" in recorded and ours["t0"] != recorded["t0"]:
            self._differ(self.now_s, "wrong t0", ours)
        delay_us = round((self.now_s - line.t) * 1e6)
        for key in ("t0",) if asked_by_us else ("t1", "t2"):
            if (
                key in recorded
                and abs(difference_us(ours[key], recorded[key]) - delay_us) > CLOCK_TOLERANCE_US
            ):
                self._differ(self.now_s, f"wrong {key}, expected about {recorded[key]} + {delay_us}", ours)
        if recorded["type"] == 2 and not 0 <= difference_us(ours["t2"], ours["t1"]) <= CLOCK_TOLERANCE_US:
            self._differ(self.now_s, "t1 and t2 far apart", ours)

    def _closes(self, conversation):
        recorded = [line.t for line in conversation.lines if line.dir == "closed"]
        handle = conversation.end.handle if conversation.end is not None else None
        ours = [time_us / 1e6 - START_S for time_us, closed in self.peer.closes if closed == handle]
        if len(ours) != len(recorded):
            self._differ(self.now_s, f"closed at {ours}, recorded at", recorded)
        for our_s, recorded_s in zip(ours, recorded, strict=False):
            if abs(our_s - recorded_s) > PROMPT_S:
                self._differ(our_s, "closed, recorded at", recorded_s)

    # -- time ------------------------------------------------------------------------------

    @property
    def now_s(self):
        """Seconds of the recording."""
        return self.world.kernel.now_us / 1e6 - START_S

    def _us(self, time_s):
        return round((time_s + START_S) * 1e6)

    def _at(self, time_s, action):
        self.world.kernel.at(self._us(time_s), action)

    def _differ(self, time_s, what, detail):
        self.differences.append(f"{time_s:.4f} s: {what} {detail}")


def _without_times(package):
    message = package.get("msg")
    if package["type"] not in {3, 4} or not isinstance(message, dict):
        return package
    return {**package, "msg": {key: None if key in _TIMES else value for key, value in message.items()}}
