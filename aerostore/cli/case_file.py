"""Reads `*.test.yaml`: cases for policies as written, with their lines."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from aerostore.policy.case import InvalidCase

SUFFIX = ".test.yaml"
Kinds: TypeAlias = Mapping[str, type | tuple[type, ...]]

_OF_EXISTING: Kinds = {
    "owner": str,
    "size": int,
    "mime": str,
    "metadata": dict,
    "user_metadata": dict,
    "created_at": (datetime, str),
}
_SHARED: Kinds = {
    **_OF_EXISTING,
    "as": str,
    "sub": str,
    "claims": dict,
    "bucket": str,
    "name": str,
    "to": str,
    "to_bucket": str,
    "now": (datetime, str),
    "buckets": dict,
    "tables": dict,
}
CASE_KEYS: Kinds = {**_SHARED, "allow": str, "deny": str, "existing": dict, "why": str}
FILE_KEYS: Kinds = {**_SHARED, "policies": list, "cases": list}
_SPOKEN = {
    str: "a text; put it in quotes",
    int: "a whole number",
    dict: "a mapping",
    list: "a list",
    (datetime, str): "a time, such as 2026-01-31T09:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A value, and the line of its key."""

    line: int
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCase:
    """A case as written. entries: by key, those of the file included; own: the keys of the case itself."""

    path: Path
    line: int
    entries: Mapping[str, Entry]
    own: frozenset[str]

    def get(self, key: str) -> Any:
        """Return the value of `key`, or None."""
        return self.entries[key].value if key in self.entries else None

    def invalid(self, message: str, key: str = "") -> InvalidCase:
        """Return the error that names the line of `key`, or else of the case."""
        line = self.entries[key].line if key in self.entries else self.line
        return _invalid(self.path, line, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A file of cases. policies: the files that they put to the test."""

    path: Path
    policies: tuple[Path, ...]
    cases: tuple[WrittenCase, ...]


def read_case_file(path: Path) -> CaseFile:
    """Read the cases in `path`. Raises: InvalidCase naming file and line."""
    try:
        shared, cases = _read(path)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise _invalid(path, line, str(exc.problem)) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise _invalid(path, 1, str(exc)) from exc
    policies = shared.pop("policies", None)
    inherited = {key: entry for key, entry in shared.items() if key != "cases"}
    return CaseFile(
        path=path,
        policies=_policies(path, policies),
        cases=tuple(
            WrittenCase(path=path, line=line, entries={**inherited, **own}, own=frozenset(own))
            for line, own in cases
        ),
    )


def _read(path: Path) -> tuple[dict[str, Entry], list[tuple[int, dict[str, Entry]]]]:
    loader = _Loader(path.read_text("utf-8"))
    try:
        root = loader.get_single_node()
        entries = _entries(path, loader, root, FILE_KEYS)
        nodes = _case_nodes(path, root)
        cases = [(_line(node), _entries(path, loader, node, CASE_KEYS)) for node in nodes]
    finally:
        loader.dispose()
    return entries, cases


class _Loader(yaml.SafeLoader):
    """Refuses a key that is given twice, of which the last one would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) < len(node.value):
            raise yaml.MarkedYAMLError(problem="a key stands here twice", problem_mark=node.start_mark)
        return mapping


def _entries(path: Path, loader: _Loader, node: yaml.Node | None, kinds: Kinds) -> dict[str, Entry]:
    """Return the entries of a mapping; refuse keys that are unknown and values of another kind."""
    if not isinstance(node, yaml.MappingNode):
        raise _invalid(path, _line(node), "keys and values belong here")
    values = loader.construct_mapping(node, deep=True)
    lines = {str(key.value): _line(key) for key, _ in node.value}
    for key, value in values.items():
        _require_kind(path, lines[str(key)], str(key), value, kinds)
    return {key: Entry(lines[key], value) for key, value in values.items() if value is not None}


def _require_kind(path: Path, line: int, key: str, value: object, kinds: Kinds) -> None:
    kind = kinds.get(key)
    if kind is None:
        raise _invalid(path, line, f"{key!r} does not belong here; what does: {', '.join(sorted(kinds))}")
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise _invalid(path, line, f"{key!r} must be {_SPOKEN[kind]}")


def _case_nodes(path: Path, root: yaml.Node | None) -> Iterator[yaml.Node]:
    assert isinstance(root, yaml.MappingNode)  # its entries have been read
    found = [value for key, value in root.value if key.value == "cases"]
    if not found or not found[0].value:
        raise _invalid(path, 1, "there are no cases: write 'cases:' and a list")
    yield from found[0].value


def _policies(path: Path, entry: Entry | None) -> tuple[Path, ...]:
    """Return the files that the cases are about: the one of the same stem unless they are named."""
    if entry is None:
        return (path.with_name(path.name.removesuffix(SUFFIX) + ".sql"),)
    missing = [name for name in entry.value if not (path.parent / str(name)).is_file()]
    if missing:
        raise _invalid(path, entry.line, f"there is no {missing[0]}")
    return tuple(path.parent / name for name in entry.value)


def _line(node: yaml.Node | None) -> int:
    return node.start_mark.line + 1 if node else 1


def _invalid(path: Path, line: int, message: str) -> InvalidCase:
    return InvalidCase(f"{path}:{line}: {message}")
