"""Names as entries: those that share a folder are one."""

from collections.abc import Callable

from aerostore.executor import Statement, Work


def first_names(
    names: Statement,
    limit: int,
    *,
    folder_of: Callable[[str], str | None],
    beyond: Callable[[str, int], Statement],
) -> Work[list[str]]:
    """Return the first name of each entry, at most `limit`.

    names: reads the names one after the other, at most `limit`, which is all that a level without folders
    needs, and far less than to seek each. Where names share folders, the entries behind the last folder are
    sought, one by one: beyond(folder, how many).
    """
    firsts: dict[str, str] = {}
    last_folder, read = None, [row["name"] for row in (yield names).rows]
    for name in read:
        folder = folder_of(name)
        last_folder = folder or last_folder
        firsts.setdefault(folder or name, name)
    if last_folder is None or len(firsts) == limit or len(read) < limit:
        return list(firsts.values())
    known = list(firsts).index(last_folder) + 1
    sought = (yield beyond(last_folder, limit - known)).rows
    return [*list(firsts.values())[:known], *(row["name"] for row in sought)]
