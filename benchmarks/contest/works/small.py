"""Small requests, as many as go: objects of 4 KiB in and out, ranges of a large one, signed URLs."""

import random
from collections.abc import Callable
from dataclasses import replace

from benchmarks.contest import crowd, wrk
from benchmarks.contest.contender import Contender
from benchmarks.contest.sample import MIB, Load, Unit
from benchmarks.contest.site import FileSite, Request, StorageSite
from benchmarks.contest.work import LARGE, LARGE_BYTES, SMALL, SMALL_BYTES, Bench, Trial, Work, fresh_tag

_RANGE_BYTES = 64 * 1024
_RANGES = 64
_REPLACED = 256
_HEADS_PER_S = 1000
_UPLOADS_EACH = 2


def _steadily(bench: Bench, *requests: Request) -> Trial:
    plan = wrk.Plan(requests=requests)
    return Trial(act=lambda: wrk.send(plan, connections=bench.connections, seconds=bench.seconds))


def _upload_steadily(bench: Bench, request: Request, *, names: int = 0) -> Trial:
    body = bench.file(SMALL_BYTES)

    def act() -> Load:
        plan = wrk.Plan(requests=[request], body=body, fresh=fresh_tag(), names=names)
        return wrk.send(plan, connections=bench.connections, seconds=bench.seconds)

    return Trial(act=act)


def _of_files(ask: Callable[[StorageSite | FileSite], Request]) -> Callable[[Contender, Bench], Trial]:
    """Return what prepares a request that plain web servers understand too."""

    def prepare(contender: Contender, bench: Bench) -> Trial:
        source = bench.file(SMALL_BYTES)
        contender.ensure_stored(SMALL, source)
        contender.ensure_stored(SMALL, source, public=True)
        return _steadily(bench, ask(contender.site))

    return prepare


def _of_storage(ask: Callable[[StorageSite], Request]) -> Callable[[Contender, Bench], Trial]:
    """Return what prepares a request that takes more than a plain web server."""

    def prepare(contender: Contender, bench: Bench) -> Trial:
        site = contender.storage
        contender.ensure_stored(SMALL, bench.file(SMALL_BYTES))
        return _steadily(bench, ask(site))

    return prepare


def _post_new(contender: Contender, bench: Bench) -> Trial:
    return _upload_steadily(bench, contender.site.upload("new/"))


def _post_upsert(contender: Contender, bench: Bench) -> Trial:
    """Replace some objects over and over, with other bytes each time."""
    request = contender.storage.upload("replaced/", upsert=True)
    return _upload_steadily(bench, request, names=_REPLACED)


def _head(contender: Contender, bench: Bench) -> Trial:
    contender.ensure_stored(SMALL, bench.file(SMALL_BYTES))
    requests = [contender.storage.head(SMALL)] * (_HEADS_PER_S * bench.seconds)
    return Trial(act=lambda: crowd.send(requests, connections=bench.connections))


def _ranges(contender: Contender, bench: Bench) -> Trial:
    contender.ensure_stored(LARGE, bench.file(LARGE_BYTES))
    whole = contender.site.download(LARGE)
    places = random.Random(1)
    starts = [places.randrange(LARGE_BYTES - _RANGE_BYTES) for _ in range(_RANGES)]
    return _steadily(bench, *(_range(whole, start) for start in starts))


def _range(whole: Request, start: int) -> Request:
    wanted = f"bytes={start}-{start + _RANGE_BYTES - 1}"
    return replace(whole, headers={**whole.headers, "range": wanted})


def _at_once(connections: int) -> Callable[[Contender, Bench], Trial]:
    def prepare(contender: Contender, bench: Bench) -> Trial:
        body = bench.file(MIB)
        names = [f"crowd/{fresh_tag()}{number}" for number in range(connections * _UPLOADS_EACH)]
        requests = [contender.site.upload(name) for name in names]
        return Trial(
            act=lambda: crowd.send(requests, body=body, connections=connections),
            after=lambda: contender.site.remove(names),
        )

    return prepare


WORKS = (
    Work(
        name="get-private",
        title="GET 4 KiB, authenticated",
        unit=Unit.RATE,
        prepare=_of_storage(lambda site: site.download(SMALL)),
    ),
    Work(
        name="get-public",
        title="GET 4 KiB, public",
        unit=Unit.RATE,
        prepare=_of_files(lambda site: site.public(SMALL)),
        for_files=True,
    ),
    Work(
        name="get-signed",
        title="GET 4 KiB, by a signed URL",
        unit=Unit.RATE,
        prepare=_of_storage(lambda site: site.signed(SMALL)),
    ),
    Work(name="head", title="HEAD, authenticated", unit=Unit.RATE, prepare=_head),
    Work(
        name="sign",
        title="Sign a URL",
        unit=Unit.RATE,
        prepare=_of_storage(lambda site: site.sign(SMALL)),
    ),
    Work(name="post-new", title="POST 4 KiB, new names", unit=Unit.RATE, prepare=_post_new, for_files=True),
    Work(name="post-upsert", title="POST 4 KiB over an object", unit=Unit.RATE, prepare=_post_upsert),
    Work(
        name="range",
        title="GET 64 KiB ranges of 256 MiB",
        unit=Unit.RATE,
        prepare=_ranges,
        for_files=True,
    ),
    Work(
        name="crowd-100",
        title="100 uploads of 1 MiB at once",
        unit=Unit.THROUGHPUT,
        prepare=_at_once(100),
        for_files=True,
        disk_bytes=8 * 100 * _UPLOADS_EACH * MIB,
    ),
    Work(
        name="crowd-500",
        title="500 uploads of 1 MiB at once",
        unit=Unit.THROUGHPUT,
        prepare=_at_once(500),
        for_files=True,
        for_full=True,
        disk_bytes=8 * 500 * _UPLOADS_EACH * MIB,
    ),
)
