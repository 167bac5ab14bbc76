"""The default policies from outside: owners have their own objects, everyone else has nothing."""

from collections.abc import Callable

import httpx
import pytest

from .client import (
    DELETE_DENIED,
    KEY_EXISTS,
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
    ROW_DENIED,
    Target,
    comparable,
    error_of,
    get_object,
    object_path,
    put_object,
    sign_object,
    sign_upload,
    unique,
)
from .conftest import MakeBucket

Ask = Callable[[httpx.Client, str, str], httpx.Response]


@pytest.fixture
def owned(owner: httpx.Client, bucket: str) -> str:
    """A private bucket in which `owner` has uploaded a.txt."""
    assert put_object(owner, bucket, "a.txt", b"mine").status_code == 200
    return bucket


@pytest.fixture(params=["anon", "stranger"])
def outsider(request: pytest.FixtureRequest) -> httpx.Client:
    """Somebody with a valid token and no right to the owner's objects."""
    caller: httpx.Client = request.getfixturevalue(request.param)
    return caller


def get(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    return caller.get(object_path(bucket, name))


def get_authenticated(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    return caller.get(object_path(bucket, name, "authenticated"))


def info(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    return caller.get(object_path(bucket, name, "info"))


def info_authenticated(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    return caller.get(object_path(bucket, name, "info/authenticated"))


def sign(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    return caller.post(object_path(bucket, name, "sign"), json={"expiresIn": 60})


def copy(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    body = {"bucketId": bucket, "sourceKey": name, "destinationKey": unique("copy")}
    return caller.post("/object/copy", json=body)


def move(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    body = {"bucketId": bucket, "sourceKey": name, "destinationKey": unique("moved")}
    return caller.post("/object/move", json=body)


READS = [get, get_authenticated, info, info_authenticated, sign, copy, move]


def upload(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    return put_object(caller, bucket, name)


def upsert(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    return put_object(caller, bucket, name, b"theirs", {"x-upsert": "true"})


def replace(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    return caller.put(object_path(bucket, name), content=b"theirs")


def upload_form(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    return caller.post(object_path(bucket, name), files={"file": ("x", b"theirs", "text/plain")})


def sign_for_upload(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
    return caller.post(object_path(bucket, name, "upload/sign"), headers={"x-upsert": "true"})


class TestOwner:
    def test_owner_uses_every_operation_on_their_own(self, owner: httpx.Client, owned: str) -> None:
        assert get_object(owner, owned, "a.txt").content == b"mine"
        assert info(owner, owned, "a.txt").json()["size"] == 4
        assert upsert(owner, owned, "a.txt").status_code == 200
        assert copy(owner, owned, "a.txt").status_code == 200
        assert move(owner, owned, "a.txt").status_code == 200
        assert len(owner.post(f"/object/list/{owned}", json={"prefix": ""}).json()) == 2

    def test_owner_deletes_their_own(self, owner: httpx.Client, owned: str) -> None:
        assert owner.delete(object_path(owned, "a.txt")).status_code == 200
        assert error_of(get(owner, owned, "a.txt")) == NO_SUCH_KEY

    def test_owner_hands_out_links(self, owner: httpx.Client, nobody: httpx.Client, owned: str) -> None:
        assert nobody.get(sign_object(owner, owned, "a.txt")).content == b"mine"

    def test_owner_sees_only_their_own_in_lists(
        self, owner: httpx.Client, service: httpx.Client, owned: str
    ) -> None:
        put_object(service, owned, "dir/theirs.txt")
        first = owner.post(f"/object/list/{owned}", json={"prefix": ""}).json()
        second = owner.post(f"/object/list-v2/{owned}", json={"with_delimiter": True}).json()
        assert [entry["name"] for entry in first] == ["a.txt"]
        assert ([entry["name"] for entry in second["objects"]], second["folders"]) == (["a.txt"], [])

    def test_service_role_sees_and_keeps_the_owner(
        self, owner: httpx.Client, service: httpx.Client, owned: str
    ) -> None:
        assert replace(service, owned, "a.txt").status_code == 200
        assert get_object(owner, owned, "a.txt").content == b"theirs"


class TestReads:
    @pytest.mark.parametrize("ask", READS, ids=lambda ask: ask.__name__)
    def test_hidden_object_is_not_found(self, outsider: httpx.Client, owned: str, ask: Ask) -> None:
        assert error_of(ask(outsider, owned, "a.txt")) == NO_SUCH_KEY

    @pytest.mark.parametrize("ask", READS, ids=lambda ask: ask.__name__)
    def test_hidden_and_absent_answers_are_the_same(
        self, outsider: httpx.Client, owned: str, ask: Ask
    ) -> None:
        hidden, absent = ask(outsider, owned, "a.txt"), ask(outsider, owned, "b.txt")
        assert comparable(hidden) == comparable(absent)

    def test_head_of_hidden_and_absent_is_the_same(self, outsider: httpx.Client, owned: str) -> None:
        answers = [outsider.head(object_path(owned, name)) for name in ("a.txt", "b.txt")]
        assert [(answer.status_code, answer.content) for answer in answers] == [(400, b"")] * 2
        assert "etag" not in answers[0].headers

    def test_lists_are_empty(self, outsider: httpx.Client, owned: str) -> None:
        assert outsider.post(f"/object/list/{owned}", json={"prefix": ""}).json() == []
        page = outsider.post(f"/object/list-v2/{owned}", json={}).json()
        assert (page["objects"], page["folders"], page["hasNext"]) == ([], [], False)

    def test_sign_many_hides_what_is_not_readable(self, outsider: httpx.Client, owned: str) -> None:
        body = {"expiresIn": 60, "paths": ["a.txt", "b.txt"]}
        hidden, absent = outsider.post(f"/object/sign/{owned}", json=body).json()
        assert (hidden["signedURL"], hidden["error"]) == (None, absent["error"])

    @pytest.mark.parametrize("door", ["", "info"])
    def test_nobody_learns_which_private_buckets_exist(
        self, nobody: httpx.Client, owned: str, door: str
    ) -> None:
        hidden = nobody.get(object_path(owned, "a.txt", door))
        absent = nobody.get(object_path(unique("absent"), "a.txt", door))
        assert error_of(hidden) == NO_SUCH_BUCKET
        assert comparable(hidden) == comparable(absent)

    @pytest.mark.parametrize(
        "headers", [{"if-none-match": "*"}, {"if-match": '"x"'}, {"range": "bytes=0-"}], ids=str
    )
    def test_conditions_do_not_reveal_hidden_objects(
        self, outsider: httpx.Client, owned: str, headers: dict[str, str]
    ) -> None:
        answers = [outsider.get(object_path(owned, name), headers=headers) for name in ("a.txt", "b.txt")]
        assert comparable(answers[0]) == comparable(answers[1])


class TestWrites:
    @pytest.mark.parametrize("ask", [upload, upsert, replace, upload_form, sign_for_upload])
    def test_anon_writes_nothing(
        self, anon: httpx.Client, service: httpx.Client, bucket: str, ask: Ask
    ) -> None:
        assert error_of(ask(anon, bucket, "new.txt")) == ROW_DENIED
        assert error_of(get(service, bucket, "new.txt")) == NO_SUCH_KEY

    @pytest.mark.parametrize("ask", [upsert, replace, sign_for_upload])
    def test_others_do_not_replace(
        self, outsider: httpx.Client, owner: httpx.Client, owned: str, ask: Ask
    ) -> None:
        assert error_of(ask(outsider, owned, "a.txt")) == ROW_DENIED
        assert get_object(owner, owned, "a.txt").content == b"mine"

    def test_stranger_without_upsert_meets_the_unique_name(self, stranger: httpx.Client, owned: str) -> None:
        assert error_of(upload(stranger, owned, "a.txt")) == KEY_EXISTS

    def test_copy_onto_a_foreign_object_is_denied(
        self, stranger: httpx.Client, owner: httpx.Client, owned: str
    ) -> None:
        put_object(stranger, owned, "own.txt", b"theirs")
        body = {"bucketId": owned, "sourceKey": "own.txt", "destinationKey": "a.txt"}
        assert error_of(stranger.post("/object/copy", json=body, headers={"x-upsert": "true"})) == ROW_DENIED
        assert get_object(owner, owned, "a.txt").content == b"mine"

    def test_denied_delete_deletes_nothing(
        self, outsider: httpx.Client, owner: httpx.Client, owned: str
    ) -> None:
        assert error_of(outsider.delete(object_path(owned, "a.txt"))) == DELETE_DENIED
        assert get_object(owner, owned, "a.txt").content == b"mine"

    def test_denied_names_are_left_out_of_delete_many(
        self, stranger: httpx.Client, owner: httpx.Client, owned: str
    ) -> None:
        put_object(stranger, owned, "own.txt")
        rows = stranger.request("DELETE", f"/object/{owned}", json={"prefixes": ["a.txt", "own.txt"]}).json()
        assert [row["name"] for row in rows] == ["own.txt"]
        assert get_object(owner, owned, "a.txt").content == b"mine"

    def test_public_bucket_opens_reads_only(
        self, outsider: httpx.Client, owner: httpx.Client, public_bucket: str
    ) -> None:
        put_object(owner, public_bucket, "a.txt", b"mine")
        assert get(outsider, public_bucket, "a.txt").content == b"mine"
        assert error_of(upsert(outsider, public_bucket, "a.txt")) == ROW_DENIED
        assert outsider.post(f"/object/list/{public_bucket}", json={"prefix": ""}).json() == []

    def test_moving_into_another_bucket_keeps_its_limits(
        self, owner: httpx.Client, owned: str, make_bucket: MakeBucket
    ) -> None:
        strict = make_bucket(file_size_limit=1)
        body = {
            "bucketId": owned,
            "sourceKey": "a.txt",
            "destinationKey": "a.txt",
            "destinationBucket": strict,
        }
        for verb in ("copy", "move"):
            assert error_of(owner.post(f"/object/{verb}", json=body)).status_code == "413"
        assert get_object(owner, owned, "a.txt").content == b"mine"

    def test_signed_upload_of_a_stranger_never_touches_the_owner(
        self, stranger: httpx.Client, owner: httpx.Client, nobody: httpx.Client, owned: str
    ) -> None:
        token = sign_upload(stranger, owned, "b.txt")
        answer = nobody.put(object_path(owned, "a.txt", "upload/sign"), params={"token": token}, content=b"x")
        assert error_of(answer).error == "InvalidSignature"
        assert get_object(owner, owned, "a.txt").content == b"mine"


class TestBuckets:
    def test_only_the_service_role_sees_buckets(self, outsider: httpx.Client, bucket: str) -> None:
        assert outsider.get("/bucket").json() == []
        hidden = outsider.get(f"/bucket/{bucket}")
        assert error_of(hidden) == NO_SUCH_BUCKET
        assert comparable(hidden) == comparable(outsider.get(f"/bucket/{unique('absent')}"))

    def test_only_the_service_role_changes_buckets(
        self, outsider: httpx.Client, service: httpx.Client, bucket: str
    ) -> None:
        name = unique("denied")
        assert error_of(outsider.post("/bucket", json={"name": name})) == ROW_DENIED
        assert error_of(outsider.put(f"/bucket/{bucket}", json={"public": True})) == NO_SUCH_BUCKET
        assert error_of(outsider.delete(f"/bucket/{bucket}")) == NO_SUCH_BUCKET
        assert service.get(f"/bucket/{bucket}").json()["public"] is False
        assert error_of(service.get(f"/bucket/{name}")) == NO_SUCH_BUCKET


@pytest.mark.parametrize("sub", ["' OR 1=1 --", "%", "*", "a' OR 'a'='a", '"', "\\", ""])
def test_hostile_subject_sees_nothing(target: Target, owned: str, sub: str) -> None:
    with target.connect(target.token("authenticated", sub=sub)) as caller:
        assert caller.post(f"/object/list/{owned}", json={"prefix": ""}).json() == []
        assert error_of(get(caller, owned, "a.txt")) == NO_SUCH_KEY


@pytest.mark.parametrize("role", ["authenticated", "anon"])
def test_token_without_a_subject_owns_nothing(
    target: Target, service: httpx.Client, bucket: str, role: str
) -> None:
    put_object(service, bucket, "ownerless.txt")
    with target.connect(target.token(role)) as caller:
        assert error_of(get(caller, bucket, "ownerless.txt")) == NO_SUCH_KEY
        assert error_of(upload(caller, bucket, "new.txt")) == ROW_DENIED
