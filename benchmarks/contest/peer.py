"""Any other server that speaks the storage interface of Supabase, by its address. It has to run already."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.contest import fill
from benchmarks.contest.contender import Contender
from benchmarks.contest.site import StorageSite

_UPLOADS_IN_BEARABLE_TIME = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Where it is, and who may do what there.

    url: what comes before `/object`. pids: its processes when they are on this machine, for CPU and memory.
    """

    url: str
    service_key: str
    user_token: str
    anon_key: str | None = None
    name: str = "peer"
    pids: Sequence[int] = ()


def to_contender(peer: Peer, body: Path) -> Contender:
    """Return the peer as a contender. body: a small file, for the bytes of objects in lists."""
    site = StorageSite(
        peer.url, service_key=peer.service_key, user_token=peer.user_token, anon_key=peer.anon_key
    )
    return Contender(
        name=peer.name,
        site=site,
        beside=peer.pids,
        facts={"url": peer.url, "durable": "not known from here", "policies": "what its database has"},
        fill=partial(_fill, site, body),
        fill_limit=_UPLOADS_IN_BEARABLE_TIME,
    )


def _fill(site: StorageSite, body: Path, bucket: str, names: Sequence[str]) -> None:
    fill.upload(site, bucket, names, body)
