"""The command `bridges`: how the gateway gets on with the programs it feeds."""

from datetime import UTC, datetime

from meshward.cli.gateway_options import GATEWAY_DEFAULTS, GatewayOptions, gateway
from meshward.cli.options import Json
from meshward.cli.output import print_json
from meshward.errors import GatewayError


async def bridges(*, json: Json = False, at: GatewayOptions = GATEWAY_DEFAULTS) -> int:
    """Show the bridges to other programs: MQTT, Home Assistant, Prometheus, InfluxDB.

    Which there are is said in the configuration, in the tables [mqtt], [prometheus] and [influx], or by
    `meshward run --mqtt mqtt://HOST`. Exit status: 0 all of them work, 1 one does not.

    Example: meshward bridges
    """
    import msgspec  # noqa: PLC0415 a help page needs none of it

    from meshward.gateway.bridge_views import BridgeView  # noqa: PLC0415 as above

    async with gateway(at) as reached:
        if reached.local:
            raise GatewayError(
                "no gateway runs here, and bridges run only with one: see `meshward run --help`"
            )
        shown = await reached.get("bridges", list[BridgeView])
    if json:
        print_json({"bridges": msgspec.to_builtins(shown)})
    else:
        from meshward.cli.bridges_view import print_bridges  # noqa: PLC0415 loads rich

        print_bridges(shown, datetime.now(UTC))
    return 1 if any(bridge.state == "failing" for bridge in shown) else 0
