"""Crowds: many clients at once on many names and on one, and what they may see of each other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.crash.server import running

from .client import KEY_EXISTS, NO_SUCH_KEY, Target, error_of, etag_of, object_path, unique

TIMEOUT_S = 60.0
CROWD = 100
WRITERS = 16
ROUNDS = 20
UPSERT = {"x-upsert": "true"}


@asynccontextmanager
async def crowd(target: Target) -> AsyncIterator[httpx.AsyncClient]:
    """Connect with the service role; as many connections as there are requests at once."""
    async with httpx.AsyncClient(
        base_url=target.url,
        headers={"Authorization": f"Bearer {target.token('service_role')}"},
        timeout=TIMEOUT_S,
        limits=httpx.Limits(max_connections=None),
        trust_env=False,
    ) as client:
        yield client


async def at_once(requests: Iterable[Awaitable[httpx.Response]]) -> list[httpx.Response]:
    return list(await asyncio.gather(*requests))


def body_of(number: int, size: int = 200_000) -> bytes:
    return bytes([number]) * size


def test_a_hundred_uploads_at_once_are_all_stored(target: Target, bucket: str) -> None:
    bodies = {f"dir/{number}": f"{number}-".encode() * (number * 40) for number in range(CROWD)}

    async def scenario() -> None:
        async with crowd(target) as client:
            answers = await at_once(
                client.post(object_path(bucket, name), content=body) for name, body in bodies.items()
            )
            assert [answer.status_code for answer in answers] == [200] * CROWD
            read = await at_once(client.get(object_path(bucket, name)) for name in bodies)
            assert [answer.content for answer in read] == list(bodies.values())

    asyncio.run(scenario())


def test_all_but_one_of_the_writers_of_a_name_are_told_that_it_is_taken(target: Target, bucket: str) -> None:
    async def scenario() -> None:
        async with crowd(target) as client:
            path = object_path(bucket, "contested")
            answers = await at_once(client.post(path, content=body_of(n)) for n in range(WRITERS))
            won = [number for number, answer in enumerate(answers) if answer.status_code == 200]
            assert len(won) == 1
            refusals = [error_of(answer) for answer in answers if answer.status_code != 200]
            assert refusals == [KEY_EXISTS] * (WRITERS - 1)
            assert (await client.get(path)).content == body_of(won[0])

    asyncio.run(scenario())


def test_upserts_of_one_name_leave_one_whole_body_and_its_entity_tag(target: Target, bucket: str) -> None:
    async def scenario() -> None:
        async with crowd(target) as client:
            path = object_path(bucket, "contested")
            answers = await at_once(
                client.post(path, content=body_of(n, 100_000 + n), headers=UPSERT) for n in range(WRITERS)
            )
            assert [answer.status_code for answer in answers] == [200] * WRITERS
            final = await client.get(path)
            assert final.content in {body_of(n, 100_000 + n) for n in range(WRITERS)}
            assert final.headers["etag"] == etag_of(final.content)
            assert (await client.head(path)).headers["content-length"] == str(len(final.content))

    asyncio.run(scenario())


async def upload_again_and_again(client: httpx.AsyncClient, bucket: str, names: list[str]) -> None:
    for number in range(ROUNDS):
        for name in names:
            answer = await client.put(object_path(bucket, name), content=body_of(number, 70_000 + number))
            assert answer.status_code == 200, answer.text


async def delete_again_and_again(client: httpx.AsyncClient, bucket: str, names: list[str]) -> None:
    for _ in range(ROUNDS):
        for name in names:
            answer = await client.delete(object_path(bucket, name))
            assert answer.status_code == 200 or error_of(answer) == NO_SUCH_KEY


async def read_what_is_listed(client: httpx.AsyncClient, bucket: str) -> None:
    for _ in range(ROUNDS):
        page = await client.post(f"/object/list-v2/{bucket}", json={})
        assert page.status_code == 200, page.text
        listed = [entry["name"] for entry in page.json()["objects"]]
        assert "kept" in listed
        for name in listed:
            await read_whole_or_gone(client, bucket, name)


async def read_whole_or_gone(client: httpx.AsyncClient, bucket: str, name: str) -> None:
    answer = await client.get(object_path(bucket, name))
    if name == "kept" or answer.status_code == 200:
        assert answer.status_code == 200, answer.text
        assert answer.headers["etag"] == etag_of(answer.content)
        assert len(set(answer.content)) == 1
    else:
        assert error_of(answer) == NO_SUCH_KEY


def test_listed_objects_are_whole_or_gone_while_others_write_and_delete(target: Target, bucket: str) -> None:
    async def scenario() -> None:
        volatile = ["a", "b", "c"]
        async with crowd(target) as client:
            await upload_again_and_again(client, bucket, ["kept"])
            async with asyncio.TaskGroup() as group:
                group.create_task(upload_again_and_again(client, bucket, [*volatile, "kept"]))
                group.create_task(delete_again_and_again(client, bucket, volatile))
                group.create_task(delete_again_and_again(client, bucket, volatile[::-1]))
                for _ in range(3):
                    group.create_task(read_what_is_listed(client, bucket))

    asyncio.run(scenario())


def test_equal_bodies_uploaded_at_once_are_stored_once(tmp_path: Path) -> None:
    async def scenario(target: Target) -> None:
        bucket = unique("equal")
        async with crowd(target) as client:
            await client.post("/bucket", json={"name": bucket})
            paths = [object_path(bucket, str(number)) for number in range(20)]
            answers = await at_once(client.post(path, content=body_of(7)) for path in paths)
            assert [answer.status_code for answer in answers] == [200] * len(paths)
            read = await at_once(client.get(path) for path in paths)
            assert [answer.content for answer in read] == [body_of(7)] * len(paths)

    with running(tmp_path / "data") as server:
        asyncio.run(scenario(server.target))
        assert [path.stat().st_size for path in server.stored_files()] == [len(body_of(7))]
