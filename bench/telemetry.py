"""What telemetry costs on the wire, and how soon a crossing of a threshold is known: boards over a day."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.settings import Settings
from bench.table import Table
from meshnode.health.agent import HealthAgent
from meshnode.health.answers import Question, status_report
from meshnode.health.encoder import TelemetryEncoder
from meshnode.health.metrics import METRICS
from meshnode.health.thresholds import Thresholds
from meshnode.rng import SmallRandom
from meshnode.wire import TELEMETRY_RESYNC, encode
from meshward.sim.alteriom import Author
from meshward.sim.life import NAMES, Life, Reading
from meshward.sim.stories import Story
from meshward.sim.traces import DAYS, trace
from meshward.status.telemetry import TelemetryDecoder

SUMMARY = "bytes of telemetry on the wire, and how soon a crossing of a threshold is known"
KINDS = {**DAYS, "weak": (Story.read("weak:-87"),)}
LOOK_S = 2
"""How often a board looks; its values stand for as long."""
GATEWAY = 2_886_735_001
NODE = 3_946_120_945
"""Ids of ten digits, as boards have them."""
AWAY_S, ASKED_AFTER_S = 10, 4
"""How long a board that loses its link is away, and when the gateway asks it again after that."""
DAY_HOURS = 24
PROPOSED_BYTES = {"reports": 60_000, "query": 15_000, "telemetry": 4_000}
"""Per hour for 10 nodes, as the proposal has it."""
COUNTED = (
    "Counted is what leaves the board, with ids of 10 digits, envelope (68 bytes of each frame) and NUL"
    " included; every hop repeats it, and TCP, IP and Wi-Fi come to it. Telemetry: batches of 5, a snapshot"
    " every 15 samples, urgent frames and answers to the gateway included."
)
FLAPPING = (
    f"On a flapping day the board leaves 20 times an hour for {AWAY_S} s, and is asked for a snapshot each"
    " time; on a weak day its signal wavers about its threshold, -88 dBm."
)
LOOKING = f"In either direction; a board looks every {LOOK_S} s. 4 at once are told, then 4 a minute."
PROPOSAL = (
    "A calm day; a KB is 1000 bytes. The proposal says neither how often, nor whether envelopes count: those"
    " of 12 frames an hour alone are twice its figure for telemetry, whatever is in them."
)
_SECOND_US = 1_000_000
_RECONNECTS = NAMES.index("reconnects")


def measure(settings: Settings, boards: int = 3) -> list[Table]:
    """Days of a few boards of either hardware, one table per question."""
    hours = max(1, round(settings.seconds(DAY_HOURS)))
    days = {kind: [Day(kind, seed, hours) for seed in range(boards)] for kind in KINDS}
    return [_bytes_table(days, boards, hours), _latency_table(days), _proposal_table(days["calm"], hours)]


@dataclass(frozen=True, slots=True)
class Crossing:
    """A value went past its threshold, or came back."""

    at_s: int
    known_s: int | None
    """When a sample of that or a later moment had come."""


class Day:
    """A board's day, and what it sends of it."""

    def __init__(self, kind: str, seed: int, hours: int) -> None:
        self.hours = hours
        hardware = "ESP8266" if seed % 2 else "ESP32"
        life = Life(1001 + seed, hardware, seed=seed, stories=KINDS[kind])
        self.readings = trace(life, 3600 * hours, LOOK_S)
        self.minutes = self.readings[60 // LOOK_S - 1 :: 60 // LOOK_S]
        self.telemetry_bytes = 0
        self.frames = 0
        self.samples = 0
        self._measured_s: list[tuple[int, int]] = []  # (came, latest moment that it tells of)
        self._run()
        self.crossings = self._find_crossings()

    def per_hour(self, size_bytes: int) -> float:
        return size_bytes / self.hours

    def _run(self) -> None:
        node = _Node()
        board = _Board(self.readings)
        agent = HealthAgent(node, board, SmallRandom(5), 0, boots=1, look_us=LOOK_S * _SECOND_US)
        decoder = TelemetryDecoder()
        back_s = 0
        ask_s: int | None = 1
        before = self.readings[0][_RECONNECTS]
        for now_s in range(3600 * self.hours):
            now_us = now_s * _SECOND_US
            reading = self.readings[now_s // LOOK_S]
            if reading[_RECONNECTS] != before:
                before = reading[_RECONNECTS]
                back_s = now_s + AWAY_S
                ask_s = back_s + ASKED_AFTER_S
            node.has_gateway = now_s >= back_s
            packages = agent.handle_deadline(now_us)
            if now_s == ask_s:
                packages += agent.receive({"type": TELEMETRY_RESYNC, "routing": 1, "from": GATEWAY}, now_us)
            for package in packages:
                self._take(decoder, package | {"from": NODE}, now_s)

    def _take(self, decoder: TelemetryDecoder, package: dict, now_s: int) -> None:
        self.telemetry_bytes += len(encode(package))
        self.frames += 1
        decoded = decoder.receive(package, now_s * _SECOND_US)
        assert decoded.samples
        assert not decoded.lost
        self.samples += len(decoded.samples)
        self._measured_s.append((now_s, now_s - decoded.samples[-1].age_us // _SECOND_US))

    def _find_crossings(self) -> list[Crossing]:
        thresholds = Thresholds()
        moments_s = [
            LOOK_S * place for place, reading in enumerate(self.readings) if thresholds.look(reading)
        ]
        last_s = 3600 * self.hours - 60
        return [Crossing(at_s, self._known_s(at_s)) for at_s in moments_s if 0 < at_s < last_s]

    def _known_s(self, at_s: int) -> int | None:
        return next((came_s for came_s, measured_s in self._measured_s if measured_s >= at_s), None)


class _Node:
    """A node in a mesh with the gateway, or without it."""

    node_id = NODE

    def __init__(self) -> None:
        self.has_gateway = True

    def tree(self) -> "_Node":
        return self

    def contains(self, node_id: int) -> bool:
        return self.has_gateway and node_id == GATEWAY

    def links(self) -> list:
        return [None]


class _Board:
    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings

    def read(self, now_us: int) -> Reading:
        return self._readings[now_us // _SECOND_US // LOOK_S]


def report_bytes(readings: Sequence[Reading]) -> int:
    """One package 604 for each."""
    author = Author(NODE, "ab" * 16)
    size_bytes = 0
    for place, reading in enumerate(readings):
        values = dict(zip(NAMES, reading, strict=True))
        received, sent = (int(values[name] or 0) for name in ("messages_received", "messages_sent"))
        size_bytes += len(encode(author.enhanced_status(values, 60 * place, received, sent)))
    return size_bytes


def frame_bytes(readings: Sequence[Reading], batch: int, interval_s: int = 60) -> int:
    """Telemetry of these, without events."""
    encoder = TelemetryEncoder(interval_s, batch)
    head = {"type": 712, "routing": 1, "from": NODE, "dest": GATEWAY, "d": ""}
    size_bytes = 0
    for place, reading in enumerate(readings):
        for frame in encoder.add(reading, interval_s * place):
            size_bytes += len(encode(head)) + 4 * ((len(frame) + 2) // 3)
    return size_bytes


def answer_bytes(reading: Reading) -> int:
    """A question to a node, and its answer with all fields."""
    question = Question(GATEWAY, 4_000_000_000, False, [], 0)
    texts = {"role": "sensor", "hw": "ESP32", "fw": "1.2.3", "md5": "ab" * 16}
    answer = status_report(question, reading, 86_400, 3, texts) | {"from": NODE}
    asked = {"type": 710, "routing": 2, "from": GATEWAY, "q": question.number, "jitter": 5000}
    return len(encode(answer)) + len(encode(asked))


def _bytes_table(days: dict[str, list[Day]], boards: int, hours: int) -> Table:
    rows = []
    for kind, several in days.items():
        reports = [day.per_hour(report_bytes(day.minutes)) for day in several]
        singles = [day.per_hour(frame_bytes(day.minutes, 1)) for day in several]
        ours = [day.per_hour(day.telemetry_bytes) for day in several]
        share = 100 * (1 - sum(ours) / sum(reports))
        frames = sum(day.frames for day in several) / boards / hours
        rows.append((kind, *(round(max(some)) for some in (reports, singles, ours)), frames, share))
    return Table(
        f"Bytes on the wire per node and hour, {len(METRICS)} metrics a minute, {hours} h",
        ("day", "604 packages", "one sample a frame", "telemetry", "frames/h", "% saved"),
        rows,
        (
            f"The most of {boards} virtual boards, ESP32 and ESP8266 in turn. {COUNTED}",
            FLAPPING,
        ),
    )


def _latency_table(days: dict[str, list[Day]]) -> Table:
    rows = []
    for kind, several in days.items():
        crossings = [one for day in several for one in day.crossings]
        delays = sorted(one.known_s - one.at_s for one in crossings if one.known_s is not None)
        unknown = len(crossings) - len(delays)
        late = sum(delay > 5 for delay in delays) + unknown
        rows.append(
            (
                kind,
                len(crossings),
                delays[len(delays) // 2] if delays else None,
                max(delays, default=None),
                late,
            )
        )
    return Table(
        "Crossings of thresholds, and how soon the gateway knows",
        ("day", "crossings", "median s", "worst s", "over 5 s"),
        rows,
        (LOOKING,),
    )


def _proposal_table(calm: Sequence[Day], hours: int) -> Table:
    def ten(size_bytes: Sequence[int]) -> float:
        return 10 * max(size_bytes) / hours / 1000

    def row(what: str, option: str, each_s: int, size_bytes: Sequence[int]) -> tuple:
        return what, PROPOSED_BYTES[option] / 1000, each_s, ten(size_bytes)

    reports = [report_bytes(day.minutes) for day in calm]
    answers = [answer_bytes(day.minutes[0]) * hours for day in calm]
    return Table(
        "KB per hour for 10 nodes, against the proposal",
        ("option", "proposal", "every s", "measured"),
        [
            row("2A reports (604)", "reports", 60, reports),
            row("2A reports (604)", "reports", 180, [size // 3 for size in reports]),
            row("2B query, all fields", "query", 300, [size * 12 for size in answers]),
            row("2B query, all fields", "query", 1800, [size * 2 for size in answers]),
            row("2C telemetry", "telemetry", 60, [day.telemetry_bytes for day in calm]),
            row("2C telemetry", "telemetry", 300, [frame_bytes(day.minutes[::5], 5, 300) for day in calm]),
        ],
        (PROPOSAL,),
    )
