"""Pages of 1,000 rows from buckets of 10,000 and 1,000,000 objects, one request after the other; deletion."""

from collections.abc import Callable

from benchmarks.contest import CannotRun, LeftOut, crowd, curl
from benchmarks.contest.contender import Contender
from benchmarks.contest.curl import Transfer
from benchmarks.contest.fill import ALBUMS, FLAT, listed_names
from benchmarks.contest.sample import Unit
from benchmarks.contest.site import PAGE, PRIVATE, Request
from benchmarks.contest.work import Bench, Trial, Work, fresh_tag

_LABELS = {10_000: "10,000", 1_000_000: "1,000,000"}
_PLACES = {"first": 0.0, "middle": 0.5, "last": 1.0}
_SHORT = ("list-v2-first", "list-v2-last", "list-v2-folders", "list-v1-first")
_KIB = 1024
_PAGES_PER_S = 20
Page = Callable[[Contender, str], Request]


def _page(count: int, ask: Page) -> Callable[[Contender, Bench], Trial]:
    bucket = f"bench-{count}"

    def prepare(contender: Contender, bench: Bench) -> Trial:
        contender.ensure_filled(bucket, listed_names(count))
        requests = [ask(contender, bucket)] * (_PAGES_PER_S * bench.seconds)
        return Trial(act=lambda: crowd.send(requests, connections=1))

    return prepare


def _by_cursor(place: float) -> Page:
    def ask(contender: Contender, bucket: str) -> Request:
        site = contender.storage
        if not place:
            return site.list_v2(bucket, f"{FLAT}/")
        cursors = list(site.cursors(bucket, f"{FLAT}/"))
        if not cursors:
            raise CannotRun(f"{contender.name} lists {bucket} on one page")
        return site.list_v2(bucket, f"{FLAT}/", cursor=cursors[int((len(cursors) - 1) * place)])

    return ask


def _by_offset(count: int, place: float) -> Page:
    pages = (count - count // 10) // PAGE
    offset = int((pages - 1) * place) * PAGE
    return lambda contender, bucket: contender.storage.list_v1(bucket, FLAT, offset=offset)


def _folders(contender: Contender, bucket: str) -> Request:
    return contender.storage.list_v2(bucket, f"{ALBUMS}/", folders=True)


def _works(count: int) -> list[Work]:
    pages = {f"list-v2-{where}": _by_cursor(place) for where, place in _PLACES.items()}
    pages |= {"list-v2-folders": _folders}
    pages |= {f"list-v1-{where}": _by_offset(count, place) for where, place in _PLACES.items()}
    return [
        Work(
            name=f"{name}-{count}",
            title=f"{_title(name)} of {_LABELS[count]} objects",
            unit=Unit.TIME,
            prepare=_page(count, ask),
            for_full=count > 10_000 or name not in _SHORT,
            disk_bytes=2 * _KIB * count,
        )
        for name, ask in pages.items()
    ]


def _title(name: str) -> str:
    _, version, where = name.split("-")
    return f"List {version}, {'a page of folders' if where == 'folders' else f'{where} page'}"


def _delete_many(contender: Contender, bench: Bench) -> Trial:
    site, fill = contender.storage, contender.fill
    if fill is None:
        raise LeftOut(f"{contender.name} is not filled")
    names = [f"deleted/{fresh_tag()}{number}" for number in range(PAGE)]
    transfer = Transfer(request=site.delete(names), size_bytes=0)
    return Trial(before=lambda: fill(PRIVATE, names), act=lambda: curl.send([transfer]))


WORKS = (
    *_works(10_000),
    Work(name="delete-1000", title="Delete 1,000 objects", unit=Unit.TIME, prepare=_delete_many),
    *_works(1_000_000),
)
