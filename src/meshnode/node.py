"""MeshNode: one painlessMesh node without sockets, clocks or threads.

A driver feeds it (link_up, receive, link_down, send), wakes it (next_deadline_us,
handle_deadline) and takes what it wants done (events, pending, data_to_send, paused).
`now_us` is a local monotonic time in microseconds, from any origin.
"""

from meshnode.clock import MeshClock
from meshnode.delays import Delays
from meshnode.events import Event, LinkClosed, PackageReceived, TimeAdjusted
from meshnode.limits import Limits
from meshnode.link import PAUSED_GRACE_US, SYNC_INTERVAL_US, Link
from meshnode.membership import Membership
from meshnode.relay import LocalError, NoRoute, QueueFull, Relay, links_for
from meshnode.rng import SmallRandom
from meshnode.timesync import TAKE_MY_TIME, adopts
from meshnode.tree import Tree, parse, top_id
from meshnode.wire import (
    MAX_U32,
    NODE_SYNC_REPLY,
    NODE_SYNC_REQUEST,
    ROUTE_BROADCAST,
    ROUTE_SINGLE,
    TIME_DELAY,
    TIME_SYNC,
    WireError,
    decode,
    encode,
    message_of,
    routing,
    u32,
)

__all__ = ["LocalError", "MeshNode", "NoRoute", "QueueFull"]


class MeshNode:
    """A node: links, the tree they make, routing, and mesh time.

    node_id: 1..2^32-1. root, time_authority: flags told to the mesh. rng: for jitter, needs
    random(); the default derives from node_id. clock_offset_us: mesh time minus local time.
    """

    def __init__(
        self,
        node_id: int,
        *,
        root: bool = False,
        time_authority: bool = False,
        rng=None,
        limits: Limits | None = None,
        clock_offset_us: int = 0,
    ) -> None:
        if not 0 < node_id <= MAX_U32:
            raise ValueError("node id must be 1..4294967295, not %r" % (node_id,))
        self.node_id = node_id
        self.root = root
        self.time_authority = time_authority
        self.limits = limits or Limits()
        self.clock = MeshClock(clock_offset_us)
        self.relay = Relay(self.limits)
        self.refused_frames = 0
        self._links: dict = {}
        self._services: dict = {}  # by package type
        self._attached: list = []  # each service once
        self._events: list[Event] = []
        self._members = Membership(node_id, root, time_authority, rng or SmallRandom(node_id), self._tell)
        self._delays = Delays(node_id, self.limits.delay_requests)
        self._deadline_us: int | None = None
        self._time_moved = False  # since it was last passed on

    # -- what the driver calls ---------------------------------------------------------

    def attach(self, service) -> None:
        """Hand packages of the types in `service.package_types` to a service from now on.

        A service has receive(package, now_us) and handle_deadline(now_us), which return the
        packages to send, and next_deadline_us().
        """
        for kind in service.package_types:
            self._services[kind] = service
        self._attached = []
        for known in self._services.values():
            if known not in self._attached:
                self._attached.append(known)
        self._wake(service.next_deadline_us())

    def link_up(self, link, dialed: bool, now_us: int) -> None:
        """A connection exists; `link` is the driver's handle, `dialed` says who opened it."""
        if link in self._links:
            raise ValueError("link handle in use")
        new = self._links[link] = Link(link, dialed, self.limits, now_us)
        if dialed:
            self._request_sync(new, now_us)
        self._wake(new.next_deadline_us())

    def link_down(self, link, now_us: int) -> None:
        """The connection is gone. Unknown links are ignored."""
        known = self._links.get(link)
        if known is not None:
            self._forget(known, now_us)

    def receive(self, link, data: bytes, now_us: int) -> None:
        """Bytes from a link, split anywhere. Garbage is counted and ignored, never raised."""
        known = self._links.get(link)
        if known is None:
            return
        for frame in known.splitter.feed(data):
            try:
                self._take_in(known, frame, now_us)
            except WireError:
                known.refused_frames += 1
                self.refused_frames += 1
            if link not in self._links:
                return

    def pending(self) -> list:
        """Handles of the links that have bytes to send now."""
        return self.relay.pending()

    def data_to_send(self, link, room_bytes: int) -> bytes:
        """At most `room_bytes` for a link; may end inside a frame, the rest then comes first."""
        known = self._links.get(link)
        if known is None:
            return b""
        return self.relay.take(known, room_bytes, self._members.node_sync_frame)

    def paused(self, link) -> bool:
        """Whether the driver must leave this link unread: a queue it fills is full."""
        known = self._links.get(link)
        return known is not None and known.pauses > 0

    def backlog(self, link) -> int:
        """Bytes queued here for a link."""
        known = self._links.get(link)
        return known.backlog_bytes if known is not None else 0

    def next_deadline_us(self) -> int | None:
        """When handle_deadline() wants to be called, or None."""
        return self._deadline_us

    def handle_deadline(self, now_us: int) -> None:
        """Do what is due. Early or repeated calls are harmless."""
        if self._deadline_us is None or now_us < self._deadline_us:
            return
        for link in list(self._links.values()):
            if link.handle in self._links and now_us >= link.next_deadline_us():
                self._handle_link_deadline(link, now_us)
        self._cut_ring(now_us)
        for service in self._attached:
            due_us = service.next_deadline_us()
            if due_us is not None and now_us >= due_us:
                self._send_for_service(service.handle_deadline(now_us), now_us)
        self._rearm()

    def events(self) -> list[Event]:
        """What happened since the last call, in order."""
        events = self._events
        if events:
            self._events = []
        return events

    # -- what the application calls ----------------------------------------------------

    def send(self, package: dict, now_us: int) -> int:
        """Send a package; "from" is filled in. Returns the number of links it went to.

        It is routed by its "routing", else by its type. Raises NoRoute where nobody can be
        reached so, QueueFull where a queue has no room (nothing was queued then), and
        ValueError for packages that say neither way.
        """
        package.setdefault("from", self.node_id)
        links = links_for(package, self._members.view)
        frame = encode(package)
        if len(frame) > self.limits.frame_bytes:
            raise ValueError("a frame of %d bytes is too large for a mesh" % len(frame))
        try:
            return self.relay.send(links, frame, now_us)
        finally:
            for link in links:
                self._wake(link.stall_due_us)

    def measure_delay(self, dest: int, now_us: int) -> None:
        """Ask a node for its delay (`startDelayMeas`); the answer is a DelayMeasured event.

        Raises NoRoute and QueueFull.
        """
        t0 = self.time_us(now_us)
        self.send(self._delays.request(dest, t0), now_us)
        self._delays.asked(dest, t0, now_us)

    def time_us(self, now_us: int) -> int:
        """Mesh time, unsigned 32 bits (`getNodeTime`)."""
        return self.clock.time_us(now_us)

    def tree(self) -> Tree:
        """The mesh as this node sees it, itself on top (`asNodeTree`)."""
        return self._members.tree()

    def nodes(self) -> list[int]:
        """All other nodes, in preorder (`getNodeList`)."""
        return self.tree().ids[1:]

    def links(self) -> list:
        """(handle, neighbour id) of each link whose neighbour is known."""
        return [(link.handle, link.node_id) for link in self._members.ready]

    # -- frames in -----------------------------------------------------------------------

    def _take_in(self, link: Link, frame: bytes, now_us: int) -> None:
        package = decode(frame, self.limits)
        kind = package["type"]
        if kind in (NODE_SYNC_REQUEST, NODE_SYNC_REPLY):
            self._on_node_sync(link, package, kind == NODE_SYNC_REQUEST, now_us)
        elif link.tree is None:
            raise WireError("spoke before it said who it is")
        elif kind == TIME_SYNC:
            self._on_time_sync(link, package, now_us)
        else:
            self._route(link, frame, package, now_us)

    def _route(self, link: Link, frame: bytes, package: dict, now_us: int) -> None:
        route = routing(package)
        if route == ROUTE_SINGLE:
            dest = u32(package, "dest")
            if dest != self.node_id:
                self._relay_single(link, dest, frame, now_us)
                return
        elif route == ROUTE_BROADCAST:
            if package.get("from") == self.node_id:
                raise WireError("our own broadcast came back")
            if self.relay.is_echo(link, frame, self._members.in_ring(now_us), now_us):
                return
            self._pass_on(link, self._members.ready, frame, now_us)
        self._deliver(link, package, now_us)

    def _relay_single(self, link: Link, dest: int, frame: bytes, now_us: int) -> None:
        target = self._members.view.routes.get(dest)
        if target is None or target is link:
            self.relay.unroutable_frames += 1
        else:
            self._pass_on(link, (target,), frame, now_us)

    def _pass_on(self, source: Link, targets, frame: bytes, now_us: int) -> None:
        self.relay.relay(source, targets, frame, now_us)
        if source.pauses:
            for target in targets:
                self._wake(target.stall_due_us)

    def _deliver(self, link: Link, package: dict, now_us: int) -> None:
        kind = package["type"]
        service = self._services.get(kind)
        if service is not None:
            self._send_for_service(service.receive(package, now_us), now_us)
            self._wake(service.next_deadline_us())
        elif kind == TIME_DELAY:
            self._on_time_delay(package, now_us)
        else:
            self._tell(PackageReceived(package, link.node_id))

    def _send_for_service(self, packages, now_us: int) -> None:
        for package in packages:
            try:
                self.send(package, now_us)
            except LocalError:  # what must arrive is asked for again by its service
                self.relay.dropped_frames += 1

    def _on_node_sync(self, link: Link, package: dict, is_request: bool, now_us: int) -> None:
        try:
            peer_id = top_id(package)
        except WireError as error:
            self._close(link, "neighbour sent no usable id: " + str(error), now_us)
            raise
        tree = parse(package, self.limits)
        reason = self._members.refusal(link, peer_id, tree)
        if reason is not None:
            self._probe(tree, now_us)
            self._close(link, reason, now_us)
            return
        if self._members.update(link, tree, now_us):
            self._rearm()
        elif is_request:  # an answer changes nothing: news of ours may be due before the next round
            link.sync_due_us = now_us + SYNC_INTERVAL_US
        if is_request:
            link.reply_wanted = True
            self.relay.mark(link)
        else:
            link.answer_due_us = None
        self._cut_ring(now_us)  # some are seen for a moment only

    def _cut_ring(self, now_us: int) -> None:
        link = self._members.ring_to_cut(now_us)
        if link is not None:
            self._close(link, "it closes a ring in the mesh", now_us)

    def _probe(self, tree: Tree, now_us: int) -> None:
        """Nodes called that we know already: find out soon whether the links we have to them are dead."""
        for link in self._members.leading_to(tree):
            if link.answer_due_us is None:
                self._request_sync(link, now_us)

    def _on_time_sync(self, link: Link, package: dict, now_us: int) -> None:
        message = message_of(package)
        if self.time_authority and u32(message, "type") == TAKE_MY_TIME and not self._adopts_from(link):
            return  # stock nodes leave the flag out of their answers, so relays may not know of ours
        answer, offset_us, finished = link.time_sync.receive(message, self.clock, now_us)
        if answer is not None:
            self._send_time_sync(link, answer)
        if offset_us is not None:
            step_us = self.clock.adjust(offset_us)
            if step_us:
                self._time_moved = True
                self._tell(TimeAdjusted(step_us))
            if finished and self._time_moved:  # by this exchange or those before it
                self._time_moved = False
                self._pass_time_on(link, now_us)
        self._wake(link.time_sync.due_us)

    def _pass_time_on(self, source: Link, now_us: int) -> None:
        """Our time is another: offer it at once to the neighbours that take theirs from us."""
        for link in self._members.ready:
            if link is not source and not self._adopts_from(link) and link.time_sync.may_offer(now_us):
                link.time_sync.due_us = now_us
                self._wake(now_us)

    def _adopts_from(self, link: Link) -> bool:
        peer = link.tree
        if peer is None:
            return False
        peer_authority = peer.node_id in peer.authorities
        size = len(self.tree()) - len(peer)
        return adopts(size, self.node_id, self.time_authority, len(peer), peer.node_id, peer_authority)

    def _send_time_sync(self, link: Link, message: dict) -> None:
        package = {"type": TIME_SYNC, "dest": link.node_id, "from": self.node_id, "msg": message}
        link.queue_sync(encode(package))
        self.relay.mark(link)

    def _on_time_delay(self, package: dict, now_us: int) -> None:
        answer, measured = self._delays.receive(package, self.time_us(now_us), now_us)
        if answer is not None:
            self._send_for_service([answer], now_us)
        if measured is not None:
            self._tell(measured)

    # -- links and timers ------------------------------------------------------------------

    def _close(self, link: Link, reason: str, now_us: int) -> None:
        self._tell(LinkClosed(link.handle, reason))
        self._forget(link, now_us)

    def _forget(self, link: Link, now_us: int) -> None:
        del self._links[link.handle]
        self.relay.forget(link)
        self._members.remove(link, now_us)
        self._rearm()

    def _handle_link_deadline(self, link: Link, now_us: int) -> None:
        if link.answer_due_us is not None and now_us >= link.answer_due_us:
            if not link.held_back:
                self._close(link, "silent: node sync unanswered for 10 s", now_us)
                return
            link.held_back = link.pauses > 0
            link.answer_due_us = now_us + PAUSED_GRACE_US
        if now_us >= link.sync_due_us:
            self._request_sync(link, now_us)
        if link.time_sync.due_us is not None and now_us >= link.time_sync.due_us:
            message = link.time_sync.begin(self._adopts_from(link), self.clock, now_us)
            self._send_time_sync(link, message)
        if link.stall_due_us is not None and now_us >= link.stall_due_us:
            stuck = self.relay.handle_stall(link, now_us)
            if stuck and link.answer_due_us is None:
                self._request_sync(link, now_us)

    def _request_sync(self, link: Link, now_us: int) -> None:
        link.request_sync(now_us)
        self.relay.mark(link)
        self._wake(link.next_deadline_us())

    def _tell(self, event: Event) -> None:
        self._events.append(event)

    def _wake(self, due_us: int | None) -> None:
        if due_us is not None and (self._deadline_us is None or due_us < self._deadline_us):
            self._deadline_us = due_us

    def _rearm(self) -> None:
        self._deadline_us = self._members.cycle_due_us
        for link in self._links.values():
            self._wake(link.next_deadline_us())
        for service in self._attached:
            self._wake(service.next_deadline_us())
