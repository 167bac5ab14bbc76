"""Names and buckets that are spelled to mean another place: on every route that takes one, and in JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import pytest

from tests.attack.route_table import Entry, entries
from tests.contract.client import Target, error_of, put_object, unique
from tests.contract.conftest import SECRET, MakeBucket
from tests.contract.raw_socket import RawResponse, exchange, request_bytes
from tests.crash.server import Server

SERVER_FAILURE = 500
CANARY = b"canary that only its own address leads to"
UPWARDS = [
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2F",
    ".%2e/",
    "%2E./",
    "..%5c",
    "..\\",
    "..;/",
    "..%3b/",
    "..;x=1/",
    "..%00/",
    "..%0d%0a/",
    "..%09/",
    "..%20/",
    "%c0%ae%c0%ae/",
    "%c0%ae%c0%ae%c0%af",
    "%e0%80%ae%e0%80%ae/",
    "%f0%80%80%ae%f0%80%80%ae/",
    "%u002e%u002e/",
    "%uff0e%uff0e/",
    "%EF%BC%8E%EF%BC%8E/",
    "%EF%BC%8E%EF%BC%8E%EF%BC%8F",
    "..%ef%bc%8f",
    "..%e2%81%84",
    "..%e2%88%95",
    "%ed%a0%80../",
    "%252e%252e/",
    "%252e%252e%252f",
    "%25252e%25252e%25252f",
    "..%252f",
    "....//",
    ".../",
    "..//",
    "./../",
    "//../",
    "/../",
    "%2f..%2f",
    "x/../../",
    "x/%2e%2e/%2e%2e/",
    "..#/",
    "..%23/",
    "..%3f/",
]
ELSEWHERE = [
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "../../../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "..%5c..%5c..%5cetc%5cpasswd",
    "file:///etc/passwd",
    "file:%2f%2f%2fetc%2fpasswd",
    "../jwt_secret",
    "..%2fjwt_secret",
    "..%2f..%2fsigning_key",
    "..%2f..%2faerostore.db",
    "~root/.profile",
    "C:%5cwindows%5cwin.ini",
    "%5c%5c127.0.0.1%5cshare",
    "CON",
    "a:stream",
    "/proc/self/environ",
    "%2fproc%2fself%2fenviron",
]
OUR_NAMES = [entry for entry in entries() if entry.takes_a_name]
OUR_BUCKETS = [entry for entry in entries() if entry.takes_a_bucket]
JSON = ("Content-Type", "application/json")


@dataclass(frozen=True)
class Victim:
    """A private bucket with one object, and how both look now."""

    service: httpx.Client
    bucket: str

    @property
    def path(self) -> str:
        return f"/object/authenticated/{self.bucket}/secret.txt"

    def names(self) -> list[str]:
        return names_in(self.service, self.bucket)

    def is_untouched(self) -> bool:
        return self.names() == ["secret.txt"] and self.service.get(self.path).content == CANARY


def names_in(service: httpx.Client, bucket: str) -> list[str]:
    listed = service.post(f"/object/list-v2/{bucket}", json={}).json()
    return [each["name"] for each in listed["objects"]]


@pytest.fixture(scope="module")
def victim(service: httpx.Client) -> Victim:
    name = unique("victim")
    assert service.post("/bucket", json={"name": name}).is_success
    assert put_object(service, name, "secret.txt", CANARY).is_success
    return Victim(service, name)


def body_of(entry: Entry) -> bytes:
    bodies = {
        "storage.object.sign": b'{"expiresIn":60}',
        "storage.object.sign_many": b'{"expiresIn":60,"paths":["secret.txt"]}',
        "storage.object.delete_many": b'{"prefixes":["secret.txt"]}',
        "storage.object.list": b'{"prefix":""}',
        "storage.bucket.update": b'{"public":true}',
    }
    return b"" if entry.method == "GET" else bodies.get(entry.operation, b"{}")


def send(target: Target, entry: Entry, path: str, token: str | None) -> RawResponse:
    body = body_of(entry)
    headers = [JSON, ("Content-Length", str(len(body))), ("x-upsert", "true")]
    return exchange(
        target, request_bytes(target, entry.method, path, headers=headers, token=token, body=body)
    )


def spelled(victim: Victim) -> Iterator[str]:
    """Yield names that, read by somebody more obliging, lead out of their bucket."""
    for upwards in UPWARDS:
        yield f"{upwards}{victim.bucket}/secret.txt"
    yield from ELSEWHERE


@pytest.mark.parametrize("entry", OUR_NAMES, ids=str)
def test_no_spelling_of_a_name_leads_out_of_its_bucket(
    target: Target, service: httpx.Client, make_bucket: MakeBucket, victim: Victim, entry: Entry
) -> None:
    start = make_bucket(public=True)
    for name in spelled(victim):
        answer = send(target, entry, entry.at(start, name), target.token("service_role"))
        assert answer.status < SERVER_FAILURE, name
        for stolen in (CANARY, b"root:", SECRET.encode(), b"SQLite format 3"):
            assert stolen not in answer.body, name
    assert victim.is_untouched()
    for name in names_in(service, start):
        assert not {".", ".."} & set(name.split("/"))


@pytest.mark.parametrize("entry", OUR_BUCKETS, ids=str)
def test_no_spelling_of_a_bucket_is_another_bucket(
    target: Target, public_bucket: str, victim: Victim, entry: Entry
) -> None:
    private = victim.bucket
    for bucket in (
        f"{public_bucket}%2f..%2f{private}",
        f"{public_bucket}/../{private}",
        f"{public_bucket}/%2e%2e/{private}",
        f".%2f{private}",
        f"./{private}",
        f"%2f{private}",
        f"/{private}",
        private.upper(),
        f"{private}%20",
        f"%20{private}",
        f"{private}%09",
        f"{private}.",
        f"{private}%00",
        f"{private}%00.x",
        f"{private};x=1",
        f"{private}%3fx",
        f"{private}%23x",
        f"{private}%5c",
        quote(private.replace("v", "\u2174", 1)),
        quote(private.replace("i", "\u0456", 1)),
        quote("".join(chr(ord(character) + 0xFEE0) for character in private)),
        quote(f"{private}\u200b"),
        quote(f"\ufeff{private}"),
        f"%25{private[0].encode().hex()}{private[1:]}",
    ):
        answer = send(target, entry, entry.at(bucket, "secret.txt"), target.token("service_role"))
        assert answer.status < SERVER_FAILURE, bucket
        assert CANARY not in answer.body, bucket
    assert victim.is_untouched()


def test_an_escaped_letter_is_that_letter(target: Target, victim: Victim) -> None:
    """What the two tests above would look like if they sent nothing that anybody decodes."""
    escaped = f"%{victim.bucket[0].encode().hex()}{victim.bucket[1:]}"
    read = Entry("/object/authenticated/{bucket}/{name}", "GET", "")
    assert send(target, read, read.at(escaped, "secret%2etxt"), target.token("service_role")).body == CANARY


@pytest.mark.parametrize("upwards", UPWARDS)
def test_no_public_bucket_is_a_way_into_a_private_one(
    target: Target, public_bucket: str, victim: Victim, upwards: str
) -> None:
    for door in ("/object", "/object/public", "/object/info/public", "/object/info"):
        path = f"{door}/{public_bucket}/{upwards}{victim.bucket}/secret.txt"
        answer = exchange(target, request_bytes(target, "GET", path))
        assert answer.status == 0 or 400 <= answer.status < SERVER_FAILURE
        assert CANARY not in answer.body


@pytest.mark.parametrize(
    "name", ["../{}/secret.txt", "/../{}/secret.txt", "..\\{}\\secret.txt", "{}/secret.txt"]
)
def test_names_in_json_stay_in_their_bucket(
    service: httpx.Client, bucket: str, victim: Victim, name: str
) -> None:
    name = name.format(victim.bucket)
    put_object(service, bucket, "a")
    for verb in ("copy", "move"):
        stolen = {"bucketId": bucket, "sourceKey": name, "destinationKey": "stolen"}
        assert error_of(service.post(f"/object/{verb}", json=stolen)).status_code in {"400", "404"}
    planted = {"bucketId": bucket, "sourceKey": "a", "destinationKey": name}
    service.post("/object/copy", json=planted)
    assert service.request("DELETE", f"/object/{bucket}", json={"prefixes": [f"x/{name}"]}).json() == []
    signed = service.post(f"/object/sign/{bucket}", json={"expiresIn": 60, "paths": [f"x/{name}"]}).json()
    assert [each["signedURL"] for each in signed] == [None]
    for listed in (
        service.post(f"/object/list/{bucket}", json={"prefix": name, "search": "secret"}),
        service.post(f"/object/list-v2/{bucket}", json={"prefix": f"x/{name}"}),
    ):
        assert CANARY.decode() not in listed.text
        assert "secret.txt" not in listed.text.replace(name, "")
    assert victim.is_untouched()


@pytest.mark.parametrize(
    "bucket_id", ["../{}", "./{}", "{}/", "{}/secret.txt/..", " {}", "{} ", "{}\0", "{}%2f"]
)
def test_buckets_in_json_have_one_spelling(
    service: httpx.Client, bucket: str, victim: Victim, bucket_id: str
) -> None:
    bucket_id = bucket_id.format(victim.bucket)
    assert put_object(service, bucket, "x").is_success
    there = {"bucketId": bucket_id, "destinationBucket": bucket, "sourceKey": "secret.txt"}
    back = {"bucketId": bucket, "destinationBucket": bucket_id, "sourceKey": "x"}
    for body in ({**there, "destinationKey": "y"}, {**back, "destinationKey": "y"}):
        for verb in ("copy", "move"):
            assert service.post(f"/object/{verb}", json=body).status_code == 400
    assert names_in(service, bucket) == ["x"]
    assert victim.is_untouched()


@pytest.mark.parametrize(
    "name",
    [
        *(
            "..",
            ".",
            "",
            " ",
            "a/b",
            "a\\b",
            "a\0",
            "a\nb",
            "a\tb",
            "a%2fb",
            "a#b",
            "a|b",
            "~",
            "a<b>",
            'a"b',
        ),
        *("b\u0456g", "\uff42ucket", "buc\u0308ket", "bucket\u200b", "\u202ebucket", "x" * 101),
        *(" bucket", "bucket ", "bucket--table-s3"),
    ],
    ids=ascii,
)
def test_a_bucket_cannot_be_called_what_could_be_taken_for_another(service: httpx.Client, name: str) -> None:
    before = service.get("/bucket").json()
    answer = service.post("/bucket", json={"name": name})
    assert error_of(answer).status_code == "400"
    assert service.get("/bucket").json() == before


def test_a_bucket_is_found_by_its_id_and_never_by_its_name(service: httpx.Client, victim: Victim) -> None:
    """Somebody who may name buckets cannot pass one off as another."""
    decoy = unique("decoy")
    assert service.post("/bucket", json={"id": decoy, "name": unique("name")}).is_success
    named_alike = service.post("/bucket", json={"id": unique("id"), "name": victim.bucket})
    assert error_of(named_alike).status_code == "409"
    assert victim.is_untouched()


def test_nothing_that_clients_name_is_a_name_on_the_disk(
    server: Server, service: httpx.Client, bucket: str
) -> None:
    name = "recognisable/name.html"
    assert put_object(service, bucket, name, b"bytes of a recognisable name").is_success
    stored = [str(path.relative_to(server.data_dir)) for path in server.data_dir.rglob("*")]
    assert any(path.startswith("blobs/sha256/") for path in stored)
    assert not [path for path in stored if "recognisable" in path or bucket in path or "html" in path]
