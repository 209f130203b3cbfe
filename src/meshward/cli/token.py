"""The commands `token …`: who may ask the gateway."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from cyclopts import App, Group, Parameter

from meshward.cli.errors import UsageError
from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json, print_line
from meshward.text import printable


def commands(group: Group, sort_key: int) -> App:
    """The command with its subcommands."""
    app = App(
        name="token", help="Make and revoke tokens for people and programs.", group=group, sort_key=sort_key
    )
    app.command(create)
    app.command(list_, name="list")
    app.command(revoke)
    return app


async def create(
    *,
    role: Annotated[
        Literal["viewer", "operator", "admin"],
        Parameter(
            help="viewer: sees the fleet; operator: also updates it, names nodes; admin: also makes tokens, "
            "deletes, and changes settings."
        ),
    ],
    name: Annotated[str, Parameter(help="Who or what it is for.")] = "",
    expires: Annotated[
        str | None, Parameter(metavar="TIME", help="How long it is good, as 30d or 12h.")
    ] = None,
    quiet: Annotated[
        bool, Parameter(help="Print the token alone, for scripts.", negative="", show_default=False)
    ] = False,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Make a token. It is shown now and never again: only its hash is kept.

    Example: meshward token create --role viewer --name "hall display" --expires 365d
    """
    import msgspec  # noqa: PLC0415 a help page needs none of it

    from meshward.cli.durations import local_text, parse_duration  # noqa: PLC0415 as above
    from meshward.errors import GatewayError  # noqa: PLC0415 as above
    from meshward.gateway.views import MadeToken, NewToken  # noqa: PLC0415 as above

    try:
        expires_in_s = None if expires is None else parse_duration(expires)
    except ValueError as error:
        raise UsageError(f"--expires: {error}") from None
    if expires_in_s == 0:
        raise UsageError("--expires: a token must be good for some time")
    async with gateway(at) as reached:
        new = NewToken(role=role, name=name, expires_in_s=expires_in_s)
        made = await reached.post("tokens", MadeToken, new)
    if not made.token:
        raise GatewayError(
            f"the token was made, but the answer with it was lost: run `meshward token revoke {made.id}` and "
            "make another one"
        )
    if json:
        print_json(msgspec.to_builtins(made))
        return
    print_line(made.token)
    if not quiet:
        until = f", until {local_text(made.expires_at)}" if made.expires_at else ""
        print_line(
            f"This is token {made.id} for the role {made.role}{until}. Keep it now: it is not shown again."
        )


async def list_(*, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> None:
    """List tokens, without their secrets.

    Example: meshward token list
    """
    import msgspec  # noqa: PLC0415 as `create`

    from meshward.gateway.views import TokenView  # noqa: PLC0415 as `create`

    async with gateway(at) as reached:
        tokens = await reached.get("tokens", list[TokenView])
    if json:
        print_json({"tokens": msgspec.to_builtins(tokens)})
        return
    from meshward.cli.token_view import print_tokens  # noqa: PLC0415 loads rich

    print_tokens(tokens, datetime.now(UTC))


async def revoke(
    token: Annotated[str, Parameter(help="The token's id, as `meshward token list` shows it.")],
    /,
    *,
    json: Json = False,
    at: GatewayOptions = GATEWAY_DEFAULTS,
) -> None:
    """Make a token useless, at once and for good.

    Example: meshward token revoke 4f7c
    """
    import msgspec  # noqa: PLC0415 as `create`

    from meshward.cli.token_view import find_token  # noqa: PLC0415 as `create`
    from meshward.gateway.views import TokenView  # noqa: PLC0415 as `create`

    async with gateway(at) as reached:
        token_id = find_token(await reached.get("tokens", list[TokenView]), token)
        revoked = await reached.delete_for(f"tokens/{token_id}", TokenView)
    if json:
        print_json(msgspec.to_builtins(revoked))
    else:
        print_line(printable(f"token {revoked.id} {revoked.name}".rstrip()) + " is revoked")
