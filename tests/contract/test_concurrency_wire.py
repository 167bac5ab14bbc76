"""Many clients at once on one name: one winner without upsert, never a mixture with it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from .client import KEY_EXISTS, Target, error_of, etag_of, get_object, object_path, put_object

CLIENTS = 12


def at_once(ask: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(ask, range(CLIENTS)))


def body_of(number: int) -> bytes:
    return bytes([number]) * 200_000


def test_exactly_one_of_many_uploads_wins(service: httpx.Client, bucket: str) -> None:
    answers = at_once(lambda number: put_object(service, bucket, "a", body_of(number)))
    won = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert len(won) == 1
    assert all(error_of(answer) == KEY_EXISTS for answer in answers if answer.status_code != 200)
    assert get_object(service, bucket, "a").content == body_of(won[0])


def test_upserts_leave_one_whole_body_and_one_id(service: httpx.Client, bucket: str) -> None:
    upsert = {"x-upsert": "true"}
    answers = at_once(lambda number: put_object(service, bucket, "a", body_of(number), upsert))
    assert [answer.status_code for answer in answers] == [200] * CLIENTS
    assert get_object(service, bucket, "a").content in {body_of(number) for number in range(CLIENTS)}
    assert len({answer.json()["Id"] for answer in answers}) == 1


def test_readers_see_whole_versions_while_writers_replace(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a", body_of(0))

    def read_or_replace(number: int) -> httpx.Response:
        if number % 2:
            return service.put(object_path(bucket, "a"), content=body_of(number))
        return get_object(service, bucket, "a")

    answers = at_once(read_or_replace)
    assert [answer.status_code for answer in answers] == [200] * CLIENTS
    for answer in answers[::2]:
        assert answer.headers["etag"] == etag_of(answer.content)
        assert len(answer.content) == len(body_of(0))


def test_exactly_one_of_many_moves_wins(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a", b"x")
    body = {"bucketId": bucket, "sourceKey": "a"}
    answers = at_once(
        lambda number: service.post("/object/move", json=body | {"destinationKey": f"to-{number}"})
    )
    assert [answer.status_code for answer in answers].count(200) == 1
    names = service.post(f"/object/list/{bucket}", json={"prefix": ""}).json()
    assert len(names) == 1


def test_a_signed_upload_is_taken_once(target: Target, service: httpx.Client, bucket: str) -> None:
    token = service.post(object_path(bucket, "a", "upload/sign")).json()["token"]
    path = object_path(bucket, "a", "upload/sign")
    with target.connect(None) as nobody:
        answers = at_once(lambda number: nobody.put(path, params={"token": token}, content=body_of(number)))
    assert [answer.status_code for answer in answers].count(200) == 1
