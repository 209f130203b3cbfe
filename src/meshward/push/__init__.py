"""Carrying an update out on a real mesh: what is sent, its driver, its journal, its report.

The cores are in `meshward.ota`; what others need of them is named here.
"""

from meshward.ota.parts import PART_BYTES_MAX
from meshward.ota.record import NodeRecord
from meshward.ota.situation import BACKLOG_BYTES, BACKLOG_BYTES_DEFAULT, LOOK_TIMEOUT_US
from meshward.ota.states import GOOD, NodeState
from meshward.ota.update import Options, Update
from meshward.push.journal import SAVE_EVERY_S, Journal, JournalEntry
from meshward.push.plan import Plan, plan
from meshward.push.prepare import PreparedImage, prepare, read_file
from meshward.push.pusher import Pusher
from meshward.push.report import floor_seconds, report, succeeded, transfer_seconds

__all__ = [
    "BACKLOG_BYTES",
    "BACKLOG_BYTES_DEFAULT",
    "GOOD",
    "LOOK_TIMEOUT_US",
    "PART_BYTES_MAX",
    "SAVE_EVERY_S",
    "Journal",
    "JournalEntry",
    "NodeRecord",
    "NodeState",
    "Options",
    "Plan",
    "PreparedImage",
    "Pusher",
    "Update",
    "floor_seconds",
    "plan",
    "prepare",
    "read_file",
    "report",
    "succeeded",
    "transfer_seconds",
]
