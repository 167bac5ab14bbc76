"""How often somebody may fail to sign in."""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from aerostore.errors import SlowDown

_IN_A_ROW = 10
_ONE_MORE_EACH_S = 6.0
_MOST_ADDRESSES = 10_000
_IPV6_NETWORK = 64


class Attempts:
    """Counts refused attempts for each address, in this process. now: a monotonic clock in seconds.

    A good key is never counted, and never waits: behind a proxy one address is that of everybody.
    """

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def refuse(self, address: str | None) -> None:
        """Count one refused attempt. Raises: SlowDown when too many were refused lately."""
        key = _key(address)
        spent = self._spent_by(key)
        if spent + 1 > _IN_A_ROW:
            raise SlowDown("Too many sign-ins were refused", hint="Wait a minute, then try again.")
        self._note(key, spent + 1)

    def _spent_by(self, key: str) -> float:
        spent, at = self._spent.get(key, (0.0, 0.0))
        return max(0.0, spent - (self._now() - at) / _ONE_MORE_EACH_S)

    def _note(self, key: str, spent: float) -> None:
        self._spent[key] = spent, self._now()
        self._spent.move_to_end(key)
        if len(self._spent) > _MOST_ADDRESSES:
            self._spent.popitem(last=False)


def _key(address: str | None) -> str:
    """Return what is counted together: one customer of a provider has a whole network of IPv6 addresses."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return address or ""
    return str(parsed) if parsed.version == 4 else str(ip_network((parsed, _IPV6_NETWORK), strict=False))
