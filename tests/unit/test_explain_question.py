"""Questions to `explain`: what is asked again is what was refused."""

import pytest

from aerostore.api.admin.explain import asked_json, question_of
from aerostore.domain import JsonObject
from aerostore.service.folder_request import folder_request
from aerostore.service.question import Question

QUESTIONS = [
    Question(op="upload", bucket_id="photos", name="a", size_bytes=5, mime_type="image/png"),
    Question(op="sign_upload", bucket_id="photos", name="a", upsert=True),
    Question(op="copy", bucket_id="photos", name="a", to_bucket_id="other", to_name="b", upsert=True),
    Question(op="list", bucket_id="photos"),
    Question(op="bucket.list"),
]
MOVE: JsonObject = {"bucket": "photos", "prefix": "a/", "to_bucket": "other", "to_prefix": "b/"}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.op)
def test_a_question_as_json_is_the_same_question(question: Question) -> None:
    assert question_of(asked_json(question), where="body") == question


def test_what_goes_without_saying_is_not_said() -> None:
    assert asked_json(Question(op="delete", bucket_id="photos", name="a")) == {
        "op": "delete",
        "bucket": "photos",
        "name": "a",
    }


def asked_about(bucket_id: str, name: str, **changes: str) -> JsonObject | None:
    question = folder_request("folder.move", MOVE | changes).question_about(bucket_id, name)
    return asked_json(question) if question else None


def test_of_an_object_of_a_folder_it_is_asked_where_it_was_to_go() -> None:
    moving = {"op": "move", "bucket": "photos", "name": "a/x/1", "to": "b/x/1", "to_bucket": "other"}
    assert asked_about("photos", "a/x/1") == moving
    assert asked_about("photos", "a/x/1", conflict="replace") == moving | {"upsert": True}


def test_of_what_is_in_the_way_it_is_asked_whether_it_may_go() -> None:
    assert asked_about("other", "b/1", conflict="replace") == {
        "op": "delete",
        "bucket": "other",
        "name": "b/1",
    }
    assert asked_about("other", "b/1") is None


def test_of_a_deleted_object_it_is_asked_whether_it_may_be_deleted() -> None:
    question = folder_request("folder.delete", {"bucket": "photos", "prefix": ""}).question_about(
        "photos", "a"
    )
    assert question == Question(op="delete", bucket_id="photos", name="a")
