"""Everything Meshward raises on purpose.

One tree, so that `except MeshwardError` catches all of it and nothing else. Each message names
what is wrong and what to do about it; the command line prints it as it is.
"""


class MeshwardError(Exception):
    """Base of all errors of this package."""


class AddressError(MeshwardError, ValueError):
    """A text that is not a network address."""


class NodeIdError(MeshwardError, ValueError):
    """A number that cannot be a node id (1 to 4294967295)."""


class SettingsError(MeshwardError):
    """A configuration file or environment variable that cannot be used."""


class JoinError(MeshwardError):
    """The mesh could not be joined."""


class JoinTimeoutError(JoinError, TimeoutError):
    """No neighbour answered in time."""


class DuplicateIdError(JoinError):
    """Neighbours hang up on us before answering, as they do when our id is in the mesh already."""


class ListenError(MeshwardError):
    """A port cannot be listened on."""


class NotConnectedError(MeshwardError):
    """No neighbour is connected, or the mesh was left."""


class UnknownNodeError(MeshwardError):
    """A node that is not in the mesh as we see it now."""

    def __init__(self, node_id: int, known: int) -> None:
        #: The node asked for.
        self.node_id = node_id
        super().__init__(
            f"node {node_id} is not in the mesh ({known} other nodes are); list them with `meshward nodes`"
        )


class NoAnswerError(MeshwardError, TimeoutError):
    """A node did not answer in time."""

    def __init__(self, node_id: int, timeout_s: float) -> None:
        #: The node asked.
        self.node_id = node_id
        super().__init__(
            f"node {node_id} did not answer within {timeout_s:g} s; "
            "it may have left, or a link on the way is busy: try again with a longer timeout"
        )


class CongestedError(MeshwardError, TimeoutError):
    """The link a package must take stayed full."""


class PackageError(MeshwardError, ValueError):
    """A package of our own that cannot be sent as it is."""


class FleetError(MeshwardError):
    """A virtual fleet that cannot be built, or a command it cannot follow."""


class FleetPortError(FleetError):
    """A port that a virtual fleet needs cannot be had."""


class UpdateError(MeshwardError):
    """An update that cannot be started, or cannot go on."""


class UpdateRefusedError(UpdateError):
    """An update that would do harm, or nothing: refused before anything was sent."""


class FirmwareError(MeshwardError):
    """A firmware file, or a request about one, that cannot be served."""


class RolloutError(MeshwardError, ValueError):
    """A rollout that cannot be as it was asked for."""


class NotPossibleError(MeshwardError):
    """An action that does not suit the state of what it is about."""


class UnknownItemError(MeshwardError):
    """A rollout, firmware, token or the like that is not there."""


class InvalidError(MeshwardError, ValueError):
    """A name, tag, cursor or the like that cannot be taken as it is."""


class ConflictError(MeshwardError):
    """Something else is there already, or changed meanwhile."""


class StoreError(MeshwardError):
    """The data directory, or what is kept there, cannot be used."""


class StoreFullError(StoreError):
    """The disk does not take any more."""


class GatewayError(MeshwardError):
    """A gateway that cannot be started, or cannot be reached."""


class DeliveryError(MeshwardError):
    """A notification that its receiver did not take; no secret of the receiver's address is in the text."""


class LinkLostError(MeshwardError):
    """A connection to a broker that ended while it was used."""
