"""Several Postgres executors over one database, as several processes have them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from aerostore.errors import KeyAlreadyExists
from aerostore.executor import Executor, Result
from aerostore.executor import statements as sql
from aerostore.executor.postgres import PostgresExecutor
from aerostore.executor.row import to_object
from tests.conformance.executor_fixture import (
    CALLER,
    NOW,
    a_blob,
    an_object,
    count,
    probe,
    rows,
    write,
)
from tests.conformance.postgres import PostgresCluster

pytestmark = pytest.mark.postgres

PROCESSES = 2


@asynccontextmanager
async def several(conninfo: str) -> AsyncIterator[list[Executor]]:
    """Executors that start at once."""
    executors = [PostgresExecutor(conninfo, pool_size=4) for _ in range(PROCESSES)]
    async with AsyncExitStack() as stack:
        for executor in executors:
            stack.push_async_callback(executor.close)
        await asyncio.gather(*(executor.start() for executor in executors))
        yield list(executors)


async def outcomes(*writing: Coroutine[Any, Any, list[Result]]) -> list[type[BaseException] | None]:
    ended = await asyncio.gather(*writing, return_exceptions=True)
    return [type(each) if isinstance(each, BaseException) else None for each in ended]


def test_executors_that_start_at_once_install_an_empty_database_once(cluster: PostgresCluster) -> None:
    name = cluster.create_database()

    async def scenario() -> None:
        async with several(cluster.conninfo(name)) as executors:
            assert [await count(each, "storage_migrations") for each in executors]

    asyncio.run(scenario())
    cluster.drop_database(name)


def test_one_name_written_by_many_at_once_is_taken_by_exactly_one(postgres_url: str) -> None:
    async def scenario() -> None:
        async with several(postgres_url) as executors:
            for name in map(str, range(5)):
                ended = await outcomes(
                    *(
                        write(executor, sql.insert_object(an_object(name)), by=CALLER)
                        for executor in executors * 4
                    )
                )
                assert sorted(map(str, ended)) == sorted(
                    map(str, [None, *[KeyAlreadyExists] * (len(ended) - 1)])
                )

    asyncio.run(scenario())


def test_one_name_replaced_by_many_at_once_ends_as_one_of_them_whole(postgres_url: str) -> None:
    async def scenario() -> None:
        async with several(postgres_url) as executors:
            blobs = [a_blob(f"{number}") for number in range(8)]
            await write(executors[0], *(sql.insert_blob(blob, NOW) for blob in blobs))
            new = [
                an_object("one", blob_id=blob.id, metadata={"size": size}, user_metadata={"n": f"{size}"})
                for size, blob in enumerate(blobs)
            ]
            ended = await outcomes(
                *(
                    write(executors[number % PROCESSES], sql.upsert_object(each), by=CALLER)
                    for number, each in enumerate(new)
                )
            )
            assert ended == [None] * len(new)
            [row] = await rows(executors[0], sql.find_object("photos", "one"))
            stored = to_object(row)
            [winner] = [each for each in new if each.version == stored.version]
            assert (stored.blob_id, stored.metadata, stored.user_metadata) == (
                winner.blob_id,
                winner.metadata,
                winner.user_metadata,
            )
            counts = await rows(executors[0], sql.count_deleting_blobs())
            assert counts[0]["blobs"] == len(new) - 1

    asyncio.run(scenario())


def test_many_uploads_of_the_same_content_all_count(postgres_url: str) -> None:
    async def scenario() -> None:
        async with several(postgres_url) as executors:
            blob = a_blob()
            await write(executors[0], sql.insert_blob(blob, NOW))
            ended = await outcomes(
                *(
                    write(executor, sql.insert_object(an_object(f"{index}", blob_id=blob.id)))
                    for index, executor in enumerate(executors * 20)
                )
            )
            assert ended == [None] * 40
            [row] = await rows(executors[1], sql.list_blobs("", 9))
            assert row["ref_count"] == 40

    asyncio.run(scenario())


def test_a_write_answered_by_one_is_seen_by_the_other(postgres_url: str) -> None:
    async def scenario() -> None:
        async with several(postgres_url) as (one, other):
            for number in range(20):
                await write(one, sql.insert_object(an_object(f"{number}")))
                assert len(await rows(other, sql.find_object("photos", f"{number}"))) == 1

    asyncio.run(scenario())


def test_a_probe_never_blocks_the_write_that_follows_it(postgres_url: str) -> None:
    async def scenario() -> None:
        async with several(postgres_url) as (one, other):
            for number in range(20):
                new = sql.insert_object(an_object(f"{number}"))
                await probe(one, new, by=CALLER)
                await write(other, new, by=CALLER)

    asyncio.run(scenario())
