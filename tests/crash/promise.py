"""What a server shows, compared with what clients were promised."""

from collections.abc import Sequence

import httpx

from tests.contract.client import get_object

from .door import etags_of
from .invariants import (
    Place,
    check_events,
    check_files,
    check_invariants,
    events_below,
    find_leftovers,
)
from .ledger import Client, History, digest_of
from .server import DEADLINE_S, Server, running_at, wait_until

BUCKET = "crash"


def create_bucket(server: Server) -> None:
    """Create the bucket that the clients share."""
    with server.connect() as caller:
        assert caller.post("/bucket", json={"name": BUCKET}).status_code == 200


def check_promises(server: Server, clients: Sequence[Client]) -> int:
    """Compare what the server shows with every ledger; each client goes on from there.

    Returns how many objects were downloaded and compared.
    """
    with server.connect() as caller:
        for client in clients:
            client.go_on_from(show(caller, server.place, client))
    return sum(len(client.acknowledged.digests) for client in clients)


def check_what_is_left(place: Place) -> None:
    """Check rows, bytes and events of servers that have just died. Raises: AssertionError."""
    settle(place)
    if not place.is_installed():
        return
    check_invariants(place)
    check_files(place)
    check_events(place)


def check_end(place: Place, clients: Sequence[Client]) -> int:
    """Start the server by its command, and see to it that reclaim leaves nothing over and nobody without.

    Returns how many objects were downloaded and compared.
    """
    # A reclaim that was killed keeps its lease for a quarter of an hour; let that pass.
    place.change("DELETE FROM storage_leases")
    with running_at(place, reclaim_interval=1, reclaim_grace=1) as server:
        _wait_for_reclaim(place)
        compared = check_promises(server, clients)
    check_what_is_left(place)
    return compared


def _wait_for_reclaim(place: Place) -> None:
    try:
        wait_until(lambda: not find_leftovers(place), "reclaim leaves nothing over", 2 * DEADLINE_S)
    except AssertionError as exc:
        exc.add_note(f"left over: {find_leftovers(place)}")
        raise


def settle(place: Place) -> None:
    """Wait until PostgreSQL has ended what it still does for processes that are gone."""
    running = place.running_transactions()
    if running:
        wait_until(lambda: not running & place.running_transactions(), "the database has heard of the end")


def show(caller: httpx.Client, place: Place, client: Client) -> History:
    """Download everything of a client, and read its events."""
    digests = read_all(caller, f"{client.label}/")
    own = client.own_bucket
    has_bucket = own is not None and caller.get(f"/bucket/{own}").status_code == 200
    if own is not None and has_bucket:
        digests |= read_all(caller, f"{client.label}/", bucket=own)
    return History(digests, events_below(place, f"{client.label}/"), has_bucket)


def read_all(caller: httpx.Client, prefix: str, *, bucket: str = BUCKET) -> dict[str, str]:
    """Download everything that the list shows; return the digests by name."""
    digests, cursor = dict[str, str](), ""
    while True:
        page = caller.post(f"/object/list-v2/{bucket}", json={"prefix": prefix, "cursor": cursor}).json()
        digests |= {each["name"]: read_digest(caller, bucket, each["name"]) for each in page["objects"]}
        if not page["hasNext"]:
            return digests
        cursor = page["nextCursor"]


def read_digest(caller: httpx.Client, bucket: str, name: str) -> str:
    answer = get_object(caller, bucket, name)
    assert answer.status_code == 200, f"{name}: {answer.text}"
    assert answer.headers["etag"] in etags_of(answer.content)
    return digest_of(answer.content)
