"""Clients that go before their answer ends: `send` does not tell."""

from starlette.types import Receive


async def hung_up(receive: Receive) -> None:
    """Wait until the client has gone; what it sends besides is passed over."""
    while (await receive())["type"] != "http.disconnect":
        pass
