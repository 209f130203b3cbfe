"""Texts and commands through the mesh, over a real store and a mesh that is made up."""

import msgspec
import pytest

from meshward.errors import (
    CongestedError,
    InvalidError,
    NotConnectedError,
    NotPossibleError,
    PackageError,
    StoreError,
    UnknownItemError,
    UnknownNodeError,
)
from meshward.gateway.talk_cases import TEXT_AUDITED
from meshward.mesh import TEXT_BYTES
from meshward.records import Message
from meshward.streams import Fanout
from tests.support.gateway import OPERATOR, opened_service, see, take_no_writes


class Air:
    """Takes what is sent, or refuses it."""

    def __init__(self):
        self.sent = []
        self.error = None
        self.texts = Fanout()

    def messages(self):
        return self.texts.open()

    async def send_package(self, package):
        if self.error is not None:
            raise self.error
        self.sent.append(dict(package))


@pytest.fixture
def air():
    return Air()


@pytest.fixture
async def service(tmp_path, air):
    async with opened_service(tmp_path) as service:
        service.talker = air
        await see(service, 7, 8)
        await see(service, 7)
        yield service


async def audited(service):
    return [(entry.action, entry.subject, entry.detail) for entry in (await service.audit()).items]


async def test_a_text_goes_to_one_node_or_to_all_and_into_the_audit_log(service, air):
    await service.send_message(7, "lamp on", OPERATOR)
    await service.send_message(None, "all off", OPERATOR)
    assert air.sent == [
        {"type": 9, "dest": 7, "msg": "lamp on"},
        {"type": 8, "dest": 0, "msg": "all off"},
    ]
    assert await audited(service) == [
        ("message.send", "all", {"text": "all off"}),
        ("message.send", "7", {"text": "lamp on"}),
    ]


async def test_a_command_is_as_boards_of_alteriom_take_it(service, air):
    await service.send_command(7, 12, {"on": True, "level": 3}, OPERATOR)
    await service.send_command(None, 255, {}, OPERATOR)
    one, all_ = air.sent
    numbers = [one.pop("cid"), all_.pop("cid")]
    assert one == {
        "type": 400,
        "routing": 1,
        "dest": 7,
        "cmd": 12,
        "target": 7,
        "params": '{"on":true,"level":3}',
    }
    assert all_ == {"type": 400, "routing": 2, "dest": 0, "cmd": 255, "target": 0, "params": ""}
    assert numbers[0] != numbers[1]
    assert all(0 < number < 1 << 32 for number in numbers)
    assert (await audited(service))[-1] == (
        *("command.send", "7"),
        {"command": 12, "parameters": '{"on":true,"level":3}'},
    )


async def test_long_and_wild_texts_are_cut_in_the_audit_log_only(service, air):
    text = "\x1b[2J" + "x" * 5000
    await service.send_message(7, text, OPERATOR)
    assert air.sent[0]["msg"] == text
    ((_, _, detail),) = await audited(service)
    assert len(detail["text"]) == TEXT_AUDITED
    assert "\x1b" not in detail["text"]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (("send_message", 9, "x"), UnknownItemError, "node 9 was never seen"),
        (("send_message", 8, "x"), NotPossibleError, "node 8 is not in the mesh"),
        (("send_message", 7, "x" * (TEXT_BYTES + 1)), InvalidError, "65536 bytes is too long"),
        (("send_message", None, "é" * 40_000), InvalidError, "80000 bytes is too long"),
        (("send_command", 7, 256, {}), InvalidError, "from 0 to 255, not 256"),
        (("send_command", 7, -1, {}), InvalidError, "from 0 to 255, not -1"),
        (("send_command", 7, 1, {"x": "y" * TEXT_BYTES}), InvalidError, "too long"),
        (("send_command", 7, 1, {"x": object()}), InvalidError, "cannot be written as JSON"),
    ],
)
async def test_what_cannot_be_sent_is_refused_and_leaves_nothing(service, air, call, error, match):
    name, *arguments = call
    with pytest.raises(error, match=match):
        await getattr(service, name)(*arguments, OPERATOR)
    assert (air.sent, await audited(service)) == ([], [])


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (NotConnectedError("no neighbour is connected"), NotPossibleError),
        (UnknownNodeError(7, 3), NotPossibleError),
        (CongestedError("the link stayed full"), NotPossibleError),
        (PackageError("not a package"), InvalidError),
    ],
)
async def test_what_the_mesh_does_not_take_is_told(service, air, raised, expected):
    air.error = raised
    with pytest.raises(expected, match=str(raised)[:20]):
        await service.send_message(7, "x", OPERATOR)


async def test_nothing_is_sent_that_is_not_in_the_audit_log(service, air):
    await take_no_writes(service.database)
    with pytest.raises(StoreError):
        await service.send_message(7, "x", OPERATOR)
    assert air.sent == []


async def test_without_a_mesh_nothing_can_be_sent_and_nothing_comes(service):
    await see(service)
    with pytest.raises(NotPossibleError, match="not in the mesh"):
        await service.send_message(None, "x", OPERATOR)
    service.talker = None
    with pytest.raises(NotPossibleError, match="meshward run"):
        await service.send_message(None, "x", OPERATOR)
    service.messages().close()


async def test_texts_of_nodes_come_to_everybody_who_reads(service, air):
    first, second = service.messages(), service.messages()
    air.texts.put(Message(7, "hello", broadcast=False))
    assert [(await anext(stream)).text for stream in (first, second)] == ["hello", "hello"]


async def test_there_are_no_bridges_till_the_daemon_says_so(service):
    assert service.bridges() == []
    assert msgspec.to_builtins(service.bridges()) == []
