"""Names of the members of an archive: such that no program writes outside of its folder, and none twice."""

import re
from unicodedata import normalize

_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')
# What Windows keeps for devices, with any extension.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE | re.ASCII)


class MemberNames:
    """Gives each object a name in one archive. Where case does not count, names still differ."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, str]] = set()
        self._numbers: dict[tuple[str, str], int] = {}
        self._folders: dict[str, str] = {"": ""}

    def member(self, name: str) -> str:
        """Return where the object `name` goes; a name that ends in a slash stays one, of a folder.

        What no file system takes becomes `_`. A second one of the same name gets a number.
        """
        if name.endswith("/") and name != "/":
            return self._folder(name.removesuffix("/"))
        parent, _, last = name.rpartition("/")
        return self._unique(self._folder(parent), last)

    def _folder(self, path: str) -> str:
        """Return the member name of a folder, with its slash: the same one whenever it is asked for."""
        missing = []
        while path not in self._folders:
            missing.append(path)
            path = path.rpartition("/")[0]
        for each in reversed(missing):
            parent, _, last = each.rpartition("/")
            self._folders[each] = self._unique(self._folders[parent], last) + "/"
        return self._folders[missing[0]] if missing else self._folders[path]

    def _unique(self, folder: str, segment: str) -> str:
        safe = _safe(segment)
        wanted = folder, _as_compared(safe)
        member, number = safe, self._numbers.get(wanted, 1)
        while (folder, _as_compared(member)) in self._taken:
            number += 1
            member = _numbered(safe, number)
        # The next one goes on from here: names that are alike would try all the numbers again, each of them.
        self._numbers[wanted] = number
        self._taken.add((folder, _as_compared(member)))
        return folder + member


def _numbered(segment: str, number: int) -> str:
    stem, dot, extension = segment.rpartition(".")
    return f"{stem} ({number}){dot}{extension}" if stem else f"{segment} ({number})"


def _as_compared(segment: str) -> str:
    """Return what the names have in common that some file system takes for one."""
    return segment if segment.isascii() and segment.islower() else normalize("NFC", segment.casefold())


def _safe(segment: str) -> str:
    """Return `segment` as every file system takes it, and as none can leave its folder by it."""
    safe = _UNSAFE.sub("_", segment)
    if safe.strip(". ") == "":
        return "_" * max(len(safe), 1)
    if safe[-1] in ". ":
        safe = safe[:-1] + "_"
    return f"_{safe}" if _DEVICE.fullmatch(safe) else safe
