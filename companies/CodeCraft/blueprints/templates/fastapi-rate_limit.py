"""How often one client may ask: token buckets in the memory of this process. Each worker counts for itself and a
restart forgets; behind several, count at the load balancer or in a shared store instead.
"""

import ipaddress
import math
from collections import OrderedDict

# More clients than this at once are beyond one process; the longest unseen one is forgotten.
CLIENTS_MAX = 10_000


class Buckets:
    def __init__(self, capacity: int, refill_per_s: int) -> None:
        self._capacity = capacity
        self._refill_per_s = refill_per_s
        # Client to its tokens and when they were counted; the longest unseen first.
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now_s: float) -> int | None:
        """Takes one token; without one, the whole seconds after which there is one again."""
        tokens, at_s = self._clients.pop(client, (float(self._capacity), now_s))
        tokens = min(self._capacity, tokens + (now_s - at_s) * self._refill_per_s)
        allowed = tokens >= 1
        self._clients[client] = (tokens - 1 if allowed else tokens, now_s)
        if len(self._clients) > CLIENTS_MAX:
            self._clients.popitem(last=False)
        return None if allowed else math.ceil((1 - tokens) / self._refill_per_s)

    def __len__(self) -> int:
        return len(self._clients)


def client(peer: str | None, forwarded_for: str | None, trusted_proxies: int) -> str:
    """Whom a request is counted for. Each proxy appends the address that it saw to `X-Forwarded-For`; all before the
    entries of our own proxies is what a stranger wrote.
    """
    seen = [part.strip() for part in (forwarded_for or "").split(",")]
    if 0 < trusted_proxies <= len(seen) and (told := network(seen[-trusted_proxies])):
        return told
    return network(peer or "") or "everybody"


def network(text: str) -> str | None:
    """An address as a client: one household has 2**64 addresses of IPv6, so that its network is the client."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
    return str(address)
