"""What every event sink promises, and what the webhook promises over real sockets; all on 127.0.0.1."""

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aerostore.domain import Event, EventType
from aerostore.events import DeliveryFailed, EventSink
from aerostore.events.log import LogSink
from aerostore.events.signature import has_valid_signature
from aerostore.events.webhook import WebhookSink

NOW = datetime(2026, 1, 31, 9, 0, 0, tzinfo=UTC)
SECRET = "a secret of this test"
NAMES = [
    "a.txt",
    'it\'s "so"\\.txt',
    "<b>&amp;{}%0d%0a",
    "👩\u200d🚀/каша.txt",
    "مرحبا/שלום",
    "\u202egnp.exe",
    " ",
]


def an_event(seq: int = 1, name: str = "a.txt") -> Event:
    return Event(
        seq=seq,
        id=f"event-{seq}",
        type=EventType.CREATED,
        bucket_id="photos",
        name=name,
        object_id="object-1",
        payload={"name": name, "bucketId": "photos", "version": "version-1"},
        created_at=NOW,
    )


class HttpReceiver:
    """A small HTTP/1.1 server that keeps each request and answers `status`."""

    def __init__(self, status: int = 200) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.connections: list[asyncio.Task[None]] = []
        self.port = 0
        self._status = status

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["HttpReceiver"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
        await asyncio.gather(*self.connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The client hangs up: between two requests, or in the middle of a TLS handshake.
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                self.requests.append(await _read_request(reader))
                writer.write(b"HTTP/1.1 %d Answer\r\ncontent-length: 2\r\n\r\nok" % self._status)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
    _, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return headers, await reader.readexactly(int(headers["content-length"]))


@dataclass
class Delivered:
    """A sink, and what its receiver knows: (id, seq, type, name) per event."""

    sink: EventSink
    list: Callable[[], Sequence[tuple[str, int, str, str]]]


@asynccontextmanager
async def webhook() -> AsyncIterator[Delivered]:
    async with HttpReceiver().listening() as receiver:
        sink = WebhookSink(f"http://127.0.0.1:{receiver.port}/", secret=SECRET, allow_private=True)

        def received() -> list[tuple[str, int, str, str]]:
            bodies = [json.loads(body) for _, body in receiver.requests]
            return [
                (body["id"], body["seq"], body["event"]["type"], body["event"]["payload"]["name"])
                for body in bodies
            ]

        yield Delivered(sink, received)
        await sink.close()


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record)


@asynccontextmanager
async def log() -> AsyncIterator[Delivered]:
    logger = logging.getLogger("aerostore.events")
    records = _Records()
    level = logger.level
    logger.addHandler(records)
    logger.setLevel("INFO")

    def received() -> list[tuple[str, int, str, str]]:
        facts = [record.__dict__["facts"] for record in records.kept]
        return [(fact["event_id"], fact["seq"], fact["type"], fact["name"]) for fact in facts]

    try:
        yield Delivered(LogSink(), received)
    finally:
        logger.removeHandler(records)
        logger.setLevel(level)


OpenSink = Callable[[], AbstractAsyncContextManager[Delivered]]
every_sink = pytest.mark.parametrize("open_sink", [webhook, log])


def run(open_sink: OpenSink, test: Callable[[Delivered], Awaitable[None]]) -> None:
    async def opened() -> None:
        async with open_sink() as delivered:
            await test(delivered)

    asyncio.run(opened())


@every_sink
def test_receiver_has_the_event_when_deliver_returns(open_sink: OpenSink) -> None:
    async def test(delivered: Delivered) -> None:
        await delivered.sink.deliver(an_event())
        assert delivered.list() == [("event-1", 1, "ObjectCreated:Post", "a.txt")]

    run(open_sink, test)


@every_sink
@pytest.mark.parametrize("name", NAMES)
def test_names_are_delivered_intact(open_sink: OpenSink, name: str) -> None:
    async def test(delivered: Delivered) -> None:
        await delivered.sink.deliver(an_event(name=name))
        assert [row[3] for row in delivered.list()] == [name]

    run(open_sink, test)


@every_sink
def test_events_arrive_in_the_order_of_delivery(open_sink: OpenSink) -> None:
    async def test(delivered: Delivered) -> None:
        for seq in (3, 1, 2):
            await delivered.sink.deliver(an_event(seq))
        assert [row[1] for row in delivered.list()] == [3, 1, 2]

    run(open_sink, test)


@every_sink
def test_a_repeated_delivery_keeps_its_id(open_sink: OpenSink) -> None:
    async def test(delivered: Delivered) -> None:
        await delivered.sink.deliver(an_event())
        await delivered.sink.deliver(replace(an_event(), attempts=1))
        assert [row[0] for row in delivered.list()] == ["event-1", "event-1"]

    run(open_sink, test)


@every_sink
def test_concurrent_deliveries_all_arrive(open_sink: OpenSink) -> None:
    async def test(delivered: Delivered) -> None:
        await asyncio.gather(*(delivered.sink.deliver(an_event(seq)) for seq in range(20)))
        assert sorted(row[1] for row in delivered.list()) == list(range(20))

    run(open_sink, test)


@every_sink
def test_close_may_be_called_again_and_before_any_delivery(open_sink: OpenSink) -> None:
    async def test(delivered: Delivered) -> None:
        await delivered.sink.close()
        await delivered.sink.close()
        assert delivered.list() == []

    run(open_sink, test)


@every_sink
def test_sink_has_a_name_for_metrics(open_sink: OpenSink) -> None:
    async def test(delivered: Delivered) -> None:
        assert delivered.sink.name == open_sink.__name__

    run(open_sink, test)


async def post(
    receiver: HttpReceiver,
    *events: Event,
    scheme: str = "http",
    transport: httpx.AsyncBaseTransport | None = None,
) -> None:
    """Deliver `events` to `receiver` under the name hooks.example."""
    sink = WebhookSink(
        f"{scheme}://hooks.example:{receiver.port}/in",
        secret=SECRET,
        allow_private=True,
        now=lambda: NOW,
        resolve=resolve_to_here,
        transport=transport,
    )
    try:
        for event in events:
            await sink.deliver(event)
    finally:
        await sink.close()


async def resolve_to_here(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def test_webhook_is_signed_over_the_bytes_that_arrive() -> None:
    async def test() -> None:
        async with HttpReceiver().listening() as receiver:
            await post(receiver, an_event(name=NAMES[3]))
        ((headers, body),) = receiver.requests
        assert has_valid_signature(headers, body, secret=SECRET, now=NOW)

    asyncio.run(test())


def test_webhook_keeps_the_receivers_name_in_the_host_header() -> None:
    async def test() -> None:
        async with HttpReceiver().listening() as receiver:
            await post(receiver, an_event())
        ((headers, _),) = receiver.requests
        assert headers["host"] == f"hooks.example:{receiver.port}"

    asyncio.run(test())


def test_webhook_uses_one_connection_for_several_events() -> None:
    async def test() -> None:
        async with HttpReceiver().listening() as receiver:
            await post(receiver, an_event(1), an_event(2), an_event(3))
        assert (len(receiver.requests), len(receiver.connections)) == (3, 1)

    asyncio.run(test())


def test_webhook_fails_when_the_receiver_answers_500() -> None:
    async def test() -> None:
        async with HttpReceiver(status=500).listening() as receiver:
            with pytest.raises(DeliveryFailed, match="answered 500"):
                await post(receiver, an_event())

    asyncio.run(test())


def test_webhook_fails_when_nobody_listens() -> None:
    async def test() -> None:
        async with HttpReceiver().listening() as receiver:
            pass
        with pytest.raises(DeliveryFailed, match="ConnectError"):
            await post(receiver, an_event())

    asyncio.run(test())


def tls_contexts(certified_name: str, directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context with a certificate for `certified_name`, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, certified_name)])
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(certified_name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = directory / "chain.pem"
    chain.write_bytes(pem + key_pem)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(chain)
    return server, ssl.create_default_context(cadata=pem.decode())


def test_webhook_checks_the_certificate_against_the_name_and_not_the_pinned_address(tmp_path: Path) -> None:
    server_tls, client_tls = tls_contexts("hooks.example", tmp_path)

    async def test() -> None:
        async with HttpReceiver().listening(server_tls) as receiver:
            transport = httpx.AsyncHTTPTransport(verify=client_tls)
            await post(receiver, an_event(), scheme="https", transport=transport)
        assert len(receiver.requests) == 1

    asyncio.run(test())


def test_webhook_refuses_a_trusted_certificate_of_another_name(tmp_path: Path) -> None:
    server_tls, client_tls = tls_contexts("other.example", tmp_path)

    async def test() -> None:
        async with HttpReceiver().listening(server_tls) as receiver:
            transport = httpx.AsyncHTTPTransport(verify=client_tls)
            with pytest.raises(DeliveryFailed, match="ConnectError"):
                await post(receiver, an_event(), scheme="https", transport=transport)
        assert receiver.requests == []

    asyncio.run(test())


def test_webhook_refuses_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    server_tls, _ = tls_contexts("hooks.example", tmp_path)

    async def test() -> None:
        async with HttpReceiver().listening(server_tls) as receiver:
            with pytest.raises(DeliveryFailed, match="ConnectError"):
                await post(receiver, an_event(), scheme="https")
        assert receiver.requests == []

    asyncio.run(test())
