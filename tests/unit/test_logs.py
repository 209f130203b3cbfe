import io
import json
import logging

import pytest

from meshward.gateway import logs


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def written():
    """Set logging up and get the stream; afterwards it is as before."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)

    def set_up(style="json", level="info", stream=None):
        stream = io.StringIO() if stream is None else stream
        logs.set_up(level, style, stream)
        return stream

    yield set_up
    root.handlers[:] = handlers
    root.setLevel(level)


def entries(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_lines_are_json_where_no_terminal_is(written):
    stream = written("auto")
    logs.get_logger("meshward.x").info("joined", node=17, parent=None)
    (entry,) = entries(stream)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"event": "joined", "level": "info", "logger": "meshward.x", "node": 17, "parent": None}


@pytest.mark.parametrize(("style", "stream"), [("auto", Terminal()), ("text", io.StringIO())])
def test_lines_are_text_for_people(written, style, stream):
    written(style, stream=stream)
    logs.get_logger("meshward.x").warning("lost", node=17)
    (line,) = stream.getvalue().splitlines()
    assert "lost" in line
    assert "17" in line
    assert ("\x1b" in line) == stream.isatty()


def test_texts_of_boards_cannot_forge_lines_nor_steer_a_terminal(written):
    stream = written("text")
    logs.get_logger("x").info("said", text="\x1b[2Jgone\nready url=evil\u202e", both=["\x07"])
    (line,) = stream.getvalue().splitlines()
    assert not {"\x1b", "\x07", "\u202e"} & set(line)


@pytest.mark.parametrize("style", ["text", "json"])
def test_no_token_is_ever_written(written, style):
    stream = written(style)
    log = logs.get_logger("x")
    log.info("mw_SECRET-a_1", token="mw_SECRET", inside={"a": ["mw_SECRET"]})
    logging.getLogger("other").error("Authorization: Bearer SECRET %s", "mw_SECRET")
    try:
        int("mw_SECRET")
    except ValueError:
        log.exception("broke")
    assert "SECRET" not in stream.getvalue()
    assert stream.getvalue().count("mw_…") >= 5


def test_a_traceback_is_kept_with_its_lines(written):
    stream = written("json")
    try:
        {}["a\x1bb"]
    except KeyError:
        logs.get_logger("x").exception("broke", why="\x1b")
    (entry,) = entries(stream)
    assert entry["exception"].startswith("Traceback (most recent call last):\n  File ")
    assert entry["exception"].splitlines()[-1].startswith("KeyError: ")
    assert "\x1b" not in json.dumps(entry, ensure_ascii=False)


def test_the_level_can_be_changed_at_any_time(written):
    stream = written("json", "warning")
    log = logs.get_logger("x")
    log.info("first")
    logs.set_level("debug")
    log.debug("second")
    logs.set_level("error")
    log.warning("third")
    assert [entry["event"] for entry in entries(stream)] == ["second"]


def test_libraries_log_here_too_but_only_what_matters(written):
    stream = written("json", "debug")
    for name in ("uvicorn.error", "litestar", "asyncio"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble in %s", name)
    found = entries(stream)
    assert [entry["event"] for entry in found] == [
        "trouble in uvicorn.error",
        "trouble in litestar",
        "trouble in asyncio",
    ]
    assert found[0]["logger"] == "uvicorn.error"


def test_setting_up_again_replaces(written):
    first = written("json")
    second = written("json")
    logs.get_logger("x").info("once")
    assert first.getvalue() == ""
    assert len(entries(second)) == 1


def test_long_texts_are_cut(written):
    stream = written("json")
    logs.get_logger("x").info("said", text="y" * 100_000)
    assert len(stream.getvalue()) < 3000
