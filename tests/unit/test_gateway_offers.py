"""What nodes could be updated to, and the update of one node, over a real store."""

import asyncio
import time

import msgspec
import pytest

from meshward.errors import NotPossibleError, UnknownItemError
from meshward.firmware.synthetic import synthetic_image
from meshward.gateway.offering import product
from meshward.gateway.views import NodePatch, PushRequest, SettingsPatch
from meshward.ota.states import NodeState
from meshward.rollout.changes import NodeProven, SaveRollout
from meshward.rollout.documents import NodeEntry
from meshward.rollout.spec import Target
from meshward.rollout.states import Action, RolloutState
from meshward.store.firmware import Build
from tests.support.gateway import OPERATOR, Clock, add, hear, live, opened_service, see, spec


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def service(tmp_path, clock):
    async with opened_service(tmp_path, clock, telemetry=False) as service:
        yield service


async def upload(service, version, project="lamp", hardware="ESP32", seed=1, name="", **more):
    service_clock(service).s += 60
    content = synthetic_image(20_000, hardware=hardware, project=project, version=version, seed=seed)
    view, _ = await add(service, content, name=name or f"{project}-{version}.bin", **more)
    return view.sha256


def service_clock(service):
    return service.now_s.__self__


async def prove(service, node, image, role="sensor", hardware="ESP32"):
    service.engine.tell(NodeProven(node, hardware, role, image, "answered"))
    await service.keep()


async def begin(service, *images, **changes):
    """A rollout, at some later time."""
    service_clock(service).s += 60
    return (await service.create_rollout(spec(*images, **changes), OPERATOR)).id


async def end(service, rollout, state=RolloutState.COMPLETED):
    """A rollout is over."""
    doc = service.engine.rollouts.pop(rollout).doc
    ended = msgspec.structs.replace(doc, state=state, ended_s=service.now_s())
    service.engine.tell(SaveRollout(ended))
    await service.keep()


async def offer(service, node=7):
    return (await service.offers())[node]


def told(offer):
    return (offer.installed, offer.latest, offer.available)


# -- the library -------------------------------------------------------------------------------


async def test_the_newest_of_the_same_project_is_offered(service):
    await see(service, 7)
    first = await upload(service, "1.0")
    await prove(service, 7, first)
    assert told(await offer(service)) == ("1.0", "1.0", False)
    await upload(service, "1.1")
    newest = await upload(service, "1.2", notes="fixes the pump")
    found = await offer(service)
    assert told(found) == ("1.0", "1.2", True)
    assert (found.firmware, found.title, found.notes, found.refusal) == (newest, "lamp", "fixes the pump", "")


async def test_neither_another_project_nor_another_hardware_nor_chip_nor_an_older_one_is_offered(service):
    await see(service, 7)
    await upload(service, "0.9")
    running = await upload(service, "1.0")
    await prove(service, 7, running)
    await upload(service, "2.0", project="pump")
    await upload(service, "2.0", hardware="ESP8266")
    await upload(service, "2.0", hardware="ESP32-C3")
    assert told(await offer(service)) == ("1.0", "1.0", False)


async def test_of_two_with_the_same_version_the_other_one_is_named_by_its_hash_too(service):
    await see(service, 7)
    await prove(service, 7, await upload(service, "1.0"))
    other = await upload(service, "1.0", seed=2)
    assert told(await offer(service)) == ("1.0", f"1.0 ({other[:8]})", True)
    await prove(service, 7, other)
    assert told(await offer(service)) == ("1.0", "1.0", False)


async def test_a_board_whose_firmware_is_not_known_is_offered_nothing_of_the_library_by_itself(service):
    await see(service, 7)
    await upload(service, "1.0")
    await prove(service, 7, "")
    found = await offer(service)
    assert told(found) == ("", "", False)
    assert found.firmware == ""


async def test_firmware_that_was_removed_from_the_library_is_still_what_a_board_runs(service):
    await see(service, 7)
    running = await upload(service, "1.0")
    await prove(service, 7, running)
    await service.remove_firmware(running, OPERATOR)
    await upload(service, "1.1")
    assert told(await offer(service)) == ("1.0", "1.0", False)


async def test_a_board_that_tells_the_md5_of_what_it_runs_needs_no_rollout_first(service, clock):
    await see(service, 7)
    running = await upload(service, "1.0")
    await upload(service, "1.1")
    service.book.views[7].hardware, service.book.views[7].role = "ESP32", "sensor"
    md5 = (await service.firmware_one(running)).md5
    hear(service, 7, uptime=100, mem=40, fw="one", fwMD5=md5)
    await live(service, clock, 6)
    assert told(await offer(service)) == ("1.0", "1.1", True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("porch-lamp-1.2.bin", ("porch-lamp", "1.2")),
        ("Lamp_v2.0.1-rc1.bin.gz", ("lamp", "2.0.1-rc1")),
        ("lamp.ino.esp32.bin", ("lamp", "")),
        ("lamp 7.bin", ("lamp", "7")),
        ("firmware.bin", ("", "")),
        ("firmware-1.3.bin", ("", "1.3")),
        ("1.3.bin", ("", "1.3")),
    ],
)
def test_the_name_of_a_file_is_its_project_where_the_build_says_none(name, expected):
    for project in ("", "arduino-lib-builder"):
        found = product(Build("ab" * 32, "", name, 0.0, "ESP32", "ESP32", project, "bb76cb1", ""))
        assert (found.project, found.stem, found.version) == ("", *expected)


async def test_sketches_of_arduino_are_told_apart_by_their_files(service):
    await see(service, 7)
    core = "arduino-lib-builder"
    running = await upload(service, "core", project=core, name="lamp-1.0.bin")
    await prove(service, 7, running)
    await upload(service, "core", project=core, name="pump-2.0.bin", seed=2)
    assert told(await offer(service)) == ("1.0", "1.0", False)
    await upload(service, "core", project=core, name="lamp-1.1.bin", seed=3)
    assert told(await offer(service)) == ("1.0", "1.1", True)


async def test_files_whose_names_say_nothing_are_not_offered_without_a_rollout(service):
    await see(service, 7)
    running = await upload(service, "1.0", hardware="ESP8266", name="firmware.bin")
    await prove(service, 7, running, hardware="ESP8266")
    newer = await upload(service, "1.1", hardware="ESP8266", name="firmware.bin")
    assert told(await offer(service)) == (running[:8], running[:8], False)
    await end(service, await begin(service, newer))
    assert told(await offer(service)) == (running[:8], newer[:8], True)


# -- rollouts ----------------------------------------------------------------------------------


async def test_what_a_rollout_means_for_a_role_is_offered_to_those_that_did_not_get_it(service):
    await see(service, 7, 8)
    image = await upload(service, "2.0")
    await prove(service, 7, "")
    await prove(service, 8, "", role="gate")
    await end(service, await begin(service, image))
    assert told(await offer(service)) == ("", "2.0", True)
    assert told(await offer(service, 8)) == ("", "", False)


@pytest.mark.parametrize("state", [RolloutState.FAILED, RolloutState.ROLLED_BACK, RolloutState.ABORTED])
async def test_what_was_stopped_is_not_offered_any_more(service, state):
    await see(service, 7)
    good = await upload(service, "1.0")
    await prove(service, 7, good)
    bad = await upload(service, "2.0")
    rollout = await begin(service, bad)
    assert told(await offer(service)) == ("1.0", "2.0", True)
    await end(service, rollout, state)
    assert told(await offer(service)) == ("1.0", "1.0", False)
    await begin(service, bad)
    assert told(await offer(service)) == ("1.0", "2.0", True)


async def test_what_was_said_last_counts(service):
    await see(service, 7)
    first, second = await upload(service, "1.0"), await upload(service, "1.1")
    await prove(service, 7, first)
    await end(service, await begin(service, first))  # not the newest, for a reason
    assert told(await offer(service)) == ("1.0", "1.0", False)
    await upload(service, "1.2")
    assert told(await offer(service)) == ("1.0", "1.2", True)
    await end(service, await begin(service, second))
    assert told(await offer(service)) == ("1.0", "1.1", True)


async def test_an_older_firmware_is_not_offered_even_where_a_rollout_means_it(service):
    await see(service, 7)
    older, newer = await upload(service, "1.0"), await upload(service, "1.1")
    await prove(service, 7, newer)
    await end(service, await begin(service, older))
    assert told(await offer(service)) == ("1.1", "1.1", False)


async def test_a_rollout_to_single_nodes_or_to_a_tag_means_nothing_for_others(service):
    await see(service, 7, 8)
    image = await upload(service, "2.0")
    for node in (7, 8):
        await prove(service, node, "")
    for target in (
        Target(roles=("sensor",), nodes=(8,)),
        Target(roles=("sensor",), tags=("roof",)),
        Target(roles=("sensor",), exclude=(7,)),
    ):
        await end(service, await begin(service, image, target=target))
        assert not (await offer(service)).available
    assert told(await offer(service, 8)) == ("", "2.0", True)
    await service.patch_node(7, NodePatch(tags=["roof"]), OPERATOR)
    assert told(await offer(service)) == ("", "2.0", True)


async def test_what_was_meant_is_known_after_a_restart(tmp_path, clock):
    async with opened_service(tmp_path, clock) as service:
        await see(service, 7)
        await prove(service, 7, await upload(service, "1.0"))
        await end(service, await begin(service, await upload(service, "2.0")))
        await end(service, await begin(service, await upload(service, "3.0")), RolloutState.FAILED)
        before = await offer(service)
        assert told(before) == ("1.0", "2.0", True)
    async with opened_service(tmp_path, clock) as service:
        await see(service, 7)
        assert await offer(service) == before


# -- refusals ----------------------------------------------------------------------------------


async def test_why_a_node_cannot_be_updated_now_is_said(service):
    await see(service, 7, 8, 9)
    running = await upload(service, "1.0")
    await prove(service, 7, running)
    await prove(service, 9, running)
    await service.patch_node(7, NodePatch(excluded=True, exclusion_reason="water meter"), OPERATOR)
    await see(service, 7, 8)
    newer = await upload(service, "1.1")
    offers = await service.offers()
    assert offers[7].refusal.startswith("it is left out of all updates (water meter)")
    assert offers[8].refusal.startswith("its role and hardware are not known yet")
    assert offers[9].refusal.startswith("it is not in the mesh")
    for node, match in ((7, "water meter"), (8, "not known yet"), (9, "not in the mesh")):
        with pytest.raises(NotPossibleError, match=match):
            await service.update_node(node, OPERATOR, newer)
    with pytest.raises(UnknownItemError, match="never seen"):
        await service.update_node(99, OPERATOR)
    assert (await service.rollouts()).total == 0


# -- updating one node -------------------------------------------------------------------------


async def test_a_node_is_updated_to_what_it_is_offered_and_alone(service):
    await see(service, 7, 8)
    running = await upload(service, "1.0")
    await prove(service, 7, running)
    await prove(service, 8, running)
    newest = await upload(service, "1.1")
    made = await service.update_node(7, OPERATOR)
    assert (made.spec.images, made.spec.target.nodes, made.spec.target.roles) == (
        (newest,),
        (7,),
        ("sensor",),
    )
    assert (made.created_by, len(made.spec.waves), made.state) == ("olga", 1, "scheduled")
    assert (await offer(service)).refusal == ""
    assert (await service.audit()).items[0].action == "rollout.create"


async def test_the_same_update_again_is_the_one_under_way_also_at_once(service):
    await see(service, 7)
    await prove(service, 7, await upload(service, "1.0"))
    await upload(service, "1.1")
    await service.patch_settings(SettingsPatch(updates_paused=True), OPERATOR)
    made = await asyncio.gather(*(service.update_node(7, OPERATOR) for _ in range(5)))
    assert {one.id for one in made} == {"r1"}
    await service.act("r1", Action.ABORT, OPERATOR)
    assert (await service.update_node(7, OPERATOR)).id == "r2"


async def test_a_node_that_a_rollout_has_is_not_taken_from_it(service):
    await see(service, 7, 8)
    running = await upload(service, "1.0")
    for node, role in ((7, "sensor"), (8, "gate")):
        await prove(service, node, running, role=role)
    newer, newest = await upload(service, "1.1"), await upload(service, "1.2")
    rollout = await begin(service, newer)
    with pytest.raises(NotPossibleError, match=f"rollout {rollout} \\('trial'\\) has node 7 under way"):
        await service.update_node(7, OPERATOR, newest)
    assert f"rollout {rollout}" in (await offer(service)).refusal
    assert (await service.update_node(8, OPERATOR, newest)).spec.target.nodes == (8,)


@pytest.mark.parametrize(
    ("wave", "state", "has_it"),
    [
        (0, NodeState.SCHEDULED, True),
        (0, NodeState.COMPLETED, True),
        (None, NodeState.NOT_TARGETED, False),
        (None, NodeState.ALREADY_INSTALLED, False),
        (0, NodeState.UNREACHABLE, False),
    ],
)
async def test_a_rollout_has_the_nodes_of_its_waves(service, wave, state, has_it):
    await see(service, 7)
    await prove(service, 7, await upload(service, "1.0"))
    rollout = await begin(service, await upload(service, "1.1"))
    doc = service.engine.rollouts[rollout].doc
    doc.surveyed, doc.nodes = True, [NodeEntry(node=7, wave=wave, state=state)]
    assert bool((await offer(service)).refusal) == has_it


@pytest.mark.parametrize("change", [{"approval": True}, {"start_at": "2030-01-01T00:00:00Z"}])
async def test_a_rollout_that_waits_for_somebody_does_not_keep_a_node_from_its_update(service, change):
    await see(service, 7)
    await prove(service, 7, await upload(service, "1.0"))
    image = await upload(service, "1.1")
    await begin(service, image, **change)
    assert (await offer(service)).refusal == ""
    assert (await service.update_node(7, OPERATOR)).id == "r2"


async def test_a_firmware_can_be_named_also_an_older_one(service):
    await see(service, 7)
    older, running = await upload(service, "1.0"), await upload(service, "1.1")
    await prove(service, 7, running)
    with pytest.raises(NotPossibleError, match=r"node 7 runs 1\.1 already"):
        await service.update_node(7, OPERATOR)
    assert (await service.update_node(7, OPERATOR, older[:12])).spec.images == (older,)


async def test_a_firmware_for_another_hardware_or_none_is_refused(service):
    await see(service, 7)
    await prove(service, 7, "")
    other = await upload(service, "1.0", hardware="ESP8266")
    with pytest.raises(NotPossibleError, match="is for ESP8266, and node 7 is an ESP32"):
        await service.update_node(7, OPERATOR, other)
    with pytest.raises(NotPossibleError, match="no firmware is meant for it"):
        await service.update_node(7, OPERATOR)
    with pytest.raises(UnknownItemError, match="there is no firmware"):
        await service.update_node(7, OPERATOR, "ab" * 32)


async def test_progress_is_empty_while_nothing_is_installed(service):
    await see(service, 7)
    await prove(service, 7, "")
    await service.push(PushRequest(firmware=await upload(service, "1.0"), role="sensor"), OPERATOR)
    assert service.progress() == []


async def test_a_thousand_nodes_and_many_rollouts_are_looked_at_fast(service, clock):
    images = [await upload(service, f"1.{number}") for number in range(20)]
    nodes = range(100, 1100)
    await see(service, *nodes)
    for node in nodes:
        service.engine.tell(NodeProven(node, "ESP32", f"role {node % 5}", images[node % 20], "answered"))
    await service.keep()
    for number in range(200):
        named = (100 + number,) if number % 2 else ()
        target = Target(roles=(f"role {number % 4}",), nodes=named, exclude=(500,))
        await end(service, await begin(service, images[number % 20], target=target))
    began_s = time.process_time()
    offers = await service.offers()
    assert time.process_time() - began_s < 0.2  # about 15 ms; not a benchmark, but not quadratic either
    assert len(offers) == 1000
