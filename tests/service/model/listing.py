"""Lists as they must be: sorting everything that is there, with none of the seeking that the server does."""

from dataclasses import dataclass
from datetime import datetime

from tests.service.model.reference import Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An object or a folder. name: full, a folder's with its slash; key: what it is sorted by."""

    name: str
    key: tuple[datetime | str, str]
    stored: Stored | None = None

    @property
    def moment(self) -> datetime | None:
        return self.key[0] if isinstance(self.key[0], datetime) else None


def time_of(stored: Stored, column: str) -> datetime:
    return {
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        "last_accessed_at": stored.accessed_at,
    }[column]


def list_prefix(
    visible: dict[str, Stored], prefix: str, *, delimited: bool, column: str, order: str
) -> list[Entry]:
    """List v2: full names under a literal prefix, bytewise; or by time, then name."""
    folders: dict[str, list[Stored]] = {}
    entries: list[Entry] = []
    for name, stored in visible.items():
        end = name.find("/", len(prefix)) + 1 if delimited else 0
        if not name.startswith(prefix):
            continue
        if end:
            folders.setdefault(name[:end], []).append(stored)
        else:
            entries.append(Entry(name=name, key=_key(name, column, [stored]), stored=stored))
    for name, content in folders.items():
        entries.append(Entry(name=name, key=_key(name, _birth(column), content)))
    return sorted(entries, key=lambda entry: entry.key, reverse=order == "desc")


def _birth(column: str) -> str:
    return column if column == "name" else "created_at"


def _key(name: str, column: str, content: list[Stored]) -> tuple[datetime | str, str]:
    """Names are compared by code point, which is the order of their UTF-8 bytes."""
    return (name if column == "name" else min(time_of(stored, column) for stored in content)), name


def beyond(entries: list[Entry], last: Entry, order: str) -> list[Entry]:
    """Return what follows `last`, whether or not that is still there."""
    if order == "desc":
        return [entry for entry in entries if entry.key < last.key]
    return [entry for entry in entries if entry.key > last.key]


def list_folder(
    visible: dict[str, Stored], prefix: str, search: str, *, column: str, order: str
) -> list[Entry]:
    """List v1: one level of a folder, letters of ASCII in any case; folders first unless sorted by name."""
    root = root_of(prefix)
    depth = len(root) + search.rfind("/") + 1
    folders: dict[str, Entry] = {}
    files: list[Entry] = []
    for name, stored in visible.items():
        if not _fold(name).startswith(_fold(root + search)):
            continue
        end = name.find("/", depth) + 1
        if end:
            shown = name[len(root) : end]
            folders[shown] = Entry(name=root + shown, key=(_fold(root + shown), shown))
        else:
            moment = _fold(name) if column == "name" else time_of(stored, column)
            files.append(Entry(name=name, key=(moment, name), stored=stored))
    groups = [[*folders.values(), *files]] if column == "name" else [list(folders.values()), files]
    return [
        entry for group in groups for entry in sorted(group, key=lambda e: e.key, reverse=order == "desc")
    ]


def root_of(prefix: str) -> str:
    return prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


def _fold(text: str) -> str:
    """Return `text` in lower case as far as it is ASCII, with a slash before every other character."""
    return "".join(c.lower() if c.isascii() else c for c in text).replace("/", "\t")
