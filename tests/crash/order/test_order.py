"""A 200 goes out after everything that it vouches for is on the disk: the real server under strace."""

import hashlib
import posixpath
from pathlib import Path

import pytest

from tests.crash.invariants import check_invariants

from .exchange import Calls, Exchange
from .rule import Step, check_chain
from .scene import BESIDE, CROWD, LARGE, SMALL, Scene, crowd_content, crowd_path
from .trace import Call
from .traced import has_unnamed_files


def steps_of_an_upload(scene: Scene, exchange: Exchange, link: Call) -> list[Step]:
    """List what comes before the answer to an upload whose bytes got their key by `link`."""
    origin = exchange.origin(link)
    later = exchange.after(link)
    return [
        Step("a file is made", [origin]),
        Step("the bytes are written", exchange.after(origin).writes(origin.made)),
        Step("the file is synced", exchange.after(origin).syncs(origin.made)),
        Step("the file is linked under its key", [link]),
        Step("the directory of the link is synced", later.syncs(posixpath.dirname(link.target))[:1]),
        Step("the rows are written", later.writes(scene.log)),
        Step("the rows are synced", later.syncs(scene.log)[-1:]),
        Step("the answer goes out", [exchange.reply]),
    ]


def only_link(scene: Scene, label: str) -> Call:
    (link,) = scene.exchanges[label].links(scene.blobs)
    return link


UPLOADS = pytest.mark.parametrize(
    ("label", "content"), [("small", SMALL), ("large", LARGE), ("upsert", BESIDE), ("again", SMALL)]
)


@UPLOADS
def test_bytes_name_and_rows_are_durable_one_after_the_other_before_the_answer(
    scene: Scene, label: str, content: bytes
) -> None:
    exchange, link = scene.exchanges[label], only_link(scene, label)
    steps = steps_of_an_upload(scene, exchange, link)
    check_chain(*steps)
    written = steps[1].calls
    assert sum(call.result for call in written) == len(content)
    assert hashlib.sha256(content).hexdigest() in link.target


@pytest.mark.parametrize("label", ["small", "large"])
def test_a_new_directory_is_durable_before_the_first_name_in_it(scene: Scene, label: str) -> None:
    exchange, link = scene.exchanges[label], only_link(scene, label)
    (made,) = exchange.new_directories(scene.blobs)
    assert made.target == posixpath.dirname(link.target)
    known = [each for each in exchange.after(made).syncs(scene.blobs) if each.began < link.began]
    check_chain(
        Step("the directory is made", [made]),
        Step("the directory above it is synced", known),
        Step("a file is linked into it", [link]),
    )


@UPLOADS
def test_an_upload_syncs_no_more_than_it_must(scene: Scene, label: str, content: bytes) -> None:
    exchange, link = scene.exchanges[label], only_link(scene, label)
    origin = exchange.origin(link)
    assert len(exchange.after(origin).syncs(origin.made)) == 1
    assert len(exchange.after(link).syncs(scene.log)) <= 1
    # The file's own directory; the one above too when this upload made it.
    is_new = bool(exchange.new_directories(scene.blobs))
    before_the_rows = [
        call
        for call in exchange.directory_syncs(scene.blobs)
        if call.began < exchange.after(link).syncs(scene.log)[0].began
    ]
    assert len(before_the_rows) == 1 + is_new


@UPLOADS
def test_bytes_have_no_name_before_they_are_durable(
    scene: Scene, label: str, content: bytes, tmp_path: Path
) -> None:
    origin = scene.exchanges[label].origin(only_link(scene, label))
    assert ("O_TMPFILE" in origin.text) == has_unnamed_files(tmp_path)


def test_bytes_that_are_stored_already_go_only_after_the_commit_that_does_not_use_them(scene: Scene) -> None:
    exchange, link = scene.exchanges["again"], only_link(scene, "again")
    dropped = exchange.unlinks(scene.blobs)
    assert [call.target for call in dropped] == [link.target]
    check_chain(
        Step("the rows are synced", exchange.after(link).syncs(scene.log)[-1:]),
        Step("the bytes that they do not use go", dropped),
    )


@pytest.mark.parametrize("label", ["copy", "move", "delete"])
def test_rows_alone_change_and_are_durable_before_the_answer(scene: Scene, label: str) -> None:
    exchange = scene.exchanges[label]
    check_chain(
        Step("the request arrives", [exchange.received]),
        Step("the rows are written", exchange.writes(scene.log)),
        Step("the rows are synced", exchange.syncs(scene.log)),
        Step("the answer goes out", [exchange.reply]),
    )
    assert len(exchange.syncs(scene.log)) == 1
    assert exchange.touching(scene.blobs) == []
    assert exchange.links(scene.blobs) == []


@pytest.mark.parametrize("label", ["small", "large", "upsert", "copy", "move", "delete"])
def test_no_request_removes_bytes_that_have_a_key(scene: Scene, label: str) -> None:
    assert scene.exchanges[label].unlinks(scene.blobs) == []


@pytest.mark.parametrize("number", range(CROWD))
def test_uploads_that_share_a_commit_wait_for_one_that_began_after_their_bytes_were_durable(
    scene: Scene, number: int
) -> None:
    exchange = scene.exchanges[f"/storage/v1{crowd_path(number)}"]
    everything = Calls(calls=scene.calls)
    digest = hashlib.sha256(crowd_content(number)).hexdigest()
    (link,) = [call for call in everything.links(scene.blobs) if digest in call.target]
    origin = everything.origin(link)
    later = everything.after(link)
    named = later.syncs(posixpath.dirname(link.target))[:1]
    since = named[0].ended if named else link.ended
    written = first(later.writes(scene.log), since)
    # A sync before that write ends another commit.
    synced = first(later.syncs(scene.log), written[0].ended) if written else []
    check_chain(
        Step("the request arrives", [exchange.received]),
        Step("the file is synced", everything.after(origin).syncs(origin.made)[:1]),
        Step("the file is linked under its key", [link]),
        Step("the directory of the link is synced", named),
        Step("the rows are written", written),
        Step("the rows are synced", synced),
        Step("the answer goes out", [exchange.reply]),
    )


def first(calls: list[Call], since: int) -> list[Call]:
    return [call for call in calls if call.began > since][:1]


def test_afterwards_every_row_has_its_bytes(scene: Scene) -> None:
    check_invariants(scene.place)
