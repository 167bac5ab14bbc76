"""How folders are spelled that list v1, which ignores the case of ASCII letters, takes for one."""

from collections.abc import Iterable, Mapping, Sequence

from aerostore.executor import Work
from aerostore.executor import statements as sql


def spellings(bucket_id: str, folders: Iterable[str]) -> Work[Mapping[str, Sequence[str]]]:
    """Return every spelling of each of `folders` that has visible content, by seeking from one to the next.

    folders: with their delimiter, in lower case. All of them seek at once, so that what they need is few
    statements, however many they are.
    """
    found: dict[str, list[str]] = {folder: [] for folder in folders}
    seeks = {folder: _capitals(folder) for folder in found}
    while seeks:
        ranges = [(least, sql.end_of(folder)) for folder, least in seeks.items()]
        rows = (yield sql.folder.find_first_names(bucket_id, ranges)).rows
        sought, seeks = list(seeks), {}
        for row in rows:
            folder, name = sought[row["place"]], row["name"]
            if name is None:
                continue
            if sql.fold(name).startswith(folder):
                found[folder].append(name[: len(folder)])
                name = sql.end_of(name[: len(folder)])
            if (following := spelling_from(folder, name)) is not None:
                seeks[folder] = following
    return found


def spelling_from(folded: str, least: str) -> str | None:
    """Return the least text that folds to `folded` and is not below `least`; None when there is none."""
    if least <= (first := _capitals(folded)):
        return first
    for at in range(_shared_length(folded, least), -1, -1):
        bound = least[at : at + 1]
        if at == len(folded):
            if not bound:
                return least
            continue
        choices = (_capitals(folded[at]), folded[at])
        above = [choice for choice in choices if choice > bound]
        if above:
            return least[:at] + min(above) + _capitals(folded[at + 1 :])
    return None


_CAPITALS = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def _capitals(folded: str) -> str:
    return folded.translate(_CAPITALS)


def _shared_length(folded: str, text: str) -> int:
    """Return how many characters of `text` are spellings of those of `folded`."""
    for at, (one, other) in enumerate(zip(folded, sql.fold(text), strict=False)):
        if one != other:
            return at
    return min(len(folded), len(text))
