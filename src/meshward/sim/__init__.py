"""Virtual time: whole meshes of real node objects in one thread, as a function of a seed.

`World` holds the clock, the nodes and the connections between them. Nothing here reads the
wall clock or opens a socket; a run repeats exactly, whatever the machine or PYTHONHASHSEED.
"""

from meshward.sim.channel import LWIP_WINDOW_BYTES, Connection, End, LinkProfile
from meshward.sim.drive import LoopModel
from meshward.sim.host import Host
from meshward.sim.kernel import Kernel
from meshward.sim.raw import RawPeer
from meshward.sim.station import Backoff, Station
from meshward.sim.trace import Trace
from meshward.sim.world import World

__all__ = [
    "LWIP_WINDOW_BYTES",
    "Backoff",
    "Connection",
    "End",
    "Host",
    "Kernel",
    "LinkProfile",
    "LoopModel",
    "RawPeer",
    "Station",
    "Trace",
    "World",
]
