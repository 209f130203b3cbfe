"""Whether something takes connections."""

import asyncio
import os
import socket

from meshward.addresses import Address

REACH_S = 1.5
"""How long it may take to."""


async def unreachable(address: Address) -> str:
    """Why nobody accepts a connection there; "" where somebody does."""
    try:
        async with asyncio.timeout(REACH_S):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return f"{address} does not answer within {REACH_S:g} s"
    except socket.gaierror:
        return f"{address}: no machine of this name is known"
    except OSError as error:
        return f"{address}: {os.strerror(error.errno) if error.errno else error}"
    writer.close()
    return ""
