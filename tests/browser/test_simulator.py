"""Scenario 11: the simulator says what the server does and why, and a refusal leads to it."""

import random
import re
from collections.abc import Callable, Iterator, Mapping

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.contract.client import Target, object_path, put_object

from .conftest import NewContext
from .support import admin_url, folder_path, picture, reload, sign_in, start_session, violations
from .support_server import ROOT, Server

ALICE = "31ab0000-0000-4000-8000-00000000000a"
BOB = "31ab0000-0000-4000-8000-00000000000b"
POLICY = "users manage their own folder"
EVERYBODY_LOOKS = """
create policy "everybody sees the bucket" on storage.buckets for select using (id = 'shared');
create policy "everybody looks" on storage.objects for select using (bucket_id = 'shared');
"""
BUCKET = "avatars"
CASES = 30
SIMULATOR = "policies/simulator"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server under a policy of the gallery, and one bucket that everybody may look into."""
    directory = tmp_path_factory.mktemp("simulator")
    policies = directory / "policies"
    policies.mkdir()
    (policies / "own-folder.sql").write_text((ROOT / "policies/gallery/own-folder.sql").read_text())
    (policies / "shared.sql").write_text(EVERYBODY_LOOKS)
    with Server(directory, policies_dir=policies) as server:
        yield server


@pytest.fixture(scope="module")
def avatars(service: httpx.Client) -> str:
    """The bucket that the policy is about, with an object of each user."""
    assert service.post("/bucket", json={"name": BUCKET, "file_size_limit": 1000}).status_code == 200
    for owner in (ALICE, BOB):
        assert put_object(service, BUCKET, f"{owner}/a.txt").status_code == 200
    return BUCKET


class Simulator:
    """The form of the page and its answer."""

    def __init__(self, page: Page) -> None:
        self._form = page.get_by_role("form", name="Question")
        self.answer = page.get_by_role("region", name="Answer")
        self.verdict = self.answer.get_by_role("heading", level=2)

    def fill(self, *, op: str, role: str = "authenticated", **fields: str) -> None:
        """Fill in a question; `fields` by label, such as `Object`."""
        self._form.get_by_label("Who").select_option(role)
        self._form.get_by_label("Operation").select_option(op)
        for label, value in fields.items():
            self._form.get_by_label(label.replace("_", " "), exact=True).fill(value)

    def ask(self) -> None:
        self._form.get_by_role("button", name="Ask").click()

    def field(self, label: str) -> Locator:
        return self._form.get_by_label(label, exact=True)

    def expect_status(self, status: int) -> None:
        """Wait for an answer that foretells this HTTP status."""
        expect(self.answer).to_contain_text(f"The client gets status {status}")


def test_a_denied_upload_names_the_clause_and_the_fix_is_allowed(
    page: Page, target: Target, avatars: str
) -> None:
    sign_in(page, target, SIMULATOR)
    simulator = Simulator(page)
    simulator.fill(op="upload", Subject=ALICE, Bucket=avatars, Object=f"{BOB}/new.png")
    simulator.ask()
    expect(simulator.verdict).to_have_text(f'Denied by "{POLICY}"')
    expect(simulator.answer).to_contain_text("(storage.foldername(name))[1] = ")
    expect(simulator.answer).to_contain_text(f"'{BOB}'")
    expect(simulator.answer).to_contain_text("What would allow it:")
    simulator.expect_status(400)
    assert violations(page) == []
    picture(page, "simulator-denied")
    simulator.field("Object").fill(f"{ALICE}/new.png")
    simulator.ask()
    expect(simulator.verdict).to_have_text("Allowed")
    simulator.expect_status(200)


def test_a_limit_is_told_apart_from_a_policy(page: Page, target: Target, avatars: str) -> None:
    sign_in(page, target, SIMULATOR)
    simulator = Simulator(page)
    simulator.fill(op="upload", Subject=ALICE, Bucket=avatars, Object=f"{ALICE}/big.png", Size="2")
    simulator.ask()
    expect(simulator.verdict).to_have_text("Refused before policies")


def test_an_address_asks_its_question_and_survives_a_reload(page: Page, target: Target, avatars: str) -> None:
    path = f"{SIMULATOR}?role=anon&op=upload&bucket={avatars}&name={ALICE}%2Fa.txt"
    sign_in(page, target, path)
    simulator = Simulator(page)
    expect(simulator.verdict).to_have_text("Denied by default")
    reload(page)
    expect(simulator.verdict).to_have_text("Denied by default")
    expect(simulator.field("Object")).to_have_value(f"{ALICE}/a.txt")


def test_a_token_is_never_in_the_address(page: Page, target: Target, avatars: str) -> None:
    token = target.token("authenticated", sub=ALICE)
    sign_in(page, target, SIMULATOR)
    simulator = Simulator(page)
    simulator.fill(op="download", role="jwt", JWT=token, Bucket=avatars, Object=f"{ALICE}/a.txt")
    simulator.ask()
    expect(simulator.verdict).to_have_text("Allowed")
    assert token not in page.url
    assert token[:20] not in page.url


Ask = Callable[[httpx.Client, str, str], httpx.Response]
MOVED = "moved.txt"
NOT_ALLOWED = re.compile("^(Denied|Refused)")


def asks_for(route: str) -> Ask:
    def ask(caller: httpx.Client, bucket: str, name: str) -> httpx.Response:
        to = f"{name.partition('/')[0]}/{MOVED}"
        return caller.post(route, json={"bucketId": bucket, "sourceKey": name, "destinationKey": to})

    return ask


REQUESTS: Mapping[str, Ask] = {
    "upload": put_object,
    "upsert": lambda caller, bucket, name: put_object(caller, bucket, name, headers={"x-upsert": "true"}),
    "update": lambda caller, bucket, name: caller.put(object_path(bucket, name), content=b"x"),
    "download": lambda caller, bucket, name: caller.get(object_path(bucket, name, "authenticated")),
    "info": lambda caller, bucket, name: caller.get(object_path(bucket, name, "info/authenticated")),
    "copy": asks_for("/object/copy"),
    "move": asks_for("/object/move"),
    "delete": lambda caller, bucket, name: caller.delete(object_path(bucket, name)),
    "sign": lambda caller, bucket, name: caller.post(
        object_path(bucket, name, "sign"), json={"expiresIn": 60}
    ),
    "sign_upload": lambda caller, bucket, name: caller.post(object_path(bucket, name, "upload/sign")),
}


@pytest.fixture
def callers(target: Target) -> Iterator[Mapping[str, httpx.Client]]:
    """Who may ask, by subject; nobody's is empty."""
    with (
        target.connect(target.token("anon")) as anon,
        target.connect(target.token("authenticated", sub=ALICE)) as alice,
        target.connect(target.token("authenticated", sub=BOB)) as bob,
    ):
        yield {"": anon, ALICE: alice, BOB: bob}


def test_the_verdict_equals_what_the_same_request_gets(
    page: Page, target: Target, avatars: str, callers: Mapping[str, httpx.Client]
) -> None:
    """Each request is made after it was asked about: later cases meet what it has changed."""
    chance = random.Random(4)
    sign_in(page, target, SIMULATOR)
    simulator = Simulator(page)
    allowed = 0
    for _ in range(CASES):
        op, sub = chance.choice(sorted(REQUESTS)), chance.choice(["", ALICE, ALICE, BOB])
        folder, file = chance.choice([ALICE, ALICE, BOB]), chance.choice(["a.txt", "b.txt", MOVED])
        name, bucket = f"{folder}/{file}", chance.choice([avatars] * 5 + ["nowhere"])
        fields = {"Bucket": bucket, "Object": name} | ({"Subject": sub} if sub else {})
        if op in {"copy", "move"}:
            fields["New_name"] = f"{folder}/{MOVED}"
        simulator.fill(op=op, role="authenticated" if sub else "anon", **fields)
        with page.expect_response("**/admin/api/policies/explain") as asked:
            simulator.ask()
        foretold = asked.value.json()
        answer = REQUESTS[op](callers[sub], bucket, name)
        told = (op, sub, name, foretold["decided_by"], answer.text)
        assert foretold["http"]["status"] == answer.status_code, told
        assert foretold["allowed"] == answer.is_success, told
        simulator.expect_status(answer.status_code)
        expect(simulator.verdict, str(told)).to_have_text("Allowed" if answer.is_success else NOT_ALLOWED)
        allowed += answer.is_success
    assert 5 <= allowed <= CASES - 5  # the cases are of both kinds


def test_a_refusal_leads_to_the_question_filled_in(
    new_context: NewContext, target: Target, service: httpx.Client
) -> None:
    """A user is refused, copies the link, and an operator opens it."""
    assert service.post("/bucket", json={"name": "shared"}).status_code == 200
    assert put_object(service, "shared", "plan.txt").status_code == 200
    context = new_context(permissions=["clipboard-read", "clipboard-write"])
    link = refused_link(context.new_page(), target)
    operator = new_context().new_page()
    start_session(operator.context.request, target, target.token("service_role"))
    operator.goto(link)
    simulator = Simulator(operator)
    expect(simulator.field("Bucket")).to_have_value("shared")
    expect(simulator.field("Subject")).to_have_value(ALICE)
    expect(simulator.verdict).to_have_text(f'Denied by "{POLICY}"')
    picture(operator, "simulator-from-refusal")


def refused_link(page: Page, target: Target) -> str:
    """Return the link that a user gets who may look at a file and not delete it."""
    sign_in(page, target, folder_path("shared"), role="authenticated", sub=ALICE)
    page.get_by_role("row").filter(has_text="plan.txt").click()
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Delete for good").click()
    picture(page, "simulator-refusal")
    page.get_by_role("button", name="Copy a link for an operator").click()
    expect(page.get_by_text("Link copied. An operator can open it.")).to_be_visible()
    link: str = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(admin_url(target, SIMULATOR))
    return link
