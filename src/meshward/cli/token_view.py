"""What the commands about tokens show, and finding a token."""

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from meshward.cli.durations import ago_text, local_text, parse_at
from meshward.cli.errors import UsageError
from meshward.cli.tables import Cell, Column, print_table, print_text
from meshward.errors import UnknownItemError
from meshward.gateway.views import TokenView

_COLUMNS = (
    Column("id"),
    Column("name", matters=8, flexible=True),
    Column("role"),
    Column("state"),
    Column("used", matters=5, right=True),
    Column("expires", matters=4),
    Column("created", matters=3),
    Column("by", matters=2),
)


def print_tokens(tokens: Sequence[TokenView], now: datetime) -> None:
    """A table of tokens, those that are good first."""
    if not tokens:
        print_text("There are no tokens: make one with `meshward token create --role viewer`.")
        return
    ordered = sorted(tokens, key=lambda token: (state_of(token, now) != "good", token.created_at))
    print_table(_COLUMNS, [_row(token, now) for token in ordered])


def state_of(token: TokenView, now: datetime) -> str:
    """`good`, `expired` or `revoked`."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and parse_at(token.expires_at) <= now else "good"


def find_token(tokens: Sequence[TokenView], text: str) -> str:
    """The id of the one token whose id begins so."""
    found = [token.id for token in tokens if token.id.startswith(text)]
    if text in found:
        return text
    if not found or not text:
        raise UnknownItemError(f"there is no token {text}: list them with `meshward token list`")
    if len(found) > 1:
        raise UsageError(f"{text} begins the ids of {len(found)} tokens: {', '.join(found[:5])}")
    return found[0]


def _row(token: TokenView, now: datetime) -> list[Cell]:
    state = state_of(token, now)
    return [
        token.id,
        token.name,
        token.role,
        Text(state, style="green" if state == "good" else "dim"),
        ago_text(token.last_used_at, now) or "never",
        local_text(token.expires_at)[:10],
        local_text(token.created_at)[:10],
        token.created_by,
    ]
