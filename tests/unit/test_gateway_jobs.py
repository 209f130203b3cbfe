"""A job of another program is done once, whoever asks for it how often."""

import asyncio

import pytest

from meshward.errors import ConflictError, RolloutError
from meshward.gateway.views import PushRequest
from meshward.rollout.states import Action
from tests.support.gateway import OPERATOR, add, opened_service, see, spec


@pytest.fixture
async def service(tmp_path):
    async with opened_service(tmp_path) as service:
        await see(service, 7)
        yield service


async def test_a_rollout_is_found_by_its_job(service):
    image, _ = await add(service)
    assert await service.rollout_of_job("ci-1") is None
    made = await service.create_rollout(spec(image.sha256, job="ci-1"), OPERATOR)
    await service.create_rollout(spec(image.sha256), OPERATOR)
    found = await service.rollout_of_job("ci-1")
    assert (found.id, found.spec.job) == (made.id, "ci-1")
    assert await service.rollout_of_job("") is None


async def test_a_second_rollout_of_a_job_is_refused_also_when_the_first_is_over(service):
    image, _ = await add(service)
    await service.create_rollout(spec(image.sha256, job="ci-1"), OPERATOR)
    again = PushRequest(firmware=image.sha256, role="gate", job="ci-1")
    with pytest.raises(ConflictError, match="job 'ci-1' is rollout r1"):
        await service.create_rollout(spec(image.sha256, name="another", job="ci-1"), OPERATOR)
    with pytest.raises(ConflictError, match="job 'ci-1' is rollout r1"):
        await service.push(again, OPERATOR)
    await service.act("r1", Action.ABORT, OPERATOR)
    await service.keep()
    await service.remove_firmware(image.sha256, OPERATOR)
    with pytest.raises(ConflictError, match="job 'ci-1' is rollout r1"):
        await service.push(again, OPERATOR)
    assert (await service.rollout_of_job("ci-1")).state == "aborted"
    assert (await service.rollouts()).total == 1


async def test_a_job_asked_for_many_times_at_once_is_one_rollout(service):
    image, _ = await add(service)
    request = PushRequest(firmware=image.sha256, role="sensor", job="ci-2")
    done = await asyncio.gather(*(service.push(request, OPERATOR) for _ in range(8)), return_exceptions=True)
    assert sum(not isinstance(one, Exception) for one in done) == 1
    assert sum(isinstance(one, ConflictError) for one in done) == 7
    assert len(service.engine.rollouts) == 1
    # What was refused took no number either.
    assert (await service.create_rollout(spec(image.sha256), OPERATOR)).id == "r2"


async def test_a_job_is_known_after_a_restart(tmp_path):
    async with opened_service(tmp_path) as service:
        image, _ = await add(service)
        await service.create_rollout(spec(image.sha256, job="ci-3"), OPERATOR)
    async with opened_service(tmp_path) as service:
        with pytest.raises(ConflictError, match="r1"):
            await service.create_rollout(spec(image.sha256, job="ci-3"), OPERATOR)
        assert (await service.rollout_of_job("ci-3")).id == "r1"


@pytest.mark.parametrize("job", ["two words", "tab\t", "é", "x" * 101, "\x7f"])
async def test_what_is_no_job_is_refused(service, job):
    image, _ = await add(service)
    with pytest.raises(RolloutError, match="job must be at most 100 printable ASCII"):
        await service.create_rollout(spec(image.sha256, job=job), OPERATOR)
