"""How updates go, as it lies at the broker: small, on change, and cleared in time."""

import asyncio
import json
from random import Random

import msgspec
import pytest

from meshward.bridges.mqtt.control.images import Fetch
from meshward.bridges.mqtt.control.progress import progress_of, seconds_left, whole_progress_of
from meshward.bridges.mqtt.control.progress_part import ENDED_MAX, ENDED_SHOWN_S, ProgressPart
from meshward.bridges.mqtt.control.proposal import status_of
from meshward.bridges.mqtt.profiles.meshward import MeshwardProfile
from meshward.bridges.mqtt.retained import Retained
from meshward.errors import UnknownItemError
from meshward.gateway.bridge_views import ProgressView
from meshward.gateway.feed import Feed
from meshward.gateway.views import NodeEntryView, RolloutSummary, RolloutView
from tests.support.gateway import spec
from tests.support.mqtt_control import TOPICS

NOW_S = 1_800_000_000.0
EARLY = "2027-01-15T07:00:00.000Z"
"""An hour before."""
HASH = "a" * 64
IDLE = {"status": "idle", "progress": 0, "updated_nodes": 0, "total_nodes": 0}


def summary(number=1, state="updating", **more):
    values = {
        "id": f"r{number}",
        "name": f"rollout {number}",
        "state": state,
        "wave_names": ["canary", "everyone"],
        "counts": {},
        "created_at": f"2027-01-15T07:{number % 60:02}:00.000Z",
        "created_by": "mqtt",
        "started_at": EARLY,
        "ended_at": EARLY if state in {"completed", "failed", "aborted", "rolled_back"} else None,
        "actions": ["abort"],
    }
    return RolloutSummary(**{**values, **more})


def entry(node, state="pending", **more):
    return NodeEntryView(node=node, state=state, **more)


class Updates:
    """What the part asks of a service."""

    def __init__(self, *rollouts):
        self.rollouts = {each.id: each for each in rollouts}
        self.running = []
        self.asked = []
        self.feed = Feed("e", self._snapshot)

    def _snapshot(self):
        rollouts = [msgspec.to_builtins(each) for each in self.rollouts.values()]
        return {"nodes": [], "rollouts": rollouts, "alerts": []}

    def progress(self):
        return self.running

    async def rollout(self, rollout_id):
        self.asked.append(rollout_id)
        if rollout_id not in self.rollouts:
            raise UnknownItemError("gone")
        fields = msgspec.structs.asdict(self.rollouts[rollout_id])
        return RolloutView(**fields, spec=spec(HASH, job=f"job-{rollout_id}"), waves=[], nodes=[])

    def change(self, rollout):
        self.rollouts[rollout.id] = rollout
        self.feed.publish([{"kind": "rollout", "id": rollout.id, "value": msgspec.to_builtins(rollout)}])


class FetchingOnly:
    def __init__(self):
        self.under_way = []


class Kit:
    def __init__(self, *rollouts, images=None):
        self.service = Updates(*rollouts)
        self.now_s = NOW_S
        self.shelf = Retained()
        self.part = ProgressPart(
            self.service, TOPICS, MeshwardProfile(), self.shelf, images, lambda: self.now_s, period_s=0.01
        )

    async def look(self):
        self.part._follower.catch_up()
        await self.part.look()
        return self

    def lies(self, rollout=""):
        payload = self.shelf.get(TOPICS.update_status(rollout))
        return None if payload is None else json.loads(payload)

    def taken(self):
        """Topics that have to be sent."""
        topics = []
        while (publication := self.shelf.take()) is not None:
            topics.append(publication.topic)
        return topics


async def test_a_rollout_under_way_lies_at_its_topic():
    counts = {"completed": 5, "downloading": 1, "failed": 1, "scheduled": 1, "not_targeted": 9}
    kit = Kit(summary(counts=counts, wave=1))
    kit.service.running = [
        ProgressView(node=1, rollout="r1", state="downloading", parts_done=50, parts=100),
        ProgressView(node=2, rollout="r9", state="downloading", parts_done=99, parts=100),
    ]
    told = (await kit.look()).lies("r1")
    assert (told["rollout"], told["job"], told["state"], told["wave"]) == (
        "r1",
        "job-r1",
        "updating",
        "everyone",
    )
    assert (told["total"], told["updated"], told["failed"], told["percent"]) == (8, 5, 1, 81)
    assert told["counts"] == counts
    assert (told["images"], told["roles"]) == ([HASH], ["sensor"])
    assert len(kit.shelf.get(TOPICS.update_status("r1"))) < 1000


async def test_all_lie_at_one_topic_in_the_proposals_form():
    kit = Kit(
        summary(1, "completed", counts={"completed": 4}), summary(2, counts={"completed": 2, "lost": 2})
    )
    told = (await kit.look()).lies()
    assert (told["status"], told["progress"], told["timestamp"]) == ("in_progress", 99, NOW_S)
    assert (told["updated_nodes"], told["total_nodes"], told["rollout"]) == (2, 4, "r2")
    assert [each["rollout"] for each in told["rollouts"]] == ["r2", "r1"]
    assert told["rollouts"][0]["job"] == "job-r2"


async def test_nothing_under_way_is_idle():
    assert (await Kit().look()).lies() == {**IDLE, "timestamp": NOW_S}


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("scheduled", "pending"), ("soaking", "in_progress"), ("paused", "paused"), ("completed", "completed"),
        ("failed", "failed"), ("aborted", "cancelled"), ("rolled_back", "rolled_back"),
    ],
)  # fmt: skip
async def test_states_have_words_of_the_proposal(state, word):
    assert (await Kit(summary(state=state)).look()).lies()["status"] == word


async def test_what_did_not_change_is_not_sent_again():
    kit = await Kit(summary()).look()
    assert set(kit.taken()) == {"mesh/ota/status", "mesh/ota/status/r1"}
    kit.now_s += 100
    await kit.look()
    assert kit.taken() == []
    kit.service.change(summary(counts={"completed": 1}))
    await kit.look()
    assert set(kit.taken()) == {"mesh/ota/status", "mesh/ota/status/r1"}
    assert kit.service.asked == ["r1"]


async def test_the_share_never_goes_back_but_for_a_rollback():
    kit = Kit(summary(counts={"downloading": 2}))
    shares = []
    for state, counts, done in [
        ("surveying", {"pending": 2}, 0),
        ("updating", {"downloading": 2}, 50),
        ("updating", {"rebooting": 2}, 0),
        ("paused", {"paused": 2}, 0),
        ("updating", {"completed": 1, "downloading": 1}, 60),
        ("rolling_back", {"pending": 2}, 0),
        ("rolled_back", {"rolled_back": 2}, 0),
    ]:
        node = {"rollout": "r1", "state": next(iter(counts)), "parts_done": done, "parts": 100}
        kit.service.running = [ProgressView(node=node_id, **node) for node_id in (1, 2)]
        kit.service.change(summary(state=state, counts=counts))
        shares.append((await kit.look()).lies("r1")["percent"])
    assert shares == [0, 50, 99, 99, 99, 0, 100]


async def test_what_ended_is_cleared_after_a_day():
    kit = await Kit(summary(state="completed")).look()
    assert kit.lies("r1")["over"]
    kit.taken()
    kit.now_s += ENDED_SHOWN_S
    await kit.look()
    assert kit.lies("r1") is None
    assert set(kit.taken()) == {"mesh/ota/status", "mesh/ota/status/r1"}
    assert kit.lies() == {**IDLE, "timestamp": kit.now_s}
    assert not kit.part._specs


async def test_few_of_what_ended_are_shown_and_all_that_is_under_way():
    over = [summary(number, "completed") for number in range(1, 50)]
    kit = await Kit(*over, summary(50), summary(51, "paused")).look()
    shown = {topic for topic in kit.shelf.topics if topic != "mesh/ota/status"}
    assert len(shown) == ENDED_MAX + 2
    assert {"mesh/ota/status/r50", "mesh/ota/status/r51", "mesh/ota/status/r49"} <= shown


async def test_a_rollout_that_cannot_be_looked_up_is_told_without_its_spec():
    kit = Kit(summary())
    await kit.look()
    kit.service.rollouts.clear()
    kit.service.feed.publish([{"kind": "rollout", "id": "r2", "value": msgspec.to_builtins(summary(2))}])
    await kit.look()
    assert "images" not in kit.lies("r2")


async def test_files_on_their_way_are_told():
    images = FetchingOnly()
    kit = await Kit(summary(state="completed"), images=images).look()
    assert kit.lies()["status"] == "completed"
    images.under_way.append(Fetch("ci.example", "ci-1", received_bytes=50, size_bytes=200))
    told = (await kit.look()).lies()
    assert told["status"] == "in_progress"
    fetch = {"job": "ci-1", "host": "ci.example", "received_bytes": 50, "size_bytes": 200, "percent": 25}
    assert told["fetching"] == [fetch]
    assert (told["progress"], told["rollouts"][0]["rollout"]) == (0, "r1")
    images.under_way.clear()
    assert "fetching" not in (await kit.look()).lies()


@pytest.mark.parametrize("images", [None, FetchingOnly()])
async def test_it_looks_by_itself(images):
    kit = Kit(images=images)
    working = asyncio.create_task(kit.part.work())
    for rollout in (summary(), summary(counts={"completed": 1}), summary(state="completed"), summary(2)):
        kit.service.change(rollout)
        async with asyncio.timeout(5):
            while (told := kit.lies(rollout.id)) is None or told["state"] != rollout.state:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


def test_percent_grows_to_100_with_the_end_only():
    assert progress_of(summary(counts={"completed": 9}), None).percent == 99
    assert progress_of(summary(state="completed", counts={"completed": 9}), None).percent == 100
    assert progress_of(summary(counts={}), None).percent == 0
    assert progress_of(summary(state="completed", counts={}), None).percent == 100


def test_the_rest_is_told_from_how_it_went():
    progress = progress_of(summary(counts={"completed": 1, "pending": 3}), None)
    assert seconds_left(progress, NOW_S) == 3 * 3600
    assert seconds_left(progress_of(summary(counts={"pending": 3}), None), NOW_S) is None
    assert seconds_left(progress_of(summary(started_at=None, counts={"completed": 1}), None), NOW_S) is None
    assert seconds_left(progress, 0.0) == 0


def test_only_actions_that_can_be_asked_for_are_told():
    actions = ["pause", "skip", "retry", "abort", "rollback"]
    assert progress_of(summary(actions=actions), None).actions == ["pause", "abort", "rollback"]


def test_all_nodes_are_told_of_one():
    nodes = [
        entry(1, "downloading", parts_done=1, parts=3, name="roof"),
        entry(2, "failed", reason="x" * 1000),
        entry(3, "not_targeted"),
        *(entry(number, "lost") for number in range(10, 60)),
    ]
    fields = msgspec.structs.asdict(summary(counts={"downloading": 1, "failed": 1, "lost": 50}))
    whole = whole_progress_of(RolloutView(**fields, spec=spec(HASH), waves=[], nodes=nodes))
    assert len(whole.nodes) == 52
    assert (whole.nodes[0].percent, whole.nodes[0].name) == (33, "roof")
    assert len(whole.failures) == 20
    assert len(whole.failures[0].reason) <= 200


def test_any_counts_give_a_share():
    rng = Random(7)
    states = ["completed", "failed", "pending", "downloading", "not_targeted", "unheard of"]
    for _ in range(200):
        counts = {state: rng.randrange(20) for state in states}
        running = [
            ProgressView(
                node=1,
                rollout="r1",
                state="downloading",
                parts_done=rng.randrange(200),
                parts=rng.randrange(100),
            )
            for _ in range(30)
        ]
        progress = progress_of(summary(counts=counts), None, running)
        assert 0 <= progress.percent <= 99
        assert 0 <= status_of([progress], [], NOW_S).progress <= 99
