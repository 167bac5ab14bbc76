"""Large objects, one and four at once: 256 MiB and 4 GiB, both ways, raw and as a form."""

from collections.abc import Callable

from benchmarks.contest import curl
from benchmarks.contest.contender import Contender
from benchmarks.contest.curl import Transfer
from benchmarks.contest.sample import Unit
from benchmarks.contest.work import HUGE, HUGE_BYTES, LARGE, LARGE_BYTES, Bench, Trial, Work, fresh_tag, stamp

_KEPT = {LARGE_BYTES: LARGE, HUGE_BYTES: HUGE}
_CLIENTS = {1: "one client", 4: "four at once"}
_FEW_ROUNDS = 2
_TIMES_KEPT = 7
"""A source, and what the warm-up and all rounds store: room is made at the end."""
_LABELS = {LARGE_BYTES: "256 MiB", HUGE_BYTES: "4 GiB"}


def _download(size_bytes: int, clients: int) -> Callable[[Contender, Bench], Trial]:
    def prepare(contender: Contender, bench: Bench) -> Trial:
        name = _KEPT[size_bytes]
        contender.ensure_stored(name, bench.file(size_bytes))
        transfer = Transfer(request=contender.site.download(name), size_bytes=size_bytes)
        return Trial(act=lambda: curl.send([transfer] * clients))

    return prepare


def _upload(size_bytes: int, clients: int, *, as_form: bool) -> Callable[[Contender, Bench], Trial]:
    def prepare(contender: Contender, bench: Bench) -> Trial:
        sources = [bench.file(size_bytes, number) for number in range(clients)]
        names = [f"large/{fresh_tag()}{number}.bin" for number in range(clients)]
        transfers = [
            Transfer(
                request=contender.site.upload(name), size_bytes=size_bytes, source=source, as_form=as_form
            )
            for name, source in zip(names, sources, strict=True)
        ]

        def change() -> None:
            for source in sources:
                stamp(source)

        def clear() -> None:
            contender.site.remove(names)
            if size_bytes == HUGE_BYTES:
                contender.make_room()

        return Trial(before=change, act=lambda: curl.send(transfers), after=clear)

    return prepare


def _downloads(size_bytes: int, clients: int) -> Work:
    return Work(
        name=f"get-{_KEPT[size_bytes].removesuffix('.bin')}-{clients}",
        title=f"GET {_LABELS[size_bytes]}, {_CLIENTS[clients]}",
        unit=Unit.THROUGHPUT,
        prepare=_download(size_bytes, clients),
        for_files=True,
        for_full=size_bytes == HUGE_BYTES,
        most_rounds=_FEW_ROUNDS if size_bytes == HUGE_BYTES else None,
        disk_bytes=2 * size_bytes,
    )


def _uploads(size_bytes: int, clients: int, *, as_form: bool) -> Work:
    kind = "form" if as_form else "post"
    return Work(
        name=f"{kind}-{_KEPT[size_bytes].removesuffix('.bin')}-{clients}",
        title=f"POST {_LABELS[size_bytes]}{' as a form' if as_form else ''}, {_CLIENTS[clients]}",
        unit=Unit.THROUGHPUT,
        prepare=_upload(size_bytes, clients, as_form=as_form),
        for_files=not as_form,
        for_full=size_bytes == HUGE_BYTES or (as_form and clients > 1),
        most_rounds=_FEW_ROUNDS if size_bytes == HUGE_BYTES else None,
        disk_bytes=clients * size_bytes * (2 if size_bytes == HUGE_BYTES else _TIMES_KEPT),
    )


def _works(size_bytes: int) -> list[Work]:
    downloads = [_downloads(size_bytes, clients) for clients in _CLIENTS]
    ways = [(as_form, clients) for as_form in (False, True) for clients in _CLIENTS]
    return downloads + [_uploads(size_bytes, clients, as_form=as_form) for as_form, clients in ways]


WORKS = (*_works(LARGE_BYTES), *_works(HUGE_BYTES))
