"""The use cases, as the web and the command line call them, over a real store."""

import asyncio
import gzip
import hashlib
import inspect

import msgspec
import pytest

from meshward import errors
from meshward.errors import (
    ConflictError,
    FirmwareError,
    InvalidError,
    RolloutError,
    StoreError,
    UnknownItemError,
    UpdateRefusedError,
)
from meshward.firmware.synthetic import synthetic_bootloader, synthetic_flash, synthetic_image
from meshward.gateway.views import NewToken, NodePatch, PushRequest, SettingsPatch
from meshward.rollout.changes import NodeProven
from meshward.rollout.spec import Target, Transfer, Wave
from meshward.rollout.states import Action
from meshward.web.problems import status_of
from tests.support.gateway import (
    APP,
    APP_8266,
    OPERATOR,
    Clock,
    add,
    chunks,
    opened_service,
    see,
    spec,
    take_no_writes,
)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def service(tmp_path, clock):
    async with opened_service(tmp_path, clock) as service:
        yield service


def files(service):
    return sorted(path.name for path in service.library.directory.iterdir())


async def audited(service):
    return [(entry.action, entry.subject) for entry in (await service.audit()).items][::-1]


# -- firmware ----------------------------------------------------------------------------------


async def test_a_file_is_taken_in_once(service):
    view, is_new = await add(service, notes="fixes the pump")
    assert is_new
    assert (view.sha256, view.hardware, view.project, view.version, view.added_by, view.notes) == (
        hashlib.sha256(APP).hexdigest(),
        *("ESP32", "lamp", "2.0", "olga", "fixes the pump"),
    )
    again, is_new = await add(service, name="other.bin", notes="x")
    assert not is_new
    assert (again.name, again.notes) == ("lamp.bin", "fixes the pump")
    assert files(service) == [f"{view.sha256}.bin"]
    assert await audited(service) == [("firmware.add", view.sha256)]


async def test_the_same_file_twice_at_once_is_one(service):
    answers = await asyncio.gather(*(add(service) for _ in range(4)))
    assert sorted(is_new for _, is_new in answers) == [False, False, False, True]
    assert len(files(service)) == 1
    assert len(await audited(service)) == 1


async def test_a_file_that_was_damaged_on_the_disk_is_mended_by_adding_it_again(service):
    view, _ = await add(service)
    service.library.path(view.sha256).write_bytes(b"rubbish")
    await add(service)
    assert service.library.read(view.sha256) == APP


BAD = {
    "empty": b"",
    "cut short": APP[:-100],
    "damaged": APP[:9000] + bytes([APP[9000] ^ 0x55]) + APP[9001:],
    "foreign": b"%PDF-1.7\n" + bytes(100_000),
    "archive": b"PK\x03\x04" + bytes(200_000),
    "unpacks to too much": gzip.compress(bytes(64 * 1024 * 1024)),
    "text": b"hello " * 50_000,
    "a whole flash": synthetic_flash(APP),
    "a boot loader": synthetic_bootloader(),
    "packed for boards that cannot unpack": gzip.compress(APP),
    "damaged within gzip": gzip.compress(APP_8266[:9000] + bytes([APP_8266[9000] ^ 0x55]) + APP_8266[9001:]),
}


@pytest.mark.parametrize("kind", BAD)
async def test_what_is_no_firmware_leaves_nothing(service, kind):
    with pytest.raises(FirmwareError, match=r".+: .+"):
        await add(service, BAD[kind])
    assert files(service) == []
    assert await service.firmware() == []


async def test_a_stream_that_shows_to_be_no_firmware_is_not_read_to_its_end(service):
    taken = []

    async def endless():
        while True:
            taken.append(1)
            yield b"MZ" + bytes(16_382)

    with pytest.raises(FirmwareError):
        await service.add_firmware(endless(), name="x", notes="", caller=OPERATOR)
    assert len(taken) <= 5
    assert files(service) == []


async def test_a_stream_that_breaks_off_leaves_nothing(service):
    async def broken():
        yield APP[:10_000]
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await service.add_firmware(broken(), name="x", notes="", caller=OPERATOR)
    assert files(service) == []


async def test_what_cannot_be_listed_is_not_kept_either(service):
    with pytest.raises(InvalidError):
        await add(service, notes="x" * 5000)
    assert files(service) == []
    await add(service)
    with pytest.raises(InvalidError):
        await add(service, notes="x" * 5000)
    assert len(files(service)) == 1  # it was there before
    await take_no_writes(service.database)
    with pytest.raises(StoreError):
        await add(service, APP_8266)
    assert len(files(service)) == 1


@pytest.mark.parametrize(
    ("content", "signature"),
    [
        (APP, ""),
        (APP + bytes(4) + b"\x55" * 64, "secure boot signature, not checked"),
        (APP_8266 + b"\x33" * 256 + (256).to_bytes(4, "little"), "Arduino signature, not checked"),
    ],
)
async def test_a_signature_is_told(service, content, signature):
    view, _ = await add(service, content)
    assert view.signature == signature


async def test_what_is_done_with_a_rollout_is_noted_where_it_cannot_be_stored(service):
    firmware, _ = await add(service)
    made = await service.create_rollout(spec(firmware.sha256), OPERATOR)
    await take_no_writes(service.database)
    with pytest.raises(StoreError, match="'abort' is noted all the same"):
        await service.act(made.id, Action.ABORT, OPERATOR)
    await take_no_writes(service.database, taken=True)
    await service.keep()
    assert (await service.rollout(made.id)).state == "aborted"


async def test_a_name_is_a_name(service):
    view, _ = await add(service, name="\x1b[2J evil\u202e\n.bin")
    assert view.name == "\N{REPLACEMENT CHARACTER}[2J evil\N{REPLACEMENT CHARACTER} .bin"
    other, _ = await add(service, APP_8266, name="  ")
    assert other.name == "firmware.bin"


async def test_texts_within_an_image_are_cleaned(service):
    content = synthetic_image(20_000, hardware="ESP32", project="<b>\x1b]0;x", version="1\u202e2")
    view, _ = await add(service, content)
    shown = msgspec.json.encode(view).decode()
    assert "\\u001b" not in shown
    assert "\u202e" not in shown
    assert view.project.startswith("<b>\N{REPLACEMENT CHARACTER}")


async def test_firmware_that_a_rollout_needs_stays(service):
    view, _ = await add(service)
    made = await service.create_rollout(spec(view.sha256), OPERATOR)
    with pytest.raises(ConflictError, match=f"rollout {made.id} may still need"):
        await service.remove_firmware(view.sha256, OPERATOR)
    await service.act(made.id, Action.ABORT, OPERATOR)
    await service.remove_firmware(view.sha256[:8], OPERATOR)
    assert (files(service), await service.firmware()) == ([], [])
    assert (await audited(service))[-1] == ("firmware.remove", view.sha256)
    with pytest.raises(UnknownItemError):
        await service.remove_firmware(view.sha256, OPERATOR)


async def test_firmware_is_not_removed_from_under_a_rollout_that_is_being_created(service):
    for _ in range(10):
        view, _ = await add(service)
        made, removed = await asyncio.gather(
            service.create_rollout(spec(view.sha256), OPERATOR),
            service.remove_firmware(view.sha256, OPERATOR),
            return_exceptions=True,
        )
        if isinstance(made, Exception):
            assert removed is None
            assert isinstance(made, UnknownItemError)
        else:
            assert isinstance(removed, ConflictError)
            assert len(files(service)) == 1
            await service.act(made.id, Action.ABORT, OPERATOR)
        assert {name.removesuffix(".bin") for name in files(service)} == {
            listed.sha256 for listed in await service.firmware()
        }


async def test_the_list_and_the_files_agree_whatever_happens_at_once(service):
    view, _ = await add(service)
    for _ in range(5):
        await asyncio.gather(
            add(service), service.remove_firmware(view.sha256, OPERATOR), add(service), return_exceptions=True
        )
        listed = [f"{firmware.sha256}.bin" for firmware in await service.firmware()]
        assert files(service) == listed


# -- nodes -------------------------------------------------------------------------------------


async def test_what_people_say_of_a_node_is_stored_with_who_said_it(service):
    await see(service, 7)
    detail = await service.patch_node(
        7, NodePatch(name="Hall", tags=["b", "a"], excluded=True, exclusion_reason="on loan"), OPERATOR
    )
    assert (detail.name, detail.tags, detail.excluded, detail.exclusion_reason) == (
        *("Hall", ["a", "b"], True),
        "on loan",
    )
    assert service.engine.known[7].excluded == "on loan"
    detail = await service.patch_node(7, NodePatch(excluded=False), OPERATOR)
    assert (detail.name, detail.exclusion_reason) == ("Hall", "")
    assert await audited(service) == [("node.change", "7")] * 2
    for wrong in (NodePatch(name="x" * 65), NodePatch(name="a\x1bb"), NodePatch(tags=["Not This"])):
        with pytest.raises(InvalidError):
            await service.patch_node(7, wrong, OPERATOR)
    with pytest.raises(UnknownItemError):
        await service.patch_node(8, NodePatch(name="x"), OPERATOR)
    assert len(await audited(service)) == 2


async def test_only_a_node_that_left_can_be_forgotten(service):
    await see(service, 7)
    with pytest.raises(ConflictError, match="is in the mesh"):
        await service.forget_node(7, OPERATOR)
    await see(service)
    await service.forget_node(7, OPERATOR)
    assert service.nodes() == []
    with pytest.raises(UnknownItemError):
        await service.node(7)
    with pytest.raises(UnknownItemError):
        await service.forget_node(7, OPERATOR)
    assert 7 not in service.engine.known


async def test_a_node_that_comes_back_while_it_is_forgotten_is_shown(service):
    await see(service, 7)
    await see(service)
    forgetting = asyncio.create_task(service.forget_node(7, OPERATOR))
    await asyncio.sleep(0)
    await see(service, 7)
    await forgetting
    assert [view.id for view in service.nodes()] == [7]
    assert (await service.node(7)).online


# -- rollouts ----------------------------------------------------------------------------------


async def test_a_plan_tells_who_would_get_what(service):
    await see(service, 7, 8, 9, 10, 11)
    image, _ = await add(service)
    for node, hardware, role, runs in (
        *((7, "ESP32", "sensor", ""), (8, "ESP32", "sensor", image.sha256)),
        *((9, "ESP32", "gate", ""), (10, "ESP8266", "sensor", "")),
    ):
        service.engine.tell(NodeProven(node, hardware, role, runs, "answered"))
    await service.keep()
    await service.patch_node(7, NodePatch(name="Hall"), OPERATOR)
    plan = await service.plan_rollout(spec(image.sha256, on_failure="rollback"))
    assert [wave.nodes for wave in plan.waves] == [[7]]
    assert (plan.already_installed, plan.unknown) == ([8], [11])
    assert {node: reason.split(",")[0] for node, reason in plan.not_targeted.items()} == {
        "9": "has the role 'gate'",
        "10": "is a ESP8266",
    }
    assert plan.rollback == {"ESP32": ""}
    assert len(plan.warnings) == 2
    assert "--rollback-to" in plan.warnings[1]
    assert plan.bytes_all_links > image.size_bytes
    assert plan.estimated_s > 60
    assert service.engine.rollouts == {}
    assert (await service.rollouts()).total == 0

    await service.patch_node(7, NodePatch(excluded=True, exclusion_reason="on loan"), OPERATOR)
    plan = await service.plan_rollout(spec(image.sha256, rollback_to=(image.sha256,)))
    assert plan.not_targeted["7"] == "excluded from updates: on loan"
    assert plan.waves[0].nodes == []
    assert plan.rollback == {"ESP32": image.sha256}


async def test_a_plan_of_an_empty_mesh_says_so(service):
    image, _ = await add(service)
    plan = await service.plan_rollout(spec(image.sha256))
    assert "no node was ever seen" in plan.warnings[-1]


async def test_rollouts_that_cannot_be_are_refused_and_leave_nothing(service):
    image, _ = await add(service)
    other, _ = await add(service, synthetic_image(20_000, hardware="ESP32", version="3.0"))
    for wrong, error, reason in (
        (spec("ab" * 32), UnknownItemError, "no firmware"),
        (spec(image.sha256, other.sha256), RolloutError, "two firmwares for ESP32"),
        (spec(image.sha256, transfer=Transfer(chip="ESP32-C3")), UpdateRefusedError, "is for ESP32, and"),
        (spec(image.sha256, waves=()), RolloutError, "waves"),
        (spec(image.sha256, target=Target(roles=())), RolloutError, "target.roles"),
    ):
        with pytest.raises(error, match=reason):
            await service.create_rollout(wrong, OPERATOR)
        with pytest.raises(error, match=reason):
            await service.plan_rollout(wrong)
    assert (await service.rollouts()).total == 0
    assert service.engine.rollouts == {}


async def test_a_rollout_is_numbered_and_audited_with_what_was_asked_for(service):
    image, _ = await add(service)
    made = [await service.create_rollout(spec(image.sha256[:10]), OPERATOR) for _ in range(3)]
    assert [view.id for view in made] == ["r1", "r2", "r3"]
    assert made[0].spec.images == (image.sha256,)
    entry = (await service.audit()).items[0]
    assert (entry.actor, entry.action, entry.subject) == ("olga", "rollout.create", "r3")
    assert entry.detail["images"] == [image.sha256]
    assert list(service.engine.rollouts) == ["r1", "r2", "r3"]


async def test_the_largest_rollout_fits_the_audit_log(service):
    image, _ = await add(service)
    nodes = tuple(range(4_294_000_000, 4_294_001_000))
    waves = tuple(Wave(name=f"wave {n}", nodes=nodes[n * 50 : n * 50 + 50]) for n in range(20))
    most = spec(image.sha256, waves=waves, target=Target(roles=("sensor",), nodes=nodes, exclude=nodes))
    await service.create_rollout(most, OPERATOR)
    assert len(msgspec.json.encode((await service.audit()).items[0].detail)) < 256 * 1024
    assert (await service.verify_audit()).ok


async def test_a_push_is_a_rollout_of_one_wave(service):
    image, _ = await add(service)
    made = await service.push(PushRequest(firmware=image.sha256[:8], role="sensor", nodes=[7]), OPERATOR)
    assert made.wave_names == ["everyone"]
    assert made.spec.target == Target(roles=("sensor",), nodes=(7,))
    assert made.name == "push of lamp.bin to sensor"
    with pytest.raises(RolloutError):
        await service.push(PushRequest(firmware=image.sha256, role=""), OPERATOR)


# -- tokens and times --------------------------------------------------------------------------


async def test_a_token_is_good_until_it_is_revoked_or_expires(service, clock):
    made = await service.create_token(NewToken(role="viewer", name="panel", expires_in_s=100), OPERATOR)
    caller = await service.authenticate(made.token)
    assert (caller.name, caller.role, caller.token_id) == (
        f"panel (token {made.id})",
        "viewer",
        made.id,
    )
    clock.s += 99
    assert await service.authenticate(made.token) is not None
    clock.s += 2
    assert await service.authenticate(made.token) is None
    lasting = await service.create_token(NewToken(role="admin"), OPERATOR)
    assert await service.authenticate(lasting.token) is not None
    await service.revoke_token(lasting.id, OPERATOR)
    assert await service.authenticate(lasting.token) is None
    assert await service.authenticate("mw_" + "x" * 43) is None
    stored = msgspec.json.encode([await service.audit(), await service.tokens()]).decode()
    assert made.token not in stored
    assert lasting.token not in stored
    database = b"".join(path.read_bytes() for path in service.database.path.parent.glob("meshward.db*"))
    assert made.token.encode() not in database


@pytest.mark.parametrize("name", ["gateway", " Command Line"])
async def test_a_token_cannot_take_the_name_of_another(service, name):
    with pytest.raises(InvalidError, match="audit log"):
        await service.create_token(NewToken(role="operator", name=name), OPERATOR)
    assert await service.tokens() == []


async def test_a_clock_that_jumps_back_does_no_harm(service, clock):
    made = await service.create_token(NewToken(role="viewer", expires_in_s=1000), OPERATOR)
    await service.authenticate(made.token)
    await see(service, 7)
    clock.s -= 40 * 365 * 86_400.0
    assert await service.authenticate(made.token) is not None
    await see(service)
    assert (await service.node(7)).last_seen_at < (await service.node(7)).first_seen_at
    await service.patch_node(7, NodePatch(name="x"), OPERATOR)
    assert (await service.verify_audit()).ok
    clock.s += 80 * 365 * 86_400.0
    assert await service.authenticate(made.token) is None
    assert (await service.verify_audit()).ok
    assert (await service.tokens())[0].last_used_at is not None


async def test_a_full_disk_keeps_nobody_out(service, clock):
    made = await service.create_token(NewToken(role="viewer"), OPERATOR)
    await take_no_writes(service.database)
    assert (await service.authenticate(made.token)).role == "viewer"
    assert not service.database.writable
    clock.s += 3600
    assert (await service.authenticate(made.token)).role == "viewer"


async def test_what_is_changed_and_who_changed_it_is_stored_together_or_not_at_all(service, monkeypatch):
    def broken(*_args):
        raise StoreError("no")

    await see(service, 7)
    monkeypatch.setattr("meshward.store.audit.append", broken)
    for change in (
        service.patch_node(7, NodePatch(name="x"), OPERATOR),
        service.create_token(NewToken(role="admin"), OPERATOR),
        service.patch_settings(SettingsPatch(updates_paused=True), OPERATOR),
        add(service),
    ):
        with pytest.raises(StoreError):
            await change
    assert (await service.node(7)).name == ""
    assert await service.tokens() == []
    assert not (await service.settings()).updates_paused
    assert (await service.firmware(), files(service)) == ([], [])


async def test_settings_are_checked_and_stay(tmp_path):
    async with opened_service(tmp_path) as service:
        await service.patch_settings(SettingsPatch(updates_at_once=3, probe_every_s=5.5), OPERATOR)
        for wrong in (SettingsPatch(updates_at_once=0), SettingsPatch(probe_every_s=1e9)):
            with pytest.raises(InvalidError, match="must be from"):
                await service.patch_settings(wrong, OPERATOR)
    async with opened_service(tmp_path) as again:
        shown = await again.settings()
        assert (shown.updates_at_once, shown.probe_every_s, shown.updates_paused) == (3, 5.5, False)


async def test_an_answer_under_a_key_is_given_again(service):
    await service.remember("k", OPERATOR, "print", 201, {"id": "r1"})
    assert await service.recall("k", OPERATOR, "print") == (201, {"id": "r1"})
    with pytest.raises(ConflictError):
        await service.recall("k", OPERATOR, "other")
    assert await service.recall("other", OPERATOR, "print") is None


def test_every_error_that_a_request_can_meet_has_its_status():
    kinds = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.MeshwardError)
    }
    no_requests = {
        errors.MeshwardError,
        errors.FleetError,
        errors.FleetPortError,
        errors.ListenError,
        errors.DeliveryError,
    }
    no_requests.add(errors.DeliveryError)  # the test of a receiver tells of it in its answer
    no_requests.add(errors.LinkLostError)  # a bridge dials again
    lacking = [kind.__name__ for kind in kinds - no_requests if status_of(kind.__new__(kind)) == 500]
    assert lacking == []
    assert status_of(InvalidError("x")) == 422


async def test_chunks_of_any_size_are_one_file(service):
    view, _ = await service.add_firmware(chunks(APP, 7), name="a.bin", notes="", caller=OPERATOR)
    assert view.sha256 == hashlib.sha256(APP).hexdigest()
    again, is_new = await service.add_firmware(chunks(APP, len(APP)), name="a.bin", notes="", caller=OPERATOR)
    assert (again.sha256, is_new) == (view.sha256, False)
