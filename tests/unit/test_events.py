import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerostore.domain import Event, EventType
from aerostore.events import DeliveryFailed, retry_delay_s
from aerostore.events.address import Resolver, resolve_host
from aerostore.events.log import LogSink
from aerostore.events.signature import has_valid_signature
from aerostore.events.webhook import MAX_ANSWER_BYTES, WebhookSink, parse_webhook_url, webhook_body

NOW = datetime(2026, 1, 31, 9, 0, 0, 250_000, tzinfo=UTC)
SECRET = "a secret of this test"
PUBLIC = "93.184.215.14"
EVENT = Event(
    seq=7,
    id="0b6f3c9e-5d0c-4c58-9a3e-6f0a2f5e9d11",
    type=EventType.CREATED,
    bucket_id="photos",
    name="a.txt",
    object_id="4f5c7a52-1111-4222-8333-abcdefabcdef",
    payload={"name": "a.txt", "bucketId": "photos", "version": "v-1", "reqId": "r-1"},
    created_at=NOW - timedelta(milliseconds=1),
)

Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Receiver:
    """Answers every request with `answer` and keeps what was asked."""

    def __init__(self, answer: httpx.Response | Answer) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer
        self.transport = httpx.MockTransport(self._respond)

    async def _respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer if isinstance(self._answer, httpx.Response) else await self._answer(request)


class CountedBody(httpx.AsyncByteStream):
    """A body without end that counts what was read of it."""

    def __init__(self) -> None:
        self.read_bytes = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.read_bytes += 1024
            yield b"x" * 1024

    async def aclose(self) -> None:
        self.closed = True


class BrokenBody(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"half"
        raise httpx.ReadError("connection reset")


async def silence(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError("the event is never set")


async def resolve_to_public(_host: str, _port: int) -> Sequence[str]:
    return [PUBLIC]


def resolver(*answers: Sequence[str]) -> Resolver:
    """Give each answer once, in order, and the last one for ever."""
    left = list(answers)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


def deliver(
    receiver: Receiver,
    *,
    url: str = "https://hooks.example/in?key=k",
    secret: str | None = None,
    resolve: Resolver = resolve_to_public,
    events: Sequence[Event] = (EVENT,),
    timeout_s: float = 6.0,
    allow_private: bool = False,
) -> None:
    sink = WebhookSink(
        url,
        secret=secret,
        allow_private=allow_private,
        timeout_s=timeout_s,
        now=lambda: NOW,
        resolve=resolve,
        transport=receiver.transport,
    )

    async def run() -> None:
        for event in events:
            await sink.deliver(event)
        await sink.close()

    asyncio.run(run())


def ok() -> Receiver:
    return Receiver(httpx.Response(200))


def test_webhook_body_has_the_shape_of_supabase_plus_id_and_seq() -> None:
    assert json.loads(webhook_body(EVENT, NOW)) == {
        "type": "Webhook",
        "id": EVENT.id,
        "seq": 7,
        "event": {
            "type": "ObjectCreated:Post",
            "region": "local",
            "$version": "v1",
            "applyTime": 1769850000249,
            "payload": EVENT.payload,
        },
        "sentAt": "2026-01-31T09:00:00.250Z",
        "tenant": {"ref": "aerostore"},
    }


def test_webhook_is_a_json_post_to_the_configured_path_and_query() -> None:
    receiver = ok()
    deliver(receiver)
    (request,) = receiver.requests
    assert (request.method, request.url.raw_path) == ("POST", b"/in?key=k")
    assert request.headers["content-type"] == "application/json"
    assert request.content == webhook_body(EVENT, NOW)


def test_webhook_without_a_secret_carries_no_signature() -> None:
    receiver = ok()
    deliver(receiver)
    assert "webhook-signature" not in receiver.requests[0].headers


def test_webhook_with_a_secret_is_signed_so_that_receivers_can_verify_it() -> None:
    receiver = ok()
    deliver(receiver, secret=SECRET)
    request = receiver.requests[0]
    assert request.headers["webhook-id"] == EVENT.id
    assert has_valid_signature(request.headers, request.content, secret=SECRET, now=NOW)


@pytest.mark.parametrize(
    "name", ['q"uote\\', "\r\nx-forged: 1", "\u202egnp.exe", "👩\u200d🚀/مرحبا", "\ud800"]
)
def test_names_reach_the_body_intact_and_no_header(name: str) -> None:
    receiver = ok()
    hostile = replace(EVENT, name=name, payload={"name": name})
    deliver(receiver, secret=SECRET, events=[EVENT, hostile])
    plain, forged = receiver.requests
    assert json.loads(forged.content)["event"]["payload"]["name"] == name
    assert list(forged.headers) == list(plain.headers)
    assert "forged" not in str(forged.headers.raw)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_delivery(status: int) -> None:
    receiver = Receiver(httpx.Response(status))
    deliver(receiver)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("status", [199, 300, 304, 400, 401, 404, 429, 500, 503])
def test_other_answers_are_failures_worth_a_retry(status: int) -> None:
    with pytest.raises(DeliveryFailed, match=rf"^hooks\.example answered {status}$") as failure:
        deliver(Receiver(httpx.Response(status)))
    assert not failure.value.permanent


def test_410_is_a_permanent_failure() -> None:
    with pytest.raises(DeliveryFailed) as failure:
        deliver(Receiver(httpx.Response(410)))
    assert failure.value.permanent


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_the_metadata_service_is_a_failure_and_not_followed(status: int) -> None:
    receiver = Receiver(httpx.Response(status, headers={"location": "http://169.254.169.254/latest"}))
    with pytest.raises(DeliveryFailed):
        deliver(receiver)
    assert [request.url.host for request in receiver.requests] == [PUBLIC]


def test_cookies_of_the_receiver_are_not_sent_back() -> None:
    receiver = Receiver(httpx.Response(200, headers={"set-cookie": "session=1"}))
    deliver(receiver, events=[EVENT, EVENT])
    assert "cookie" not in receiver.requests[1].headers


def test_an_endless_answer_is_read_to_64_kib_and_closed() -> None:
    body = CountedBody()
    deliver(Receiver(httpx.Response(200, stream=body)))
    assert body.read_bytes == MAX_ANSWER_BYTES == 65536
    assert body.closed


def test_an_answer_that_breaks_after_its_2xx_status_is_a_delivery() -> None:
    receiver = Receiver(httpx.Response(200, stream=BrokenBody()))
    deliver(receiver)
    assert len(receiver.requests) == 1


def test_an_answer_that_breaks_after_another_status_is_a_failure() -> None:
    with pytest.raises(DeliveryFailed, match="answered 500"):
        deliver(Receiver(httpx.Response(500, stream=BrokenBody())))


def test_a_silent_receiver_fails_after_the_total_timeout() -> None:
    with pytest.raises(DeliveryFailed, match=r"^hooks\.example gave no answer: TimeoutError$") as failure:
        deliver(Receiver(silence), timeout_s=0.01)
    assert not failure.value.permanent


def test_a_slow_name_lookup_counts_against_the_total_timeout() -> None:
    async def never(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return [PUBLIC]

    with pytest.raises(DeliveryFailed, match="TimeoutError"):
        deliver(ok(), resolve=never, timeout_s=0.01)


def test_connecting_and_reading_may_take_four_seconds_each() -> None:
    receiver = ok()
    deliver(receiver)
    assert receiver.requests[0].extensions["timeout"] == {"connect": 4, "read": 4, "write": 4, "pool": 4}


def test_failure_message_holds_no_path_query_or_cause() -> None:
    async def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot reach {request.url}")

    with pytest.raises(DeliveryFailed) as failure:
        deliver(Receiver(refuse), url="https://hooks.example/T0/secret?key=secret")
    assert str(failure.value) == "hooks.example gave no answer: ConnectError"


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fe80::1%1"])
def test_private_addresses_are_refused_before_any_request_and_tried_again_later(address: str) -> None:
    receiver = ok()
    with pytest.raises(DeliveryFailed, match="not public") as failure:
        deliver(receiver, resolve=resolver([address]))
    assert not failure.value.permanent
    assert receiver.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "127.1",
        "127。0。0。1",
        "[::1]",
        "[::ffff:7f00:1]",
        "0",
    ],
)
def test_every_spelling_of_a_private_address_is_refused(host: str) -> None:
    receiver = ok()
    with pytest.raises(DeliveryFailed, match="not public") as failure:
        deliver(receiver, url=f"http://{host}/", resolve=resolve_host)
    assert not failure.value.permanent
    assert receiver.requests == []


def test_one_private_address_among_public_ones_is_refused() -> None:
    receiver = ok()
    with pytest.raises(DeliveryFailed, match=r"10\.0\.0\.1"):
        deliver(receiver, resolve=resolver([PUBLIC, "10.0.0.1"]))
    assert receiver.requests == []


def test_connection_goes_to_the_checked_address_under_the_receivers_name() -> None:
    receiver = ok()
    deliver(receiver, url="https://hooks.example:8443/in")
    (request,) = receiver.requests
    assert (request.url.host, request.url.port) == (PUBLIC, 8443)
    assert request.headers["host"] == "hooks.example:8443"
    assert request.extensions["sni_hostname"] == "hooks.example"


def test_connection_to_ipv6_is_pinned_too() -> None:
    receiver = ok()
    deliver(receiver, resolve=resolver(["2606:4700:4700::1111"]))
    assert receiver.requests[0].url.netloc == b"[2606:4700:4700::1111]"


def test_rebinding_after_the_check_does_not_move_the_connection() -> None:
    receiver = ok()
    rebinding = resolver([PUBLIC], ["127.0.0.1"])
    deliver(receiver, resolve=rebinding)
    assert [request.url.host for request in receiver.requests] == [PUBLIC]


def test_rebinding_between_deliveries_is_refused() -> None:
    receiver = ok()
    with pytest.raises(DeliveryFailed, match=r"127\.0\.0\.1"):
        deliver(receiver, resolve=resolver([PUBLIC], ["127.0.0.1"]), events=[EVENT, EVENT])
    assert len(receiver.requests) == 1


def test_a_retry_goes_to_the_next_address() -> None:
    receiver = ok()
    attempts = [replace(EVENT, attempts=attempt) for attempt in range(3)]
    deliver(receiver, resolve=resolver([PUBLIC, "1.1.1.1"]), events=attempts)
    assert [request.url.host for request in receiver.requests] == [PUBLIC, "1.1.1.1", PUBLIC]


def test_private_addresses_can_be_allowed() -> None:
    receiver = ok()
    deliver(receiver, resolve=resolver(["10.0.0.1"]), allow_private=True)
    assert receiver.requests[0].url.host == "10.0.0.1"


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
def test_a_name_that_does_not_resolve_is_worth_a_retry(error: Exception) -> None:
    async def fail(_host: str, _port: int) -> Sequence[str]:
        raise error

    with pytest.raises(DeliveryFailed, match=r"^hooks\.example has no usable address$") as failure:
        deliver(ok(), resolve=fail)
    assert not failure.value.permanent


def test_a_name_without_addresses_is_worth_a_retry() -> None:
    with pytest.raises(DeliveryFailed, match="has no address") as failure:
        deliver(ok(), resolve=resolver([]))
    assert not failure.value.permanent


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://h.example", 80), ("https://h.example", 443), ("https://h.example:99", 99)],
)
def test_name_is_looked_up_with_the_port_of_the_url(url: str, port: int) -> None:
    asked: list[tuple[str, int]] = []

    async def note(host: str, port: int) -> Sequence[str]:
        asked.append((host, port))
        return [PUBLIC]

    deliver(ok(), url=url, resolve=note)
    assert asked == [("h.example", port)]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "//hooks.example/",
        "http:///path",
        "http:127.0.0.1",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "unix:///var/run/docker.sock",
        "http+unix://socket/",
        "http://user:hunter2",
        "http://user:hunter2@hooks.example/",
        "http://hooks.example@169.254.169.254/",
        "http://hooks.example\\@127.0.0.1/",
        "http://hooks.example:0/",
        "http://hooks.example:65536/",
        "http://hooks.example:port/",
        "http://hooks.example/\r\nx-forged: 1",
        "http://\N{SMALL ROMAN NUMERAL ONE}27.0.0.1/",
        "http://[::1/",
        "http://0177.0.0.1/",
    ],
)
def test_unusable_urls_are_refused_at_construction_without_showing_them(url: str) -> None:
    with pytest.raises(ValueError, match=r"^The webhook URL ") as refusal:
        WebhookSink(url, secret=None)
    assert "hunter2" not in "".join(traceback.format_exception(refusal.value))


def test_an_empty_secret_is_refused_rather_than_left_unsigned() -> None:
    with pytest.raises(ValueError, match="secret is empty"):
        WebhookSink("https://hooks.example/", secret="")


def test_scheme_may_be_upper_case() -> None:
    assert parse_webhook_url("HTTPS://Hooks.Example/").scheme == "https"


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_retry_delay_lies_between_zero_and_the_doubled_ceiling(attempts: int, jitter: float) -> None:
    assert 0 <= retry_delay_s(attempts, jitter) <= min(3600, 2**attempts)


def test_retry_delay_doubles_from_one_second_to_one_hour() -> None:
    ceilings = [2 * retry_delay_s(attempts, 0.5) for attempts in range(14)]
    assert ceilings == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]


def test_log_line_names_the_event_and_leaves_unknown_payload_out(caplog: pytest.LogCaptureFixture) -> None:
    payload = EVENT.payload | {"token": "t-secret", "metadata": {"size": 1}}
    with caplog.at_level("INFO", logger="aerostore.events"):
        asyncio.run(LogSink().deliver(replace(EVENT, payload=payload, name="x\u202e\n")))
    (record,) = caplog.records
    assert record.getMessage() == "storage event"
    assert record.__dict__["facts"] == {
        "event_id": EVENT.id,
        "seq": 7,
        "type": "ObjectCreated:Post",
        "bucket_id": "photos",
        "name": "x\u202e\n",
        "object_id": EVENT.object_id,
        "version": "v-1",
        "request_id": "r-1",
    }
