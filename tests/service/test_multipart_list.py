"""Lists of multipart uploads and of their parts: whose, in which order, page by page."""

from dataclasses import replace

import pytest

from aerostore.domain import RlsContext, UploadSession
from aerostore.service.upload_listing import UploadListing, UploadQuery
from tests.conformance.executor_fixture import Rights
from tests.service.conftest import MakeStage, in_memory
from tests.service.multipart_scene import LIFETIME_S, Scene
from tests.service.stage import ANON, OWNER, SERVICE, STRANGER, Stage

EVERYTHING = UploadQuery()


@pytest.fixture
def scene(stage: Stage) -> Scene:
    return Scene(stage)


def listing(scene: Scene, by: RlsContext = SERVICE, query: UploadQuery = EVERYTHING) -> UploadListing:
    return scene.stage.run(scene.uploads.list_uploads(by, "photos", query))


def names(found: UploadListing) -> list[str]:
    return [each.name if isinstance(each, UploadSession) else each.prefix for each in found.entries]


def names_by(scene: Scene, query: UploadQuery) -> list[str]:
    return names(listing(scene, query=query))


def pages(scene: Scene, query: UploadQuery) -> list[list[str]]:
    """Return the names on each page, as a client walks through them."""
    seen = []
    while True:
        found = listing(scene, query=query)
        seen.append(names(found))
        if found.is_last:
            return seen
        last = found.entries[-1]
        if isinstance(last, UploadSession):
            query = replace(query, after_name=last.name, after_id=last.id)
        else:
            query = replace(query, after_name=last.prefix, after_id="")


def test_parts_are_listed_in_pages(scene: Scene) -> None:
    upload = scene.begin()
    parts = [scene.put(upload, number, b"part %d" % number) for number in (9, 3, 5)]

    def page(after: int, limit: int) -> tuple[list[int], bool]:
        found = scene.stage.run(scene.uploads.list_parts(OWNER, upload, after_number=after, limit=limit))
        return [part.number for part in found.parts], found.is_last

    assert page(0, 2) == ([3, 5], False)
    assert page(5, 2) == ([9], True)
    assert page(0, 3) == ([3, 5, 9], True)
    assert page(9, 3) == ([], True)
    assert page(0, 0) == ([], True)
    found = scene.stage.run(scene.uploads.list_parts(OWNER, upload, after_number=8, limit=1)).parts[0]
    assert (found.etag, found.blob.size_bytes) == (parts[0].etag, 6)


def test_uploads_are_listed_by_name_and_each_on_one_page(scene: Scene) -> None:
    begun = ["b", "a/2", "a/1", "ä", "a/1", "c"]
    ids = {scene.begin(name).upload_id for name in begun}
    found = listing(scene)
    assert names(found) == sorted(begun)
    assert {each.id for each in found.entries if isinstance(each, UploadSession)} == ids
    for limit in range(1, 8):
        walked = pages(scene, UploadQuery(limit=limit))
        assert [name for page in walked for name in page] == sorted(begun)
        assert all(len(page) == limit for page in walked[:-1])


def test_uploads_are_grouped_at_the_delimiter(scene: Scene) -> None:
    begun = ["a/1", "a/2", "a/b/3", "a0", "b", *(f"many/{number:02}" for number in range(45)), "z/1"]
    for name in begun:
        scene.begin(name)
    assert names_by(scene, UploadQuery(delimiter="/")) == ["a/", "a0", "b", "many/", "z/"]
    assert names_by(scene, UploadQuery(delimiter="/", prefix="a/")) == ["a/1", "a/2", "a/b/"]
    assert names_by(scene, UploadQuery(delimiter="any")) == ["a/1", "a/2", "a/b/3", "a0", "b", "many", "z/1"]
    assert names_by(scene, UploadQuery(prefix="many/4")) == [f"many/{number}" for number in range(40, 45)]
    for limit in range(1, 7):
        walked = pages(scene, UploadQuery(delimiter="/", limit=limit))
        assert [name for page in walked for name in page] == ["a/", "a0", "b", "many/", "z/"]


@in_memory
def test_a_list_of_uploads_begins_behind_any_text(scene: Scene) -> None:
    for name in ("a", "b", "c"):
        scene.begin(name)
    assert names_by(scene, UploadQuery(after_name="b")) == ["c"]
    assert names_by(scene, UploadQuery(after_name="aa")) == ["b", "c"]
    assert names_by(scene, UploadQuery(prefix="b", after_name="a")) == ["b"]
    assert names_by(scene, UploadQuery(prefix="b", after_name="bb")) == []
    assert names_by(scene, UploadQuery(after_name="b", after_id="~")) == ["c"]
    assert names_by(scene, UploadQuery(prefix=chr(0x10FFFF))) == []
    assert names_by(scene, UploadQuery(limit=0)) == []
    assert listing(scene, query=UploadQuery(limit=0)).is_last
    last = chr(0x10FFFF)
    scene.begin(f"{last}1")
    assert names_by(scene, UploadQuery(delimiter=last, after_name=last)) == []


def test_callers_see_the_uploads_that_they_began(make_stage: MakeStage) -> None:
    scene = Scene(make_stage(rights=Rights()))
    scene.begin("mine")
    scene.begin("theirs", STRANGER)
    scene.begin("the server's", SERVICE)
    assert names(listing(scene, OWNER)) == ["mine"]
    assert names(listing(scene, STRANGER)) == ["theirs"]
    scene.begin("anybody's", ANON)
    assert names(listing(scene, ANON)) == []
    assert names(listing(scene, SERVICE)) == ["anybody's", "mine", "the server's", "theirs"]


def test_callers_see_their_uploads_also_in_a_bucket_that_policies_hide(scene: Scene) -> None:
    scene.begin("mine")
    assert names(listing(scene, OWNER)) == ["mine"]
    assert names(listing(scene, STRANGER)) == []


def test_uploads_that_have_ended_or_expired_are_not_listed(scene: Scene) -> None:
    scene.begin("old")
    scene.stage.clock.advance(LIFETIME_S)
    scene.abort(scene.begin("aborted"))
    completed = scene.begin("completed")
    scene.complete(completed, [scene.put(completed, 1, b"content")])
    scene.begin("young")
    assert names(listing(scene)) == ["young"]
