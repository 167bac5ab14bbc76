"""Bytes that come in several requests are durable before each answer: the backend under strace."""

import hashlib
import posixpath
from dataclasses import dataclass

import pytest

from tests.drafts import KEY

from .drafting import ANSWERS, FIRST, PART, SECOND
from .exchange import Calls
from .rule import Step, check_chain
from .scene import calls_in
from .trace import NEVER, Call
from .traced import run_program_traced

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, slots=True)
class Drafting:
    """What the program did. steps: the calls up to each answer, the answers: one call each."""

    draft: str
    blobs: str
    answers: list[Call]
    steps: list[Calls]


@pytest.fixture(scope="module")
def drafting(tmp_path_factory: pytest.TempPathFactory) -> Drafting:
    directory = tmp_path_factory.mktemp("drafting")
    run_program_traced(directory / "trace", "tests.crash.order.drafting", str(directory))
    calls = calls_in(directory / "trace")
    answers = Calls(calls=calls).writes(str(directory / ANSWERS))
    assert len(answers) == 3, (directory / "trace.log").read_text()
    begins = [-1, *(answer.began for answer in answers[:-1])]
    ends = [*(answer.began for answer in answers[:-1]), NEVER]
    steps = [
        Calls(calls=[call for call in calls if begin < call.began < end])
        for begin, end in zip(begins, ends, strict=True)
    ]
    return Drafting(str(directory / "blobs" / KEY), str(directory / "blobs"), answers, steps)


def test_a_first_append_is_answered_when_bytes_and_name_are_durable(drafting: Drafting) -> None:
    calls = drafting.steps[0]
    written = calls.writes(drafting.draft)
    assert sum(call.result for call in written) == len(FIRST)
    check_chain(
        Step("the bytes are written", written),
        Step("the file is synced", calls.syncs(drafting.draft)),
        Step("its directory is synced", calls.syncs(posixpath.dirname(drafting.draft))),
        Step("the answer goes out", [drafting.answers[0]]),
    )


def test_a_later_append_syncs_its_bytes_alone(drafting: Drafting) -> None:
    calls = drafting.steps[1]
    written, synced = calls.writes(drafting.draft), calls.syncs(drafting.draft)
    assert sum(call.result for call in written) == len(SECOND)
    check_chain(
        Step("the bytes are written", written),
        Step("the file is synced", synced),
        Step("the answer goes out", [drafting.answers[1]]),
    )
    assert len(synced) == 1
    assert calls.directory_syncs(drafting.blobs) == []


def test_a_draft_becomes_a_blob_without_being_written_again(drafting: Drafting) -> None:
    calls = drafting.steps[2]
    (link,) = calls.links(f"{drafting.blobs}/sha256")
    written = calls.writes(drafting.draft)
    assert hashlib.sha256(FIRST + SECOND + PART).hexdigest() in link.target
    assert sum(call.result for call in written) == len(PART)
    check_chain(
        Step("the last bytes are written", written),
        Step("the file is synced", calls.syncs(drafting.draft)),
        Step("the file is linked under the key of a blob", [link]),
        Step("the directory of the link is synced", calls.syncs(posixpath.dirname(link.target))),
        Step("the answer goes out", [drafting.answers[2]]),
    )
