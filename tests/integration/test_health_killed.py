"""A real gateway, killed again and again: what people did and were told, and what was measured, stays."""

import asyncio
import json
import os
import random
import time
from datetime import datetime

import pytest

from meshward.fleet.commands import Drop
from tests.integration.fleets import running_fleet
from tests.integration.gateway_meshes import sees, until
from tests.integration.gateways import Daemon
from tests.integration.health_meshes import EAGER, QUICK_RULES, boards, configured, ids
from tests.integration.hostile import eventually
from tests.support.receivers import Hook, answer, listening

NODES = 5
GONE = 1005
KILLS = int(os.environ.get("MESHWARD_KILLS", "2"))
STORED_WITHIN_S = 2.0
"""What is older than that when the gateway dies is stored."""
HEAP = "heap_free_bytes"
STEP_BYTES = 128
"""Of what is stored."""
RULES = f"""{QUICK_RULES}
[custom.watched]
metric = "{HEAP}"
below = 10000000
for = "0s"
nodes = [1002]
"""


class Recorder:
    """What boards answer, asked through the gateway again and again from its start to its kill."""

    def __init__(self, daemon):
        self._daemon = daemon
        self._answered = []
        self.must_be_stored = set()

    async def run(self):
        async with self._daemon.api() as client:
            while True:
                # Fewer than 60 samples a minute: more of a node are not kept.
                await asyncio.sleep(1.2)
                request = {"groups": ["heap"], "max_age_s": 0, "deadline_s": 1}
                answer = await client.post("/queries", json=request)
                if answer.status_code == 200:  # else it is not in the mesh yet
                    self._note(answer.json())

    def _note(self, view):
        at_s = seconds(view["asked_at"]) + view["took_s"]
        for one in view["answers"]:
            if one["answered"]:
                measured_s = round(at_s - one["age_s"], 1)
                self._answered.append((time.time(), one["node"], measured_s, one["metrics"][HEAP]["value"]))

    def killed(self, at_s):
        self.must_be_stored |= {
            tuple(rest) for known_s, *rest in self._answered if known_s < at_s - STORED_WITHIN_S
        }
        self._answered.clear()


def seconds(at):
    return datetime.fromisoformat(at).timestamp()


def eager_daemon(folder, fleet, file):
    return Daemon(folder / "data", f"127.0.0.1:{fleet.plan.port}", "--config", file, program=("-c", EAGER))


async def open_alerts(daemon):
    page = await daemon.get("/alerts", state="firing")
    return {
        (one["rule"], one["node"]): {
            key: one[key] for key in ("id", "fingerprint", "acked_by", "ack_note", "fired_at", "since_at")
        }
        for one in page["items"]
    }


async def lives_and_dies(daemon, recorder, rng):
    """A random while, and then its end, with somebody watching as long as it lives."""
    watching = asyncio.create_task(recorder.run())
    await asyncio.sleep(rng.uniform(5.0, 7.0))
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    at_s = time.time()
    await daemon.kill()
    recorder.killed(at_s)


@pytest.mark.timeout(90 + 20 * KILLS)
async def test_killed_again_and_again_it_knows_what_it_knew_and_tells_nothing_twice(tmp_path, seed):
    rng = random.Random(f"{seed}/health kills")
    hook = Hook()
    async with (
        listening(hook.serve) as port,
        running_fleet(nodes=NODES, stock=boards(telemetry_s=60, reports_us=[])) as fleet,
    ):
        file = configured(tmp_path, RULES, [f"http://127.0.0.1:{port}/"])
        daemon = eager_daemon(tmp_path, fleet, file)
        await daemon.start()
        try:
            await daemon.wait_ready()
            await sees(daemon, NODES)
            await fleet.apply(Drop(GONE))
            await eventually(lambda: len(hook.requests) == 2, limit_s=40)
            silence = await act_on_them(daemon)
            before = await open_alerts(daemon)
            assert set(before) == {("silent_node", GONE), ("watched", 1002)}
            recorder = Recorder(daemon)
            for _ in range(KILLS):
                await lives_and_dies(daemon, recorder, rng)
                await daemon.start()
                await daemon.wait_ready()
                assert await open_alerts(daemon) == before
                assert [one["id"] for one in await daemon.get("/silences")] == [silence["id"]]
            await sees(daemon, NODES - 1)
            seen_s = time.time()
            await until(daemon, "/status", lambda status: seconds(status["at"]) > seen_s)
            await check_stored(daemon, recorder.must_be_stored)
            assert await open_alerts(daemon) == before
            assert len(hook.requests) == 2
        finally:
            await daemon.kill()


async def act_on_them(daemon):
    alerts = await open_alerts(daemon)
    async with daemon.api() as client:
        alert_id = alerts[("silent_node", GONE)]["id"]
        acked = await client.post(f"/alerts/{alert_id}/ack", json={"note": "on my way"})
        assert acked.status_code == 200, acked.text
        made = await client.post("/silences", json={"rules": ["weak_link"], "duration_s": 3600})
        assert made.status_code == 201, made.text
    return made.json()


async def check_stored(daemon, recorded):
    assert len(recorded) >= KILLS * (NODES - 1)
    assert {node for node, _, _ in recorded} == set(ids(NODES - 1))
    for node in ids(NODES - 1):
        shown = await daemon.get(f"/nodes/{node}/history", metric=HEAP, resolution_s=0)
        points = [(at_s, mean) for at_s, mean, *_, count in shown["points"] if count]
        for known, measured_s, value in recorded:
            if known == node:
                assert any(
                    abs(at_s - measured_s) < 0.6 and abs(mean - value) <= STEP_BYTES for at_s, mean in points
                ), (
                    node,
                    measured_s,
                    value,
                    points[-5:],
                )


@pytest.mark.timeout(90)
async def test_what_no_receiver_took_before_the_end_is_told_after_the_next_start(tmp_path):
    hook = Hook(answer=answer(503, "not now"))
    async with (
        listening(hook.serve) as port,
        running_fleet(nodes=3, stock=boards()) as fleet,
    ):
        file = configured(tmp_path, QUICK_RULES, [f"http://127.0.0.1:{port}/"])
        daemon = eager_daemon(tmp_path, fleet, file)
        await daemon.start()
        try:
            await daemon.wait_ready()
            await sees(daemon, 3)
            await fleet.apply(Drop(1003))
            await eventually(lambda: hook.requests, limit_s=30)
            await daemon.kill()
            refused = hook.requests[:]
            hook.requests.clear()
            hook.answer = Hook().answer
            await daemon.start()
            await daemon.wait_ready()
            await eventually(lambda: hook.requests, limit_s=30)
            await sees(daemon, 2)
            fingerprints = [fingerprint_of(request) for request in (*refused, *hook.requests)]
            assert len(set(fingerprints)) == 1
            assert len(hook.requests) == 1
        finally:
            await daemon.kill()


def fingerprint_of(request):
    (alert,) = json.loads(request.body)["alerts"]
    return alert["fingerprint"]
