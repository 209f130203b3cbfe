"""What the attempts to join came to, and what to tell the user about them."""

from collections.abc import Sequence

from meshnode.dialer import GAVE_UP, HUNG_UP
from meshnode.driver_events import DialFailed
from meshnode.streams import REFUSED, TIMED_OUT, UNKNOWN_HOST, UNREACHABLE
from meshward.addresses import Address
from meshward.errors import DuplicateIdError, JoinError, JoinTimeoutError
from meshward.text import printable

#: Hang-ups that make an id ours no longer to try. One may be chance: a board short of memory, or rebooting.
_HANG_UPS_GIVEN_ID = 2
#: Ids tried before the neighbour, not the id, is taken for the reason.
IDS_TRIED = 3

_ADVICE = {
    REFUSED: "is a mesh node running there, and is the port right?",
    TIMED_OUT: "is this machine on the mesh's network, and the address that of a node?",
    UNREACHABLE: "is this machine on the mesh's network?",
    UNKNOWN_HOST: "is the name spelled right?",
    HUNG_UP: "is it a mesh node, and the port right?",
    GAVE_UP: "is it a mesh node, and the port right?",
}


class JoinProgress:
    """Collects failed attempts of one node id."""

    def __init__(self, connect: Sequence[Address], listen: Address | None, node_id: int) -> None:
        self._connect = connect
        self._listen = listen
        self._node_id = node_id
        self._failures: dict[str, DialFailed] = {}
        self._hang_ups = 0

    def failed(self, failure: DialFailed) -> None:
        """Take note of an attempt that came to nothing."""
        self._failures[failure.address] = failure
        # Nodes hang up without a word on an id they know; when it is their own, or they list it, we do.
        if failure.kind == HUNG_UP or (failure.kind == GAVE_UP and "silent" not in failure.reason):
            self._hang_ups += 1

    def id_refused(self, *, given: bool) -> bool:
        """Whether the neighbours seem not to want this id; `given` when the user chose it."""
        return self._hang_ups >= (_HANG_UPS_GIVEN_ID if given else 1)

    def duplicate_id_error(self) -> DuplicateIdError:
        """For an id that the user chose."""
        return DuplicateIdError(
            f"{self._last()} with our id {self._node_id}: most likely a node with this id is in the mesh "
            "already. Choose another id, or stop the other node (a mesh forgets a node that vanished "
            "within 70 s)"
        )

    def unwanted_error(self) -> JoinError:
        """For neighbours that hang up whatever our id is."""
        return JoinError(f"{self._last()} with {IDS_TRIED} different ids of ours: {_ADVICE[HUNG_UP]}")

    def timeout_error(self, timeout_s: float) -> JoinTimeoutError:
        """For a mesh that was not joined in time."""
        start = f"the mesh was not joined within {timeout_s:g} s"
        if not self._connect:
            return JoinTimeoutError(
                f"{start}: no node dialed {self._listen}; "
                "do the nodes know this machine's address, and does a firewall let them in?"
            )
        if not self._failures:
            names = ", ".join(str(address) for address in self._connect)
            return JoinTimeoutError(f"{start}: no answer from {names}; {_ADVICE[TIMED_OUT]}")
        reasons = [f"{failure.address}: {printable(failure.reason)}" for failure in self._failures.values()]
        advice = _ADVICE.get(next(reversed(self._failures.values())).kind, _ADVICE[UNREACHABLE])
        return JoinTimeoutError(f"{start} ({'; '.join(reasons)}); {advice}")

    def _last(self) -> str:
        failure = next(reversed(self._failures.values()))
        return f"{failure.address} {printable(failure.reason)}"
