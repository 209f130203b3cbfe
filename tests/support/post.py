"""A notifier in virtual time, and the receivers it tells."""

from random import Random

from meshward.status.alerts.documents import AlertDoc
from meshward.status.alerts.notify import Notifier, NotifySettings


def alert(number=1, *, rule="low_heap", severity="warning", **more):
    """A node that is ill."""
    fields = {"since_s": 0.0, "fired_s": 0.0, "state": "firing", "text": f"Node {number} is ill."} | more
    return AlertDoc(
        id=f"a{number}", fingerprint=f"{number:016x}", rule=rule, labels={"node": str(number)},
        node=number, severity=severity, **fields,
    )  # fmt: skip


class Post:
    """A notifier whose receivers take everything, unless they are told not to."""

    def __init__(self, receivers=None, **settings):
        self.now_s = 100.0
        self.docs = {}
        self.refusing = set()
        self.firing = []
        self.sent = []
        self.notifier = Notifier(
            Random(1),
            lambda doc: None,
            lambda doc: self.docs.__setitem__(doc.id, doc),
            lambda name: self.docs.pop(name, None),
            NotifySettings(receivers=receivers or {"hook": "info"}, **settings),
        )

    @property
    def now_us(self):
        return int(self.now_s * 1e6)

    def run(self, seconds):
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += 1
            self.notifier.look(self.firing, self.now_us, self.now_s)
            for notification in self.notifier.due(self.now_us):
                for name in notification.pending:
                    if name in self.refusing:
                        self.notifier.failed(notification.id, name, "no\x1b", self.now_us)
                    else:
                        self.sent.append((self.now_s, name, notification))
                        self.notifier.delivered(notification.id, name)
        return self

    def fires(self, *alerts):
        self.firing += alerts
        for one in alerts:
            self.notifier.began(one, self.now_us)
        return self

    def ends(self, *alerts):
        for one in alerts:
            self.firing.remove(one)
            one.state, one.resolved_s = "resolved", self.now_s
            self.notifier.ended(one, self.now_us)
        return self

    def texts(self):
        return [(n.status, n.reason, [one.node for one in n.alerts]) for _, _, n in self.sent]
