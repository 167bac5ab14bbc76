"""The policy shapes that must load, read from the engine's own corpus."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "policy" / "corpus"
_MARK = re.compile(r"^-- @id (\w+)\n", re.MULTILINE)
_HEAD = re.compile(
    r"create\s+policy\s+(?:\"(?P<quoted>[^\"]+)\"|(?P<plain>\w+))\s+on\s+\"?storage\"?\.\"?(?P<table>\w+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A CREATE POLICY statement. name: what it calls the policy."""

    id: str
    name: str
    table: str
    text: str

    @property
    def for_anyone(self) -> str:
        """The policy for every role; where it restricts, beside one that grants all.

        For objects also a policy on buckets, so that subqueries have some to see, and some not to.
        """
        statements = [self.text.rstrip(";"), f'alter policy "{self.name}" on {self.table} to public']
        if self._is_restrictive:
            statements.append(f"create policy granting on {self.table} using (true)")
        if self.table == "storage.objects":
            statements.append("create policy visible on storage.buckets for select using (public)")
        return ";\n".join(statements)

    @property
    def _is_restrictive(self) -> bool:
        return "as restrictive" in self.text.lower()


def fixture() -> str:
    """Return the tables and functions that some shapes need."""
    return (FOLDER / "00_fixture_pg.sql").read_text("utf-8")


def shapes() -> Iterator[Shape]:
    """Yield every CREATE POLICY of the corpus, in its order."""
    for path in sorted(FOLDER.glob("[1-4]0_*.sql")):
        _, *parts = _MARK.split(path.read_text("utf-8"))
        for shape_id, text in zip(parts[::2], parts[1::2], strict=True):
            if found := _HEAD.search(text):
                name = found["quoted"] or found["plain"]
                yield Shape(id=shape_id, name=name, table=f"storage.{found['table']}", text=text.strip())
