"""An HTTP receiver: one POST per event, in the shape of Supabase's webhooks, signed, to public hosts only."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import httpx

from aerostore.domain import Clock, Event, to_iso, utc_now
from aerostore.events import DeliveryFailed
from aerostore.events.address import IpAddress, Resolver, is_public, resolve_host
from aerostore.events.signature import signature_headers, signing_key

MAX_ANSWER_BYTES = 64 * 1024
_STEP_TIMEOUT_S = 4.0
_GONE = 410
_HIGHEST_PORT = 65535
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WebhookSink:
    """Posts events to `url`, one after the other or many at once.

    secret: signs each request (see `signature`); None leaves them unsigned. allow_private: the receiver may
    have an address inside this network. timeout_s: for the whole delivery, name lookup included.
    Raises: ValueError for a URL or a secret that cannot be used.
    """

    name = "webhook"

    def __init__(
        self,
        url: str,
        *,
        secret: str | None,
        allow_private: bool = False,
        timeout_s: float = 6.0,
        now: Clock = utc_now,
        resolve: Resolver = resolve_host,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = parse_webhook_url(url)
        self._host = self._url.raw_host.decode("ascii")
        self._key = None if secret is None else signing_key(secret)
        self._allow_private = allow_private
        self._timeout_s = timeout_s
        self._now = now
        self._resolve = resolve
        # A bare transport, not a client: a client logs the URL, keeps the receiver's cookies, and reads
        # proxies from the environment, behind which no address could be pinned.
        self._transport = transport or httpx.AsyncHTTPTransport(trust_env=False)

    async def deliver(self, event: Event) -> None:
        """Post `event`; done when the receiver answered 2xx. Redirects are answers, never followed.

        Raises: DeliveryFailed; permanent when the address is refused or the receiver answered 410.
        """
        status: int | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                request = self._request(event, await self._choose_address(event.attempts))
                response = await self._transport.handle_async_request(request)
                status = response.status_code
                await _finish(response)
        except (TimeoutError, httpx.HTTPError) as exc:
            # A receiver that gave its status has decided, whatever became of the rest of its answer.
            if status is None:
                raise DeliveryFailed(f"{self._host} gave no answer: {type(exc).__name__}") from exc
        if not 200 <= status <= 299:
            raise DeliveryFailed(f"{self._host} answered {status}", permanent=status == _GONE)

    async def close(self) -> None:
        """Close idle connections."""
        await self._transport.aclose()

    async def _choose_address(self, attempts: int) -> IpAddress:
        addresses = await self._lookup()
        for address in addresses:
            if not (self._allow_private or is_public(address)):
                # Not for good: a resolver may give a private answer for a while, and nothing was sent there.
                raise DeliveryFailed(f"{self._host} has the address {address}, which is not public")
        # Each retry goes to the next address, so that one dead host of several does not stop deliveries.
        return addresses[attempts % len(addresses)]

    async def _lookup(self) -> list[IpAddress]:
        try:
            found = await self._resolve(self._host, _port(self._url))
            addresses = [ip_address(text) for text in found]
        except (OSError, ValueError) as exc:
            raise DeliveryFailed(f"{self._host} has no usable address") from exc
        if not addresses:
            raise DeliveryFailed(f"{self._host} has no address")
        return addresses

    def _request(self, event: Event, address: IpAddress) -> httpx.Request:
        """Build the request to `address`, which the name is not looked up for again: DNS cannot change it."""
        sent_at = self._now()
        body = webhook_body(event, sent_at)
        headers = {
            "host": self._url.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": "aerostore",
        }
        if self._key is not None:
            headers |= signature_headers(self._key, body, event_id=event.id, moment=sent_at)
        step_timeout = httpx.Timeout(min(_STEP_TIMEOUT_S, self._timeout_s))
        return httpx.Request(
            "POST",
            self._url.copy_with(host=str(address)),
            headers=headers,
            content=body,
            # The certificate is checked against this name too, not against the address in the URL.
            extensions={"sni_hostname": self._host, "timeout": step_timeout.as_dict()},
        )


def parse_webhook_url(url: str) -> httpx.URL:
    """Read the URL of a receiver. Raises: ValueError, without the URL's secrets, when it cannot be used."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        # Without the cause: its message quotes the URL, and with it a password taken for a port.
        raise ValueError("The webhook URL is malformed") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError("The webhook URL must start with http:// or https:// and a host")
    if parsed.port is not None and not 1 <= parsed.port <= _HIGHEST_PORT:
        raise ValueError("The webhook URL has an impossible port")
    if parsed.userinfo:
        raise ValueError("The webhook URL must not hold a user name or a password")
    return parsed


def webhook_body(event: Event, sent_at: datetime) -> bytes:
    """Return the JSON of `event`: Supabase's shape, and `id` and `seq` for receivers that drop duplicates."""
    envelope = {
        "type": "Webhook",
        "id": event.id,
        "seq": event.seq,
        "event": {
            "type": event.type,
            "region": "local",
            "$version": "v1",
            "applyTime": (event.created_at - _EPOCH) // timedelta(milliseconds=1),
            "payload": event.payload,
        },
        "sentAt": to_iso(sent_at),
        "tenant": {"ref": "aerostore"},
    }
    return json.dumps(envelope, separators=(",", ":")).encode("ascii")


async def _finish(response: httpx.Response) -> None:
    """Read the answer's end, so that its connection serves the next event; give up on a long one."""
    if response.is_stream_consumed:  # a transport may have read a short answer itself
        return
    length = 0
    try:
        async for piece in response.aiter_raw():
            length += len(piece)
            if length >= MAX_ANSWER_BYTES:
                return
    finally:
        await response.aclose()


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)
