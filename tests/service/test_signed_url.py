"""Signed URLs: what a token lets its holder do, and every way in which it must not."""

import base64
import hashlib
import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from aerostore.domain import DownloadLink, RlsContext, UploadLink
from aerostore.errors import (
    AccessDenied,
    InvalidKey,
    InvalidLink,
    InvalidParameter,
    KeyAlreadyExists,
    NoSuchKey,
    NoSuchRelation,
    SignatureDoesNotMatch,
)
from aerostore.service.download import ReadRequest
from aerostore.service.publish import Upload
from aerostore.service.signed_url import MAX_EXPIRES_IN_S, LinkSigner
from tests.service.conftest import MakeStage
from tests.service.stage import ANON, OWNER, STRANGER, UPLOAD_EXPIRES_IN_S, FakeClock, Stage, content_of

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=!% \n\0é"


def sign(stage: Stage, name: str = "a", expires_in_s: int = 60, by: RlsContext = OWNER) -> str:
    return stage.run(stage.storage.signed_urls.sign(by, "photos", name, expires_in_s=expires_in_s))


def sign_upload(stage: Stage, name: str = "a", by: RlsContext = OWNER, *, upsert: bool = False) -> str:
    upload = Upload(bucket_id="photos", name=name, upsert=upsert)
    return stage.run(stage.storage.signed_urls.sign_upload(by, upload))


def download(stage: Stage, token: str, name: str = "a") -> bytes:
    link = stage.storage.signed_urls.verify_download(token, "photos", name)
    return stage.run(content_of(stage.run(stage.storage.downloads.open_signed(ANON, link, ReadRequest()))))


def upload_by(stage: Stage, link: UploadLink, upload: Upload, content: bytes = b"signed") -> str | None:
    return stage.run(stage.storage.files.put_signed(ANON, link, upload, content)).owner_id


def upload(stage: Stage, token: str, name: str = "a", content: bytes = b"signed") -> str | None:
    link = stage.storage.signed_urls.verify_upload(token, "photos", name)
    return upload_by(stage, link, Upload(bucket_id="photos", name=name), content)


# Reading


def test_whoever_holds_a_token_reads_that_object(stage: Stage) -> None:
    stage.put("a")
    assert download(stage, sign(stage)) == b"content"


def test_a_link_tells_who_made_it_when_and_until_when(stage: Stage) -> None:
    stored = stage.put("a")
    one, other = (stage.storage.signed_urls.verify_download(sign(stage), "photos", "a") for _ in range(2))
    assert (one.object_id, one.issuer) == (stored.id, OWNER.user_id)
    assert (one.expires_at - one.issued_at).total_seconds() == 60
    assert one.link_id != other.link_id


def test_only_what_the_caller_may_select_is_signed(stage: Stage) -> None:
    stage.put("a")
    for caller in (STRANGER, ANON):
        with pytest.raises(NoSuchKey):
            sign(stage, by=caller)
    with pytest.raises(NoSuchKey):
        sign(stage, "missing")
    with pytest.raises(InvalidKey):
        sign(stage, "..")


def test_signing_many_leaves_out_what_the_caller_may_not_select(stage: Stage) -> None:
    stage.put("a")
    stage.put("theirs", by=STRANGER)
    ask = stage.storage.signed_urls.sign_many
    tokens = stage.run(ask(OWNER, "photos", ["a", "theirs", "missing", ".."], expires_in_s=60))
    assert list(tokens) == ["a"]
    assert download(stage, tokens["a"]) == b"content"


@pytest.mark.parametrize("seconds", [0, -1, MAX_EXPIRES_IN_S + 1, 10**30])
def test_an_absurd_lifetime_is_refused(stage: Stage, seconds: int) -> None:
    stage.put("a")
    with pytest.raises(InvalidParameter):
        sign(stage, expires_in_s=seconds)


def test_the_longest_lifetime_works(stage: Stage) -> None:
    stage.put("a")
    assert download(stage, sign(stage, expires_in_s=MAX_EXPIRES_IN_S)) == b"content"


def test_a_token_ends_to_the_second(stage: Stage) -> None:
    stage.clock.now = stage.clock.now.replace(microsecond=0)
    stage.put("a")
    token = sign(stage, expires_in_s=60)
    stage.clock.advance(59.999)
    assert download(stage, token) == b"content"
    stage.clock.advance(0.001)
    with pytest.raises(InvalidLink, match="exp"):
        download(stage, token)


def test_a_replaced_object_keeps_its_links(stage: Stage) -> None:
    stage.put("a")
    token = sign(stage)
    stage.put("a", b"replaced", upsert=True)
    assert download(stage, token) == b"replaced"


def test_an_object_deleted_and_made_again_has_none_of_its_links(stage: Stage) -> None:
    stage.put("a")
    token = sign(stage)
    stage.delete("a")
    stage.put("a")
    with pytest.raises(NoSuchKey):
        download(stage, token)


def test_a_link_does_not_follow_a_moved_object_nor_its_successor(stage: Stage) -> None:
    stage.put("a")
    token = sign(stage)
    stage.run(stage.storage.files.move(OWNER, "photos", "a", to_bucket_id="photos", to_name="b"))
    stage.put("a", b"another")
    with pytest.raises(NoSuchKey):
        download(stage, token)
    with pytest.raises(SignatureDoesNotMatch):
        download(stage, token, "b")


# Writing


def test_whoever_holds_an_upload_token_writes_once_for_its_issuer(stage: Stage) -> None:
    token = sign_upload(stage)
    assert upload(stage, token) == OWNER.user_id
    with pytest.raises(KeyAlreadyExists):
        upload(stage, token)
    assert stage.get("a") == b"signed"


def test_an_upsert_token_writes_again(stage: Stage) -> None:
    token = sign_upload(stage, upsert=True)
    for content in (b"first", b"second"):
        upload(stage, token, content=content)
    assert stage.get("a") == b"second"


def test_the_link_decides_and_not_the_request(stage: Stage) -> None:
    stage.make_bucket("other")
    stage.put("a")
    stage.put("theirs", by=STRANGER)
    link = stage.storage.signed_urls.verify_upload(sign_upload(stage, "mine"), "photos", "mine")
    for asked in (
        Upload(bucket_id="other", name="a"),
        Upload(bucket_id="photos", name="theirs", upsert=True),
    ):
        stage.rows("DELETE FROM storage_objects WHERE name = 'mine'")
        upload_by(stage, link, asked)
        assert stage.names() == ["a", "mine", "theirs"]
    with pytest.raises(KeyAlreadyExists):
        upload_by(stage, link, Upload(bucket_id="photos", name="mine", upsert=True))
    assert stage.get("theirs", by=STRANGER) == b"content"


def test_only_who_could_write_gets_an_upload_token(stage: Stage) -> None:
    stage.put("theirs", by=STRANGER)
    stage.put("mine")
    with pytest.raises(AccessDenied):
        sign_upload(stage, by=ANON)
    with pytest.raises(AccessDenied):
        sign_upload(stage, "theirs", upsert=True)
    with pytest.raises(KeyAlreadyExists):
        sign_upload(stage, "mine")
    with pytest.raises(InvalidKey):
        sign_upload(stage, "..")
    missing = Upload(bucket_id="missing", name="a")
    with pytest.raises(NoSuchRelation):
        stage.run(stage.storage.signed_urls.sign_upload(OWNER, missing))
    assert stage.names() == ["mine", "theirs"]


def test_an_upload_token_ends(stage: Stage) -> None:
    token = sign_upload(stage)
    stage.clock.advance(UPLOAD_EXPIRES_IN_S)
    with pytest.raises(InvalidLink):
        upload(stage, token)


# Tokens. From here on nothing is stored: they are verified before any row is read.

KEY = "key of this test"
CLOCK = FakeClock()
SIGNER = LinkSigner([KEY], clock=CLOCK)
READ = Callable[[str], DownloadLink | UploadLink]


def upload_token(bucket: str = "photos", name: str = "a", *, signer: LinkSigner = SIGNER) -> str:
    return signer.upload_token(bucket, name, owner_id="owner", upsert=False, expires_in_s=60)


def read_upload(token: str, bucket: str = "photos", name: str = "a") -> UploadLink:
    return SIGNER.read_upload_token(token, bucket, name)


@pytest.mark.parametrize(
    ("bucket", "name"), [("photos", "b"), ("other", "a"), ("photos", "A"), ("photosa", "")]
)
def test_a_token_is_for_one_bucket_and_one_name(bucket: str, name: str) -> None:
    with pytest.raises(SignatureDoesNotMatch):
        read_upload(upload_token(), bucket, name)


def test_a_token_to_write_does_not_read_and_the_other_way_round(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.put("a")
    stage.put("b")
    links = stage.storage.signed_urls
    with pytest.raises(SignatureDoesNotMatch, match="not scoped for download"):
        links.verify_download(sign_upload(stage, "new"), "photos", "new")
    with pytest.raises(SignatureDoesNotMatch, match="not scoped for upload"):
        links.verify_upload(sign(stage), "photos", "a")


def test_no_change_of_any_character_verifies() -> None:
    token = upload_token()
    assert read_upload(token)
    for position in range(len(token)):
        for character in ALPHABET:
            changed = token[:position] + character + token[position + 1 :]
            if changed == token:
                continue
            with pytest.raises(InvalidLink):
                read_upload(changed)


def test_nothing_can_be_added_to_or_taken_from_a_token() -> None:
    token = upload_token()
    for position in range(len(token)):
        with pytest.raises(InvalidLink):
            read_upload(token[:position] + token[position + 1 :])
    for position in range(len(token) + 1):
        for character in ALPHABET:
            with pytest.raises(InvalidLink):
                read_upload(token[:position] + character + token[position:])


@given(st.text() | st.text(ALPHABET, max_size=200))
def test_no_other_text_is_a_token(text: str) -> None:
    with pytest.raises(InvalidLink):
        read_upload(text)


def test_an_enormous_token_is_refused_unread() -> None:
    name = random.Random(1).randbytes(8192).hex()  # does not compress
    with pytest.raises(InvalidLink):
        read_upload(upload_token(name=name), name=name)


def test_a_longest_name_still_fits_a_token() -> None:
    name = "\U0001f600" * 256
    assert read_upload(upload_token(name=name), name=name).name == name


def test_a_claim_cannot_be_rewritten_under_an_old_signature() -> None:
    payload, signature = upload_token().rsplit(".", 1)
    claims = {"b": "photos", "n": "b", "e": 2**40, "i": 0, "l": "", "u": None, "w": True}
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert payload != forged
    with pytest.raises(InvalidLink):
        read_upload(f"{forged}.{signature}", name="b")


def test_a_genuine_signature_of_nonsense_is_refused() -> None:
    serializer = URLSafeSerializer(
        KEY,
        salt="aerostore.signed-url.upload",
        signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
    )
    assert SIGNER.read_upload_token(upload_token(), "photos", "a")
    nonsense = serializer.make_signer(serializer.salt).sign(b"bm8ganNvbg").decode()
    with pytest.raises(InvalidLink, match="Compact"):
        read_upload(nonsense)


def test_an_older_key_still_verifies_and_a_retired_one_does_not() -> None:
    old, both, new = (LinkSigner(keys, clock=CLOCK) for keys in (["old"], ["new", "old"], ["new"]))
    from_old, from_both = upload_token(signer=old), upload_token(signer=both)
    assert both.read_upload_token(from_old, "photos", "a")
    assert new.read_upload_token(from_both, "photos", "a")
    for signer, token in ((new, from_old), (old, from_both)):
        with pytest.raises(InvalidLink):
            signer.read_upload_token(token, "photos", "a")


def test_another_servers_token_is_refused() -> None:
    with pytest.raises(InvalidLink):
        read_upload(upload_token(signer=LinkSigner(["another key"], clock=CLOCK)))
