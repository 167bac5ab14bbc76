"""What the memory backend adds to the port: its clock, and the admission that it is not durable."""

from datetime import UTC, datetime

from aerostore.backend.local import LocalBackend
from aerostore.backend.memory import MemoryBackend
from tests.blobs import CONTENT, put, run, stored


def test_only_the_local_backend_is_durable() -> None:
    assert (MemoryBackend.name, MemoryBackend.durable) == ("memory", False)
    assert (LocalBackend.name, LocalBackend.durable) == ("local", True)


def test_memory_dates_its_blobs_by_the_clock_it_was_given() -> None:
    moment = datetime(2026, 1, 31, tzinfo=UTC)

    async def scenario() -> None:
        backend = MemoryBackend(clock=lambda: moment)
        receipt = await put(backend, CONTENT)
        assert (await stored(backend))[receipt.key].modified_at == moment

    run(scenario())
