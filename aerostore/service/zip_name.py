"""Names of the members of an archive: such that no program writes outside of its folder, and none twice."""

import re
from unicodedata import normalize

_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')
# What Windows keeps for devices, with any extension.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE | re.ASCII)


class MemberNames:
    """Gives each object a name in one archive. Where case does not count, names still differ."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
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
        stem, dot, extension = safe.rpartition(".")
        member, number = folder + safe, 1
        while _as_compared(member) in self._taken:
            number += 1
            numbered = f"{stem} ({number}){dot}{extension}" if stem else f"{safe} ({number})"
            member = folder + numbered
        self._taken.add(_as_compared(member))
        return member


def _as_compared(member: str) -> str:
    """Return what the names have in common that some file system takes for one."""
    return member if member.isascii() and member.islower() else normalize("NFC", member.casefold())


def _safe(segment: str) -> str:
    """Return `segment` as every file system takes it, and as none can leave its folder by it."""
    safe = _UNSAFE.sub("_", segment)
    if safe.strip(". ") == "":
        return "_" * max(len(safe), 1)
    if safe[-1] in ". ":
        safe = safe[:-1] + "_"
    return f"_{safe}" if _DEVICE.fullmatch(safe) else safe
