"""What stood behind each recording, as far as it shows: when links came up, who dialed whom.

Times are seconds of the recording. The C++ meshes were often still forming when it began.
"""

from dataclasses import dataclass

from tests.conformance import captures


@dataclass(frozen=True)
class Scenario:
    """The C++ nodes' side of a recording."""

    files: tuple
    nodes: int  # a chain 1001, 1002, …, the peer next to 1001
    connect_s: float  # when the peer's first connection was made
    links_up_s: tuple = ()  # when 1002 dialed 1001, 1003 dialed 1002, …
    node_dials: bool = False  # 1001 dialed the peer, not the peer 1001
    clock_us: int = 0  # mesh time of all nodes at t = 0 …
    clocks_us: tuple = ()  # … or of each
    drift_ppm: int = 0  # how much faster than 1001's the clock of 1002 runs
    second_dial_s: float | None = None  # the peer dials the last node, too
    actions: tuple = ()  # (time, what befalls the C++ nodes then)
    instead: tuple = ()  # (time, text): fed for a frame that the recorder did not keep
    end_s: float | None = None  # watched until then; by default shortly after the last line
    peer_subs: tuple = ()  # made-up children of the peer

    @property
    def lines(self):
        return captures.load(*self.files, second_link_from_s=self.second_dial_s)


def second_peer_joins(replay):
    """Node 2, which the recording was not made by, dials the last node and answers its node syncs."""
    other = replay.world.add_raw("second peer")
    hello = b'{"nodeId":2,"type":5,"dest":0,"from":2}\0'
    answer = b'{"nodeId":2,"type":6,"dest":1002,"from":2}\0'
    other.on_connection = lambda end: other.send(end, hello)
    other.on_frame = lambda end, frame: other.send(end, answer) if b'"type":5' in frame else None
    replay.second_peer = other
    replay.world.dial(other, replay.hosts[-1])


def measure_the_peer(replay):
    replay.hosts[2].measure_delay(1)


def third_node_drops_its_link(replay):
    replay.hosts[2].close(replay.hosts[2].node.links()[0][0])


def third_node_dials_again(replay):
    replay.world.dial(replay.hosts[2], replay.hosts[1])


def first_node_reboots(replay):
    replay.hosts[0].kill("close")


# 1002 dialed 1001 early enough for their time sync to come round at 59.88 s, begun by both within 0.2 ms;
# 1003 dialed 1002 so late that 1001 hears of it just after the peer's hello.
_SESSION = {
    "nodes": 3,
    "connect_s": 0.0005,
    "links_up_s": (-0.12, -0.012),
    "clock_us": 712736350,
    "drift_ppm": 1,
}
_SESSION_ACTIONS = (
    (72.0136, measure_the_peer),
    (73.0162, third_node_drops_its_link),
    (76.0174, third_node_dials_again),
    (80.5234, first_node_reboots),  # after the update
)


def _session(count):
    files = captures.SESSION[:count]
    end_s = captures.load(*files)[-1].t
    actions = tuple(action for action in _SESSION_ACTIONS if action[0] < end_s)
    return Scenario(files, actions=actions, **_SESSION)


SCENARIOS = {
    **{name: _session(index + 1) for index, name in enumerate(captures.SESSION)},
    "session_full": Scenario(("session_full",), actions=_SESSION_ACTIONS, **_SESSION),
    "join_as_access_point": Scenario(
        ("join_as_access_point",),
        nodes=2,
        connect_s=0.0385,
        node_dials=True,
        links_up_s=(0.0386,),
        clock_us=1168114064,
        end_s=25,
    ),
    "silent_station": Scenario(("silent_station",), nodes=1, connect_s=0.3008),
    "silent_access_point": Scenario(("silent_access_point",), nodes=1, connect_s=0.0443, node_dials=True),
    "no_reply_to_sync": Scenario(("no_reply_to_sync",), nodes=1, connect_s=0.3005),
    "loop_and_duplicate_rejected": Scenario(
        ("loop_and_duplicate_rejected",),
        nodes=3,
        connect_s=0.0015,
        links_up_s=(-0.1, -0.012),
        second_dial_s=0.5146,
    ),
    "time_sync_peer_larger_tree": Scenario(
        ("time_sync_peer_larger_tree",), nodes=1, connect_s=0.3299, clock_us=956577960, peer_subs=(2, 3)
    ),
    "time_sync_node_adopts": Scenario(
        ("time_sync_node_adopts",), nodes=1, connect_s=0.3214, clock_us=2593215690, peer_subs=(2, 3)
    ),
    "odd_frames": Scenario(
        ("odd_frames",),
        nodes=2,
        connect_s=0.0010,
        links_up_s=(-0.1,),
        clock_us=2595108610,
        actions=((0.0121, second_peer_joins),),
        # A type 4 without msg. The C++ node took it for "take my time".
        instead=((4.1963, '{"type":4,"from":1,"dest":1001,"msg":{"type":0}}'),),
    ),
    "ota_broadcast_poll_and_repair": Scenario(
        ("ota_broadcast_poll_and_repair",),
        nodes=5,
        connect_s=0.0005,
        # 1001 came last; its clock was off by more than 5 ms, so it asked 1002 again after 200 ms.
        links_up_s=(-0.1675, -0.5, -0.5, -0.5),
        clock_us=2727957100,
        clocks_us=(2727957100 - 1_000_000, *[2727957100] * 4),
        end_s=5,
    ),
}
