"""What the gateway says on standard error: lines for people on a terminal, JSON lines for programs.

Whatever logs by the standard library ends up here too: uvicorn, Litestar, asyncio.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor

from meshward.text import printable

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "text", "json"]

#: Tokens of ours, and whatever else is sent as one.
_TOKEN = re.compile(r"mw_[A-Za-z0-9_-]+|(?<=Bearer )\S+")
_MASKED = "mw_…"
#: Longest text in a line: an error that lists its reasons.
_TEXT_CHARACTERS = 2000
#: Their everyday lines say nothing that ours do not.
_TALKATIVE = ("asyncio", "httpcore", "httpx", "litestar", "urllib3", "uvicorn", "websockets")
#: Rendered by structlog, not to be touched.
_OWN_KEYS = {"exc_info", "stack_info", "_record", "_from_structlog"}


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, not one of whoever embeds us."""


def set_up(level: Level = "info", style: Format = "auto", stream: TextIO | None = None) -> None:
    """Log to `stream`, standard error where none is given. Can be called again to change everything."""
    stream = sys.stderr if stream is None else stream
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(), processors=_rendering(style, terminal=stream.isatty())
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old, _Handler):
            root.removeHandler(old)
    root.addHandler(handler)
    set_level(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def set_level(level: Level) -> None:
    """Say more, or less, from now on."""
    logging.getLogger().setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Logs events with facts: `log.info("node joined", node=17)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _shared() -> list[Processor]:
    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]


def _rendering(style: Format, *, terminal: bool) -> list[Processor]:
    as_text = style == "text" or (style == "auto" and terminal)
    last: list[Processor]
    if as_text:
        last = [
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=terminal, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
            ),
        ]
    else:
        last = [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _clean,
        *last,
    ]


def _clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Texts of boards cannot forge lines or steer a terminal, and no token is ever written down."""
    event = {"level": event.get("level"), "event": event.get("event"), **event}  # in the order of reading
    for key, value in event.items():
        if key in {"exception", "stack"}:
            event[key] = "\n".join(_cleaned(line) for line in str(value).split("\n"))
        elif key not in _OWN_KEYS and not isinstance(value, bool | int | float | None):
            event[key] = _cleaned(value if isinstance(value, str) else repr(value))
    return event


def _cleaned(text: str) -> str:
    return printable(_TOKEN.sub(_MASKED, text), _TEXT_CHARACTERS)
