"""What happens in the mesh, as frozen values; see `Mesh.events`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeJoined:
    """A node became reachable (painlessMesh: `onNewConnection`, which tells of neighbours only)."""

    node_id: int


@dataclass(frozen=True, slots=True)
class NodeLeft:
    """A node is no longer reachable (painlessMesh: `onDroppedConnection`, which tells of neighbours only)."""

    node_id: int


@dataclass(frozen=True, slots=True)
class TopologyChanged:
    """Nodes came, went or moved (painlessMesh: `onChangedConnections`)."""


@dataclass(frozen=True, slots=True)
class TimeAdjusted:
    """Mesh time was corrected (painlessMesh: `onNodeTimeAdjusted`)."""

    #: The step in microseconds, negative where our clock was ahead.
    offset_us: int


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The last link to the mesh is gone. A new one is being tried."""

    #: The neighbour at its other end.
    node_id: int
    #: Why, in a few words for people.
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionRegained:
    """There is a link to the mesh again."""

    #: The neighbour at its other end.
    node_id: int


MeshEvent = NodeJoined | NodeLeft | TopologyChanged | TimeAdjusted | ConnectionLost | ConnectionRegained
