"""What becomes of alerts when the gateway starts again: neither its time off nor a mesh that comes up is blamed."""

import pytest

from meshward.rollout.documents import RolloutDoc, WaveEntry
from meshward.rollout.states import RolloutState
from meshward.status.alerts.notify import NotifySettings
from meshward.store import rollouts
from tests.support.gateway import OPERATOR, Clock, hear, live, opened_service, see, spec

TOLD = NotifySettings(0, 1, receivers={"hook": "info"})
BRANCHES = (11, 12, 13, 21, 22, 23, 31, 32, 33)
DEPTHS = (1, 2, 3) * 3


@pytest.fixture
def clock():
    return Clock()


def opened(path, clock):
    return opened_service(path, clock, telemetry=False, notify=TOLD)


async def firing(service):
    return sorted((alert.rule, alert.id) for alert in (await service.alerts(state=["firing"])).items)


async def test_a_mesh_and_a_gateway_that_come_up_together_raise_nothing(tmp_path, clock):
    async with opened(tmp_path, clock) as service:
        await see(service, *BRANCHES, depths=DEPTHS)
        await live(service, clock, 30)
        await see(service)
        await live(service, clock, 5)
    clock.s += 600
    async with opened(tmp_path, clock) as service:
        await live(service, clock, 20)
        for count in (3, 6, 9):
            await see(service, *BRANCHES[:count], depths=DEPTHS[:count])
            await live(service, clock, 12)
        await live(service, clock, 120)
        assert await firing(service) == []
        assert service.due_notifications() == []


async def test_a_node_that_was_told_of_as_silent_stays_the_same_alert(tmp_path, clock):
    async with opened(tmp_path, clock) as service:
        await see(service, 7, 8)
        await live(service, clock, 20)
        await see(service, 8)
        await live(service, clock, 90)
        before = await firing(service)
        assert [rule for rule, _ in before] == ["silent_node"]
        await service.ack_alert(before[0][1], "seen", OPERATOR)
    clock.s += 300
    async with opened(tmp_path, clock) as service:
        await live(service, clock, 3)
        await see(service, 8)
        await live(service, clock, 120)
        assert await firing(service) == before
        assert (await service.alert(before[0][1])).acked_by == "olga"


async def test_a_rollout_that_went_wrong_stays_the_same_alert(tmp_path, clock):
    async with opened(tmp_path, clock) as service:
        await see(service, 7)
        doc = RolloutDoc(
            id="r1",
            spec=spec("ab" * 32),
            state=RolloutState.PAUSED,
            images={},
            back={},
            waves=[WaveEntry()],
            created_by="olga",
            created_s=clock.s,
            failure="the canary failed",
        )
        await service.database.write(rollouts.save, doc)
    async with opened(tmp_path, clock) as service:
        await see(service, 7)
        await live(service, clock, 10)
        before = await firing(service)
        assert [rule for rule, _ in before] == ["update_failed"]
    for _ in range(3):
        clock.s += 30
        async with opened(tmp_path, clock) as service:
            await see(service, 7)
            await live(service, clock, 20)
            assert await firing(service) == before


async def test_what_a_board_said_of_its_firmware_is_forgotten_when_it_runs_anew(tmp_path, clock):
    async with opened(tmp_path, clock) as service:
        await see(service, 7)
        hear(service, 7, mem=40, uptime=5000, fwMD5="0" * 32)
        await live(service, clock, 6)
        assert service.monitor.facts.nodes[7].told_md5 == "0" * 32
        service.monitor.fleet.runs_anew(7)
        await live(service, clock, 6)
        assert service.monitor.facts.nodes[7].told_md5 == ""
        hear(service, 7, mem=40, uptime=5010, fwMD5="1" * 32)
        hear(service, 7, mem=40, uptime=3)
        await live(service, clock, 6)
        assert service.monitor.facts.nodes[7].told_md5 == ""


async def test_asking_for_parts_of_a_firmware_is_no_flood(tmp_path, clock):
    async with opened(tmp_path, clock) as service:
        await see(service, 7)
        for _ in range(120):
            for part in range(20):
                hear(service, 7, type=11, partNo=part)
            hear(service, 7, mem=40, uptime=clock.s - 1_799_000_000)
            await live(service, clock, 1)
        facts = service.monitor.facts.nodes[7]
        assert facts.packages_per_min <= 70
        assert facts.refused_per_min == 0
        assert facts.silent_s <= 6
        assert await firing(service) == []
